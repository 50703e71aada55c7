"""Run: the calls that concern one training run, as coroutines."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import vade
from vade import _messages, _plans, _reports, records
from vade._checks import LabelFilter
from vade._requests import PromptLike
from vade.aio.reporter import Reporter
from vade.options import Duration
from vade.records import StartingEvidence
from vade.reporter import RefusedReport
from vade.stats import RunStats

if TYPE_CHECKING:
    from vade.aio.client import Client

__all__ = ["Run"]


async def _one_by_one(
    prompts: Iterable[PromptLike] | AsyncIterable[PromptLike],
) -> AsyncIterator[PromptLike]:
    if isinstance(prompts, AsyncIterable):
        async for prompt in prompts:
            yield prompt
        return
    for prompt in prompts:
        yield prompt


class Run:
    """`vade.Run` for asyncio: a handle, good in any event loop."""

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self._id = run_id

    @property
    def id(self) -> str:
        """The run's id."""
        return self._id

    @property
    def client(self) -> Client:
        """The client whose server has the run."""
        return self._client

    def __repr__(self) -> str:
        return f"vade.aio.Run({self._id!r}, {self._client.address!r})"

    # ---- the run itself

    async def info(self, *, timeout: Duration | None = None) -> records.RunInfo:
        """See `vade.Run.info`."""
        driver = self._client._driver
        return await driver.run(_plans.run_info(driver.core, self._id, timeout))

    async def update(
        self,
        *,
        display_name: str | None = None,
        group_size: int | None = None,
        reference_batch_size: int | None = None,
        cooldown: float | None = None,
        target_pass_rate: float | None = None,
        lease_ttl: Duration | None = None,
        starting_evidence: StartingEvidence | None = None,
        retained_deals: int | None = None,
        retention_age: Duration | None = None,
        etag: str | None = None,
        timeout: Duration | None = None,
    ) -> records.RunInfo:
        """See `vade.Run.update`."""
        settings = dict(
            display_name=display_name,
            group_size=group_size,
            reference_batch_size=reference_batch_size,
            cooldown=cooldown,
            target_pass_rate=target_pass_rate,
            lease_ttl=lease_ttl,
            starting_evidence=starting_evidence,
            retained_deals=retained_deals,
            retention_age=retention_age,
        )
        driver = self._client._driver
        return await driver.run(
            _plans.update_run(driver.core, self._id, settings, etag, timeout)
        )

    async def delete(
        self,
        *,
        etag: str | None = None,
        missing_ok: bool = False,
        timeout: Duration | None = None,
    ) -> None:
        """See `vade.Run.delete`."""
        driver = self._client._driver
        await driver.run(
            _plans.delete_run(driver.core, self._id, etag, missing_ok, timeout)
        )

    async def stats(self, *, timeout: Duration | None = None) -> RunStats:
        """See `vade.Run.stats`."""
        driver = self._client._driver
        return await driver.run(_plans.stats(driver.core, self._id, timeout))

    async def to_pandas(
        self, *, payloads: bool = False, timeout: Duration | None = None
    ) -> Any:
        """See `vade.Run.to_pandas`."""
        stream = self.prompts(payloads=payloads, timeout=timeout)
        return vade.to_pandas([prompt async for prompt in stream])

    async def plot(self, *, timeout: Duration | None = None) -> Any:
        """See `vade.Run.plot`."""
        return vade.plot(await self.stats(timeout=timeout))

    async def watch(
        self, *, interval: Duration = 1.0, timeout: Duration | None = None
    ) -> AsyncIterator[RunStats]:
        """See `vade.Run.watch`."""
        stream = _plans.watch(self._id, interval, timeout)
        async for message in self._client._driver.stream(stream):
            yield _messages.run_stats(message)

    # ---- prompts

    async def import_prompts(
        self,
        prompts: Iterable[PromptLike] | AsyncIterable[PromptLike],
        *,
        existing: Literal["update", "skip", "fail"] = "update",
        progress: Callable[[records.ImportResult], object] | None = None,
        timeout: Duration | None = None,
    ) -> records.ImportResult:
        """See `vade.Run.import_prompts`."""
        driver = self._client._driver
        plan = _plans.ImportPlan(
            driver.core, self._id, existing, progress, timeout
        )
        async for prompt in _one_by_one(prompts):
            if plan.add(prompt):
                await driver.run(plan.upload())
        return await driver.run(plan.upload(last=True))

    async def prompt(
        self,
        prompt: object,
        *,
        payload: bool = False,
        timeout: Duration | None = None,
    ) -> records.PromptInfo:
        """See `vade.Run.prompt`."""
        driver = self._client._driver
        return await driver.run(
            _plans.prompt_info(driver.core, self._id, prompt, payload, timeout)
        )

    async def prompts(
        self,
        *,
        labels: LabelFilter | None = None,
        view: records.PromptView | None = None,
        order_by: str | None = None,
        payloads: bool = False,
        timeout: Duration | None = None,
    ) -> AsyncIterator[records.PromptInfo]:
        """See `vade.Run.prompts`."""
        driver = self._client._driver
        if view is None and order_by is None:
            stream = _plans.prompts_stream(self._id, labels, payloads, timeout)
            async for message in driver.stream(stream):
                page = _plans.prompts_of(driver.core, self._id, message)
                for item in page:
                    yield item
            return
        selection = dict(
            labels=labels, view=view, order_by=order_by, payloads=payloads
        )
        token = ""
        while True:
            plan = _plans.prompts_page(
                driver.core, self._id, selection, timeout, token
            )
            page, token = await driver.run(plan)
            for item in page:
                yield item
            if not token:
                return

    async def prompts_by_id(
        self,
        prompts: Iterable[object],
        *,
        payloads: bool = False,
        timeout: Duration | None = None,
    ) -> list[records.PromptInfo]:
        """See `vade.Run.prompts_by_id`."""
        driver = self._client._driver
        return await driver.run(
            _plans.prompts_by_id(
                driver.core, self._id, prompts, payloads, timeout
            )
        )

    async def update_prompt(
        self,
        prompt: object,
        *,
        payload: Any = None,
        labels: Mapping[str, str] | None = None,
        disabled: bool | None = None,
        evidence: records.Evidence | None = None,
        timeout: Duration | None = None,
    ) -> records.PromptInfo:
        """See `vade.Run.update_prompt`."""
        changes = dict(
            payload=payload, labels=labels, disabled=disabled, evidence=evidence
        )
        driver = self._client._driver
        return await driver.run(
            _plans.update_prompt(
                driver.core, self._id, prompt, changes, timeout
            )
        )

    async def delete_prompt(
        self, prompt: object, *, timeout: Duration | None = None
    ) -> None:
        """See `vade.Run.delete_prompt`."""
        driver = self._client._driver
        await driver.run(
            _plans.delete_prompt(driver.core, self._id, prompt, timeout)
        )

    # ---- batches

    async def next_batch(
        self,
        batch_size: int,
        *,
        request_id: str | None = None,
        shard: tuple[int, int] | None = None,
        labels: LabelFilter | None = None,
        min_batch_size: int | None = None,
        max_wait: Duration = 0.0,
        lease_ttl: Duration | None = None,
        payloads: bool = False,
        timeout: Duration | None = None,
    ) -> records.Batch:
        """See `vade.Run.next_batch`."""
        asked = dict(
            shard=shard,
            labels=labels,
            min_batch_size=min_batch_size,
            max_wait=max_wait,
            lease_ttl=lease_ttl,
            payloads=payloads,
        )
        driver = self._client._driver
        return await driver.run(
            _plans.next_batch(
                driver.core, self._id, batch_size, request_id, asked, timeout
            )
        )

    async def batch(
        self, batch: object, *, timeout: Duration | None = None
    ) -> records.BatchInfo:
        """See `vade.Run.batch`."""
        driver = self._client._driver
        return await driver.run(
            _plans.batch_info(driver.core, self._id, batch, timeout)
        )

    async def batches(
        self,
        *,
        state: records.BatchState | None = None,
        timeout: Duration | None = None,
    ) -> AsyncIterator[records.BatchInfo]:
        """See `vade.Run.batches`."""
        driver = self._client._driver
        token = ""
        while True:
            plan = _plans.batches_page(
                driver.core, self._id, state, timeout, token
            )
            page, token = await driver.run(plan)
            for item in page:
                yield item
            if not token:
                return

    async def renew(
        self,
        batch: object,
        *,
        lease_ttl: Duration | None = None,
        timeout: Duration | None = None,
    ) -> records.BatchInfo:
        """See `vade.Run.renew`."""
        driver = self._client._driver
        return await driver.run(
            _plans.renew(driver.core, self._id, batch, lease_ttl, timeout)
        )

    async def release(
        self,
        batch: object,
        prompts: Iterable[object] | None = None,
        *,
        timeout: Duration | None = None,
    ) -> records.BatchInfo:
        """See `vade.Run.release`."""
        driver = self._client._driver
        return await driver.run(
            _plans.release(driver.core, self._id, batch, prompts, timeout)
        )

    # ---- rewards

    async def report(
        self,
        batch: object,
        prompt: Any,
        rewards: Any,
        *,
        indices: Any = None,
        failed: Any = (),
        final: bool = False,
        timeout: Duration | None = None,
    ) -> records.ReportResult:
        """See `vade.Run.report`."""
        group = records.GroupReport(prompt, rewards, indices, failed, final)
        row = _reports.make_row(batch, group)
        driver = self._client._driver
        return await driver.run(
            _plans.report_rows(driver.core, self._id, [row], timeout)
        )

    async def report_groups(
        self, batch: object, groups: Any, *, timeout: Duration | None = None
    ) -> records.ReportResult:
        """See `vade.Run.report_groups`."""
        rows = list(_reports.make_rows(batch, groups))
        driver = self._client._driver
        return await driver.run(
            _plans.report_rows(driver.core, self._id, rows, timeout)
        )

    def reporter(
        self,
        *,
        max_rollouts: int = 512,
        max_delay: Duration = 0.2,
        max_waiting: int = 65536,
        on_error: Callable[[RefusedReport], object] | None = None,
    ) -> Reporter:
        """See `vade.Run.reporter`; `on_error` is called in the event loop."""
        return Reporter(self, max_rollouts, max_delay, max_waiting, on_error)
