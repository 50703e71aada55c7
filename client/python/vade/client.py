"""Client: typed calls with deadlines, repeats of what is safe, and errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vade import options
from vade._checks import run_id as checked_run_id
from vade._core import Settings
from vade._driver import Driver
from vade._outages import replay_all
from vade._plans import create_run, run_info, runs_page
from vade._requests import RUN_SETTINGS
from vade.outage import OutageStats
from vade.records import Policy, RewardRange, RewardThreshold, RunInfo
from vade.records import StartingEvidence
from vade.run import Run

__all__ = ["Client"]


class Client:
    """A server that hands out prompts. Thread-safe.

    Nothing is connected before the first call. A client can be pickled (its
    address and settings travel, not its connection) and used after a fork:
    the child connects anew. Calls of one program to one server should share
    one client.

    Every method raises `vade.Error` or one of its subclasses. `timeout` is
    the time in seconds that a call with all its repeats and pauses may take;
    None: the client's own.

    Args:
        address: host:port, unix:/path, or any name that gRPC resolves. None:
            the environment variable VADE_ADDRESS, else 127.0.0.1:7447.
        tls: Encryption. None: none, or if there is no `address` either what
            the environment says: VADE_TLS=1 (the system's authorities),
            VADE_TLS_CA, VADE_TLS_CERT, VADE_TLS_KEY, VADE_TLS_SERVER_NAME.
        token: Sent with every call as "authorization: Bearer TOKEN", for a
            proxy that asks for one: the server itself has no accounts.
        timeout: Seconds of a call, unless the call says otherwise.
        retry: The pauses of repeated calls.
        on_outage: What to do when no server answers: "raise" (after
            `timeout`), "wait" or `vade.Wait`, "local" or `vade.Local`.
        max_message_bytes: The largest message sent or received.
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

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self._settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._settings = state["settings"]
        self._driver = Driver(self._settings)

    def __repr__(self) -> str:
        return f"vade.Client({self.address!r})"

    def close(self) -> None:
        """Ends the connection. A later call connects again."""
        self._driver.close()

    def run(self, run_id: str) -> Run:
        """A handle of a run, without a call: it need not exist yet."""
        return Run(self, checked_run_id(run_id))

    def create_run(
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
        """Makes a run; settings that are None take the server's default.

        Args:
            run_id: 1 to 63 of a-z 0-9 . _ -, the first a letter or a digit.
            policy: "vade" (default), "vade-variance", "greedy",
                "last-update", "uniform" or "mopps".
            group_size: Rollouts of a group, 1 to 1024. Default 8.
            seed: Everything random in the run follows from it.
            reward_rule: How a reward becomes a success in [0, 1]. Default:
                RewardRange(0, 1).
            display_name: For people; at most 256 bytes.
            selected_decay: What a prompt keeps of its evidence when its group
                reports, in [0, 1].
            unselected_decay: What it keeps at each step at which it is not
                selected, in (0, 1].
            reference_batch_size: Prompts of one step of the clock, 0 to
                65536. 0 (default): each batch is one step.
            cooldown: Least clock distance before a prompt is dealt again.
            target_pass_rate: For "mopps": the pass rate wanted, in [0, 1].
            lease_ttl: How long a batch is in flight, 1 s to 7 d. Default 30
                min.
            starting_evidence: Of prompts imported without their own.
            retained_deals: Ended batches are forgotten when more deals are
                remembered.
            retention_age: Ended batches are forgotten when older, 1 min to
                365 d.
            exist_ok: If there is such a run with these settings, use it.

        Raises:
            RunExists: There is a run of this id; with `exist_ok`, only if one
                of the settings given here differs, which the text names.
        """
        given = locals()
        settings = {name: given[name] for name in RUN_SETTINGS}
        core = self._driver.core
        plan = create_run(core, run_id, settings, exist_ok, timeout)
        return Run(self, self._driver.run(plan))

    def get_run(
        self, run_id: str, *, timeout: options.Duration | None = None
    ) -> Run:
        """A handle of a run that is there.

        Raises:
            RunNotFound: There is no such run.
        """
        run = self.run(run_id)
        self._driver.run(run_info(self._driver.core, run.id, timeout))
        return run

    def list_runs(
        self, *, timeout: options.Duration | None = None
    ) -> Iterator[RunInfo]:
        """All runs of the server by id. `timeout` is that of one page."""
        token = ""
        while True:
            plan = runs_page(self._driver.core, timeout, token)
            page, token = self._driver.run(plan)
            yield from page
            if not token:
                return

    @property
    def outage(self) -> OutageStats:
        """What the client has seen of outages (see `on_outage`)."""
        return self._driver.core.outage.stats()

    def replay_journal(self, *, timeout: options.Duration | None = None) -> int:
        """Sends the reports that wait in the journal of `vade.Local` now.

        The next batch or report does so too, before anything else.

        Returns:
            Rollouts sent; 0 if nothing waits, or another thread sends.

        Raises:
            Unavailable: No server answers; what was not sent stays.
        """
        return self._driver.run(replay_all(self._driver.core, timeout))

    def check_health(self, *, timeout: options.Duration = 5.0) -> None:
        """Returns if the server serves now; one attempt, no repeats.

        Raises:
            Unavailable: It cannot be reached, loads or drains.
        """
        self._driver.check_health(options.timeout_seconds(timeout, 5.0))

    def wait_until_serving(self, *, timeout: options.Duration = 30.0) -> None:
        """Waits until the server serves.

        Raises:
            Unavailable: It does not within `timeout` seconds.
        """
        self._driver.wait_until_serving(options.timeout_seconds(timeout, 30.0))
