"""Client: the calls of one server as coroutines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from vade import options
from vade._checks import run_id as checked_run_id
from vade._core import Settings
from vade.aio._driver import Driver
from vade._outages import replay_all
from vade._plans import create_run, run_info, runs_page
from vade._requests import RUN_SETTINGS
from vade.outage import OutageStats
from vade.records import Policy, RewardRange, RewardThreshold, RunInfo
from vade.records import StartingEvidence
from vade.aio.run import Run

__all__ = ["Client"]


class Client:
    """`vade.Client` for asyncio, with the same arguments.

    It has one connection for each event loop that uses it, and can be pickled
    and used after a fork like that.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        tls: options.Tls | None = None,
        token: str | None = None,
        timeout: options.Duration = 30.0,
        retry: options.Retry | None = None,
        on_outage: object = "raise",
        max_message_bytes: int = 128 << 20,
    ) -> None:
        self._settings = Settings.of(
            address, tls, token, timeout, retry, on_outage, max_message_bytes
        )
        self._driver = Driver(self._settings)

    @property
    def address(self) -> str:
        """Where the client's server is."""
        return self._settings.address

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self._settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._settings = state["settings"]
        self._driver = Driver(self._settings)

    def __repr__(self) -> str:
        return f"vade.aio.Client({self.address!r})"

    async def close(self) -> None:
        """See `vade.Client.close`."""
        await self._driver.close()

    def run(self, run_id: str) -> Run:
        """A handle of a run, without a call: it need not exist yet."""
        return Run(self, checked_run_id(run_id))

    async def create_run(
        self,
        run_id: str,
        *,
        policy: Policy | None = None,
        group_size: int | None = None,
        seed: int | None = None,
        reward_rule: RewardRange | RewardThreshold | None = None,
        display_name: str | None = None,
        selected_decay: float | None = None,
        unselected_decay: float | None = None,
        reference_batch_size: int | None = None,
        cooldown: float | None = None,
        target_pass_rate: float | None = None,
        lease_ttl: options.Duration | None = None,
        starting_evidence: StartingEvidence | None = None,
        retained_deals: int | None = None,
        retention_age: options.Duration | None = None,
        exist_ok: bool = False,
        timeout: options.Duration | None = None,
    ) -> Run:
        """See `vade.Client.create_run`."""
        given = locals()
        settings = {name: given[name] for name in RUN_SETTINGS}
        core = self._driver.core
        plan = create_run(core, run_id, settings, exist_ok, timeout)
        return Run(self, await self._driver.run(plan))

    async def get_run(
        self, run_id: str, *, timeout: options.Duration | None = None
    ) -> Run:
        """See `vade.Client.get_run`."""
        run = self.run(run_id)
        await self._driver.run(run_info(self._driver.core, run.id, timeout))
        return run

    async def list_runs(
        self, *, timeout: options.Duration | None = None
    ) -> AsyncIterator[RunInfo]:
        """See `vade.Client.list_runs`."""
        token = ""
        while True:
            plan = runs_page(self._driver.core, timeout, token)
            page, token = await self._driver.run(plan)
            for item in page:
                yield item
            if not token:
                return

    @property
    def outage(self) -> OutageStats:
        """What the client has seen of outages (see `on_outage`)."""
        return self._driver.core.outage.stats()

    async def replay_journal(
        self, *, timeout: options.Duration | None = None
    ) -> int:
        """See `vade.Client.replay_journal`."""
        return await self._driver.run(replay_all(self._driver.core, timeout))

    async def check_health(self, *, timeout: options.Duration = 5.0) -> None:
        """See `vade.Client.check_health`."""
        await self._driver.check_health(options.timeout_seconds(timeout, 5.0))

    async def wait_until_serving(
        self, *, timeout: options.Duration = 30.0
    ) -> None:
        """See `vade.Client.wait_until_serving`."""
        await self._driver.wait_until_serving(
            options.timeout_seconds(timeout, 30.0)
        )
