"""Which calls may be repeated, when, and after what pause."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from vade.errors import Cancelled, DeadlineExceeded, Error, Unavailable
from vade.options import Retry


@dataclass(frozen=True)
class MethodRule:
    """A method of the API and why it may be repeated, or not.

    `always`: whatever happened to the attempt before; otherwise only if the
    server says that it did nothing.
    """

    always: bool
    why: str


_READS = "it changes nothing"
_TWICE = "the server takes the same call twice as once"

#: The one table, every method of the API at least once. A form of a method
#: that differs in this stands under a name with brackets.
RULES = {
    "CreateRun": MethodRule(
        True,
        "a run that is there already with the settings asked for is the "
        "answer",
    ),
    "GetRun": MethodRule(True, _READS),
    "ListRuns": MethodRule(True, _READS),
    "UpdateRun(etag)": MethodRule(
        True, "the etag keeps a repeat from undoing someone else's change"
    ),
    "UpdateRun": MethodRule(
        False, "without an etag a repeat could undo someone else's change"
    ),
    "DeleteRun": MethodRule(True, "a run that is gone is the wish"),
    "ImportPrompts": MethodRule(True, _TWICE),
    "ImportPrompts(fail)": MethodRule(
        False, "a repeat would find its own prompts there and refuse them"
    ),
    "ExportPrompts": MethodRule(
        True, "before the first message; later the reader has had a part"
    ),
    "GetPrompt": MethodRule(True, _READS),
    "BatchGetPrompts": MethodRule(True, _READS),
    "ListPrompts": MethodRule(True, _READS),
    "UpdatePrompt": MethodRule(True, _TWICE),
    "DeletePrompt": MethodRule(True, "a prompt that is gone is the wish"),
    "SampleBatch": MethodRule(
        True, "the request_id, made up if need be, names the batch"
    ),
    "GetBatch": MethodRule(True, _READS),
    "ListBatches": MethodRule(True, _READS),
    "RenewBatch": MethodRule(True, _TWICE),
    "ReleaseBatch": MethodRule(True, _TWICE),
    "ReportRewards": MethodRule(
        True, "(batch, prompt, rollout index) counts once"
    ),
    "GetRunStats": MethodRule(True, _READS),
    "WatchRun": MethodRule(True, _READS),
}

_REFUSED = {"SERVER_LOADING", "SERVER_DRAINING", "OVERLOADED"}

# A pause of nothing at all would let many clients spin together.
_LEAST_PAUSE = 0.001


def was_refused(error: Error) -> bool:
    """The call was refused before anything was done."""
    return error.reason in _REFUSED


def may_repeat(error: Error, always: bool) -> bool:
    """A call that failed with `error` may be sent again as it is."""
    if was_refused(error):
        return True
    # The caller's own cancellation never comes here, so CANCELLED is gRPC's
    # answer to a call that arrived while the server shut down. After
    # DEADLINE_EXCEEDED there is time left only for who waits an outage out.
    lost = (Unavailable, Cancelled, DeadlineExceeded)
    return always and isinstance(error, lost)


class Attempts:
    """The attempts of one call. Thread-compatible."""

    def __init__(
        self,
        policy: Retry,
        rule: str,
        deadline: float,
        rng: random.Random,
        now: Callable[[], float],
    ) -> None:
        self.deadline = deadline
        self.count = 0
        self.maybe_applied = False
        self._policy = policy
        self._always = RULES[rule].always
        self._rng = rng
        self._now = now
        self._start = now()
        self._ceiling = min(policy.initial_backoff, policy.max_backoff)

    def left(self) -> float:
        """Seconds to the deadline."""
        return self.deadline - self._now()

    def pause_after(self, error: Error) -> float:
        """Seconds until the next attempt; raises if there is to be none."""
        self.count += 1
        if not may_repeat(error, self._always):
            error.maybe_applied = self.maybe_applied
            raise error
        self.maybe_applied |= not was_refused(error)
        pause = max(self._rng.random() * self._ceiling, _LEAST_PAUSE)
        self._ceiling = min(
            self._ceiling * self._policy.multiplier, self._policy.max_backoff
        )
        most = self._policy.max_attempts
        if 0 < most <= self.count or self.left() <= pause:
            raise self._given_up(error)
        return pause

    def _given_up(self, error: Error) -> Error:
        took = self._now() - self._start
        if self.count > 1:
            error.message += (
                f" (gave up after {self.count} attempts in {took:.1f} s)"
            )
        error.maybe_applied = self.maybe_applied
        return error
