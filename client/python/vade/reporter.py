"""Reporter: many small reports of any threads become few calls."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import TYPE_CHECKING, Any

from vade import _reports, options
from vade._row_queue import Entry, RefusedReport, ReporterLimits
from vade._row_queue import ReportsRefused, RowQueue, refusal, send
from vade.errors import DeadlineExceeded, Error, FailedPrecondition
from vade.errors import Unavailable
from vade.records import GroupReport

if TYPE_CHECKING:
    from vade.run import Run

__all__ = ["RefusedReport", "Reporter", "ReportsRefused"]

_LOG = logging.getLogger("vade")

# Between two attempts, each of which has tried for the client's timeout.
_PAUSE = 1.0


# All of them, for a forked child to find.
_REPORTERS: weakref.WeakSet[Reporter] = weakref.WeakSet()


class _State:
    """All that belongs to one process."""

    def __init__(self, limits: ReporterLimits) -> None:
        self.changed = threading.Condition()
        self.queue = RowQueue(limits)
        self.thread: threading.Thread | None = None
        self.flush_to = 0
        self.closing = False
        # Attempts that failed, and how the last one did.
        self.failures = 0
        self.failure: Error | None = None


class Reporter:
    """Collects reports and sends them together. Thread-safe.

    Get one of `Run.reporter`. A report is durable once its handle is done, or
    once `flush` has returned. Until then it is in this process's memory; a
    process that is killed loses no report that a flush has answered for.

    If no server answers, reports wait and are tried again, up to
    `max_waiting` rollouts, after which `report` blocks. A forked child starts
    with an empty reporter: what waits is the parent's to send.
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
        self._limits = ReporterLimits(max_rollouts, delay, max_waiting)
        self._on_error = on_error
        self._state = _State(self._limits)
        _REPORTERS.add(self)
        atexit.register(_close_weakly, weakref.ref(self))

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close()

    @property
    def waiting_count(self) -> int:
        """Rollouts that are not durable yet."""
        state = self._state
        with state.changed:
            return state.queue.rollouts

    def report(
        self,
        batch: object,
        prompt: Any,
        rewards: Any,
        *,
        indices: Any = None,
        failed: Any = (),
        final: bool = False,
        timeout: options.Duration | None = None,
    ) -> Future[None]:
        """Takes a report, as `Run.report` does, to be sent soon.

        Args:
            timeout: Seconds to wait for room. None: the client's timeout.

        Returns:
            A handle: done once the report is durable; its exception is the
            server's refusal of this very report.

        Raises:
            InvalidArgument: At once, as `Run.report`.
            DeadlineExceeded: `max_waiting` rollouts wait, and went on to.
            FailedPrecondition: The reporter is closed.
        """
        group = GroupReport(prompt, rewards, indices, failed, final)
        row = _reports.make_row(batch, group)
        limit = options.timeout_seconds(
            timeout, self._run.client._driver.core.settings.timeout
        )
        handle: Future[None] = Future()
        state = self._state
        with state.changed:
            room = state.changed.wait_for(
                lambda: state.closing or state.queue.has_room(row), limit
            )
            if state.closing:
                raise FailedPrecondition("the reporter is closed")
            if not room:
                raise no_room(state.queue, state.failure, limit)
            # A handle that runs cannot be cancelled.
            handle.set_running_or_notify_cancel()
            state.queue.add(row, time.monotonic(), handle)
            self._start_thread(state)
            state.changed.notify_all()
        return handle

    def flush(self, *, timeout: options.Duration | None = None) -> None:
        """Returns once all reports taken before are durable.

        Args:
            timeout: Seconds. None: until they are, or an attempt has failed
                after the client's timeout.

        Raises:
            ReportsRefused: Some since the last flush were refused for good;
                all others are durable.
            Unavailable: No server took them; they go on waiting.
            DeadlineExceeded: Not within `timeout`; they go on waiting.
        """
        limit = None if timeout is None else options.timeout_seconds(timeout, 0)
        state = self._state
        with state.changed:
            number = state.queue.last_number
            failures = state.failures
            state.flush_to = number
            state.changed.notify_all()
            over = state.changed.wait_for(
                lambda: state.queue.is_settled(number)
                or state.failures > failures,
                limit,
            )
            refused = state.queue.pop_refusals()
            if refused is not None:
                raise refused
            if state.queue.is_settled(number):
                return
            left = state.queue.rollouts
            if not over or state.failure is None:
                raise DeadlineExceeded(
                    f"{left} rollouts are not durable yet; they go on waiting"
                )
            raise still_waiting(state.failure, left)

    def close(self, *, timeout: options.Duration | None = None) -> None:
        """Flushes, and ends the reporter: it takes no more.

        Raises:
            ReportsRefused: As `flush`.
            Unavailable, DeadlineExceeded: As `flush`; what was not sent is
                dropped now, with the number in the text and in the log.
        """
        state = self._state
        try:
            self.flush(timeout=timeout)
        finally:
            with state.changed:
                state.closing = True
                dropped = state.queue.drop_all()
                state.changed.notify_all()
            thread = state.thread
            if dropped:
                count = sum(entry.row.count for entry in dropped)
                _LOG.error("%d rollouts were dropped, not reported", count)
                gone = Unavailable("the reporter was closed before it was sent")
                for entry in dropped:
                    _finish(entry.handle, gone)
            elif (
                thread is not None and thread is not threading.current_thread()
            ):
                thread.join()

    def _start_thread(self, state: _State) -> None:
        if state.thread is None:
            state.thread = threading.Thread(
                target=self._send_all,
                args=(state,),
                name="vade-reporter",
                daemon=True,
            )
            state.thread.start()

    def _send_all(self, state: _State) -> None:
        while True:
            with state.changed:
                if not self._await_rows(state):
                    return
                entries = state.queue.take()
            self._send_some(state, entries)

    def _await_rows(self, state: _State) -> bool:
        """Waits until rows are due; False when there is no more to do."""
        while True:
            due = state.queue.due_in(time.monotonic())
            if due is None and state.closing:
                return False
            asked = not state.queue.is_settled(state.flush_to)
            if due is not None and (due <= 0 or asked or state.closing):
                return True
            state.changed.wait(due)

    def _send_some(self, state: _State, entries: Sequence[Entry]) -> None:
        driver = self._run.client._driver
        try:
            results = driver.run(send(driver.core, self._run.id, entries))
        except Exception as error:
            self._wait_after(state, error)
            return
        # Before a flush may return, all handles are done.
        for entry, refused in results:
            _finish(entry.handle, refused)
            if refused is not None:
                self._tell(refusal(entry, refused))
        with state.changed:
            # Closing without success has dropped all entries.
            if not state.closing:
                state.queue.settle(results)
            state.changed.notify_all()

    def _wait_after(self, state: _State, error: Exception) -> None:
        """Rows wait again; pauses, or goes on at once if asked to flush."""
        if not isinstance(error, Error):
            error = Error(f"{type(error).__name__}: {error}")
        _LOG.warning("reports wait: %s", error)
        with state.changed:
            if state.closing:
                return
            state.queue.put_back()
            state.failures += 1
            state.failure = error
            # Whoever flushes has its answer now, and may ask again.
            state.flush_to = 0
            state.changed.notify_all()
            state.changed.wait_for(
                lambda: state.closing or state.flush_to > 0, _PAUSE
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


def no_room(
    queue: RowQueue, failure: Error | None, limit: float
) -> DeadlineExceeded:
    """What `report` raises when too much waits."""
    why = f"; the last attempt: {failure}" if failure is not None else ""
    return DeadlineExceeded(
        f"{queue.rollouts} rollouts wait, and no room came in {limit:g} s: "
        f"raise max_waiting, or report more slowly{why}"
    )


def still_waiting(failure: Error, left: int) -> Error:
    """The failure, saying what became of the reports."""
    error = type(failure)(
        f"{failure.message}; {left} rollouts are not durable yet and go on "
        "waiting",
        reason=failure.reason,
        metadata=failure.metadata,
    )
    error.code = failure.code
    return error


def _finish(handle: Future[None], error: Error | None) -> None:
    """Ends a handle, unless closing the reporter has ended it already."""
    try:
        if error is None:
            handle.set_result(None)
        else:
            handle.set_exception(error)
    except InvalidStateError:
        pass


def _start_children_empty() -> None:
    for reporter in list(_REPORTERS):
        reporter._state = _State(reporter._limits)


os.register_at_fork(after_in_child=_start_children_empty)


def _close_weakly(reference: weakref.ref[Reporter]) -> None:
    reporter = reference()
    if reporter is None or reporter._state.closing:
        return
    try:
        reporter.close()
    except Error as error:
        _LOG.error("at the end of the program: %s", error)
