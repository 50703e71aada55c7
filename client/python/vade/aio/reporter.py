"""Reporter for asyncio: many small reports become few calls."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from vade import _reports, options
from vade._row_queue import Entry, RefusedReport, ReporterLimits, RowQueue
from vade._row_queue import refusal, send
from vade.errors import DeadlineExceeded, Error, FailedPrecondition
from vade.errors import Unavailable
from vade.records import GroupReport
from vade.reporter import no_room, still_waiting

if TYPE_CHECKING:
    from vade.aio.run import Run

__all__ = ["Reporter"]

_LOG = logging.getLogger("vade")

# Between two attempts, each of which has tried for the client's timeout.
_PAUSE = 1.0


class Reporter:
    """`vade.Reporter` for the tasks of one event loop.

    Close it, or use `async with`: nothing is sent once the loop has ended.
    """

    def __init__(
        self,
        run: Run,
        max_rollouts: int,
        max_delay: options.Duration,
        max_waiting: int,
        on_error: Callable[[RefusedReport], object] | None,
    ) -> None:
        self._run = run
        delay = options.seconds("max_delay", max_delay)
        limits = ReporterLimits(max_rollouts, delay, max_waiting)
        self._on_error = on_error
        self._queue = RowQueue(limits)
        # Made anew at each change, which wakes all that wait for the old one.
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._flush_to = 0
        self._closing = False
        self._failures = 0
        self._failure: Error | None = None

    async def __aenter__(self) -> Reporter:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def waiting_count(self) -> int:
        """Rollouts that are not durable yet."""
        return self._queue.rollouts

    async def report(
        self,
        batch: object,
        prompt: Any,
        rewards: Any,
        *,
        indices: Any = None,
        failed: Any = (),
        final: bool = False,
        timeout: options.Duration | None = None,
    ) -> asyncio.Future[None]:
        """See `vade.Reporter.report`; the handle is to be awaited."""
        group = GroupReport(prompt, rewards, indices, failed, final)
        row = _reports.make_row(batch, group)
        limit = options.timeout_seconds(
            timeout, self._run.client._driver.core.settings.timeout
        )
        room = await self._wait_until(
            lambda: self._closing or self._queue.has_room(row), limit
        )
        if self._closing:
            raise FailedPrecondition("the reporter is closed")
        if not room:
            raise no_room(self._queue, self._failure, limit)
        handle: asyncio.Future[
            None
        ] = asyncio.get_running_loop().create_future()
        self._queue.add(row, time.monotonic(), handle)
        if self._task is None:
            self._task = asyncio.create_task(self._send_all())
        self._change()
        return handle

    async def flush(self, *, timeout: options.Duration | None = None) -> None:
        """See `vade.Reporter.flush`."""
        limit = None if timeout is None else options.timeout_seconds(timeout, 0)
        number = self._queue.last_number
        failures = self._failures
        self._flush_to = number
        self._change()
        over = await self._wait_until(
            lambda: self._queue.is_settled(number) or self._failures > failures,
            limit,
        )
        refused = self._queue.pop_refusals()
        if refused is not None:
            raise refused
        if self._queue.is_settled(number):
            return
        left = self._queue.rollouts
        if not over or self._failure is None:
            raise DeadlineExceeded(
                f"{left} rollouts are not durable yet; they go on waiting"
            )
        raise still_waiting(self._failure, left)

    async def close(self, *, timeout: options.Duration | None = None) -> None:
        """See `vade.Reporter.close`."""
        try:
            await self.flush(timeout=timeout)
        finally:
            self._closing = True
            dropped = self._queue.drop_all()
            if dropped:
                count = sum(entry.row.count for entry in dropped)
                _LOG.error("%d rollouts were dropped, not reported", count)
                gone = Unavailable("the reporter was closed before it was sent")
                for entry in dropped:
                    _finish(entry.handle, gone)
            self._change()
            if self._task is not None:
                if dropped:
                    self._task.cancel()
                await asyncio.wait([self._task])

    def _change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _wait_until(
        self, holds: Callable[[], bool], limit: float | None
    ) -> bool:
        """Whether it holds by then."""
        end = None if limit is None else time.monotonic() + limit
        while not holds():
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            await self._wait_for_change(left)
        return True

    async def _wait_for_change(self, limit: float | None) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), limit)
        except asyncio.TimeoutError:
            pass

    async def _send_all(self) -> None:
        while await self._await_rows():
            await self._send_some(self._queue.take())

    async def _await_rows(self) -> bool:
        """Waits until rows are due; False when there is no more to do."""
        while True:
            due = self._queue.due_in(time.monotonic())
            if due is None and self._closing:
                return False
            asked = not self._queue.is_settled(self._flush_to)
            if due is not None and (due <= 0 or asked or self._closing):
                return True
            await self._wait_for_change(due)

    async def _send_some(self, entries: Sequence[Entry]) -> None:
        driver = self._run.client._driver
        try:
            results = await driver.run(send(driver.core, self._run.id, entries))
        except Exception as error:
            await self._wait_after(error)
            return
        for entry, refused in results:
            _finish(entry.handle, refused)
            if refused is not None:
                self._tell(refusal(entry, refused))
        self._queue.settle(results)
        self._change()

    async def _wait_after(self, error: Exception) -> None:
        """Rows wait again; pauses, or goes on at once if asked to flush."""
        if not isinstance(error, Error):
            error = Error(f"{type(error).__name__}: {error}")
        _LOG.warning("reports wait: %s", error)
        self._queue.put_back()
        self._failures += 1
        self._failure = error
        self._flush_to = 0
        self._change()
        await self._wait_until(
            lambda: self._closing or self._flush_to > 0, _PAUSE
        )

    def _tell(self, report: RefusedReport) -> None:
        _LOG.warning(
            "a report of prompt %r in batch %r was refused: %s",
            report.prompt,
            report.batch,
            report.error,
        )
        if self._on_error is None:
            return
        try:
            self._on_error(report)
        except Exception:
            _LOG.exception("on_error failed; the reporter goes on")


def _finish(handle: asyncio.Future[None], error: Error | None) -> None:
    """Ends a handle, unless its owner has cancelled it."""
    if handle.done():
        return
    if error is None:
        handle.set_result(None)
    else:
        handle.set_exception(error)
        # The error comes by `flush` too; not awaiting a handle is no mistake.
        handle.exception()
