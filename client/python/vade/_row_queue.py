"""What both reporters share: rows that wait, and how they are sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vade import _plans
from vade._core import Core, Plan
from vade._reports import CALL_ROLLOUTS, Row
from vade.errors import Error, FailedPrecondition, InvalidArgument, NotFound
from vade.errors import RunNotFound, refuse

# Refused reports that are remembered until a flush tells of them.
_MOST_REFUSALS = 10_000


@dataclass(frozen=True)
class RefusedReport:
    """A report that the server refused, and why.

    Attributes:
        batch: The batch's id.
        prompt: The prompt's id.
        rewards: Those of the report that were numbers.
        indices: Their places in the group.
        failed: Places of the failed rollouts.
        error: The server's.
    """

    batch: str
    prompt: str
    rewards: tuple[float, ...]
    indices: tuple[int, ...]
    failed: tuple[int, ...]
    error: Error


class ReportsRefused(Error):
    """Some reports since the last flush were refused; all others are durable.

    Attributes:
        refused: The first 10 000 of them.
    """

    code = "INVALID_ARGUMENT"

    def __init__(self, refused: Sequence[RefusedReport], count: int) -> None:
        first = refused[0]
        super().__init__(
            f"{count} reports were refused and are not counted; the first, of "
            f"prompt {first.prompt!r} in batch {first.batch!r}: {first.error}",
            reason="REPORTS_REFUSED",
        )
        self.refused = tuple(refused)


@dataclass(eq=False)
class Entry:
    """A row that waits. `handle` is the reporter's kind of future."""

    number: int
    row: Row
    since: float
    handle: Any


@dataclass(frozen=True)
class ReporterLimits:
    """Checked arguments of a reporter."""

    max_rollouts: int
    max_delay: float
    max_waiting: int

    def __post_init__(self) -> None:
        if not 1 <= self.max_rollouts <= CALL_ROLLOUTS:
            raise refuse(
                "max_rollouts", self.max_rollouts, f"give 1 to {CALL_ROLLOUTS}"
            )
        if self.max_waiting < self.max_rollouts:
            raise refuse(
                "max_waiting",
                self.max_waiting,
                f"give at least max_rollouts ({self.max_rollouts})",
            )


class RowQueue:
    """Rows in the order of their coming. Caller holds the reporter's lock."""

    def __init__(self, limits: ReporterLimits) -> None:
        self._limits = limits
        self._waiting: deque[Entry] = deque()
        # Taken to be sent, and not yet settled.
        self._taken: list[Entry] = []
        self._refused: list[RefusedReport] = []
        self._refused_count = 0
        self.last_number = 0
        # Rollouts that wait or are being sent.
        self.rollouts = 0

    def has_room(self, row: Row) -> bool:
        """Whether `row` may come in; one that is too large may come alone."""
        if self.rollouts == 0:
            return True
        return self.rollouts + row.count <= self._limits.max_waiting

    def add(self, row: Row, now: float, handle: Any) -> None:
        """Takes a row in."""
        self.last_number += 1
        self._waiting.append(Entry(self.last_number, row, now, handle))
        self.rollouts += row.count

    def due_in(self, now: float) -> float | None:
        """Seconds until rows should be sent; None: there are none."""
        if not self._waiting:
            return None
        if self.rollouts >= self._limits.max_rollouts:
            return 0.0
        return max(0.0, self._waiting[0].since + self._limits.max_delay - now)

    def take(self) -> list[Entry]:
        """The next rows to be sent together; they stay in the counts.

        Ends before a row that repeats a rollout of one taken: a request may
        name each once.
        """
        seen: set[tuple[str, str, int]] = set()
        taken: list[Entry] = []
        rollouts = 0
        while self._waiting:
            row = self._waiting[0].row
            keys = {
                (row.batch, row.prompt, index)
                for index in row.indexes + row.failed
            }
            full = rollouts + row.count > self._limits.max_rollouts
            if taken and (full or keys & seen):
                break
            seen |= keys
            rollouts += row.count
            taken.append(self._waiting.popleft())
        self._taken = taken
        return taken

    def put_back(self) -> None:
        """Rows taken and not sent wait again, before all others."""
        self._waiting.extendleft(reversed(self._taken))
        self._taken = []

    def settle(self, results: Sequence[tuple[Entry, Error | None]]) -> None:
        """Rows taken are durable, or refused for good."""
        for entry, error in results:
            self.rollouts -= entry.row.count
            if error is None:
                continue
            self._refused_count += 1
            if len(self._refused) < _MOST_REFUSALS:
                self._refused.append(refusal(entry, error))
        self._taken = []

    def is_settled(self, number: int) -> bool:
        """Whether all rows up to `number` are."""
        left = self._taken or self._waiting
        return not left or left[0].number > number

    def drop_all(self) -> list[Entry]:
        """All rows that are not settled, which are forgotten now."""
        dropped = self._taken + list(self._waiting)
        self._taken = []
        self._waiting.clear()
        self.rollouts = 0
        return dropped

    def pop_refusals(self) -> ReportsRefused | None:
        """What was refused since it was last asked for."""
        if not self._refused:
            return None
        error = ReportsRefused(self._refused, self._refused_count)
        self._refused = []
        self._refused_count = 0
        return error


def refusal(entry: Entry, error: Error) -> RefusedReport:
    """An entry that was refused."""
    row = entry.row
    return RefusedReport(
        row.batch, row.prompt, row.rewards, row.indexes, row.failed, error
    )


def merge(entries: Sequence[Entry]) -> list[Row]:
    """One row for each group; no rollout comes twice."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for entry in entries:
        key = (entry.row.batch, entry.row.prompt)
        groups.setdefault(key, []).append(entry.row)
    return [
        rows[0]
        if len(rows) == 1
        else Row(
            batch,
            prompt,
            sum((row.rewards for row in rows), ()),
            sum((row.indexes for row in rows), ()),
            sum((row.failed for row in rows), ()),
            any(row.final for row in rows),
        )
        for (batch, prompt), rows in groups.items()
    ]


# What no repeat can mend: the report itself is wrong.
_FOR_GOOD = (InvalidArgument, NotFound, FailedPrecondition)


def send(
    core: Core, run: str, entries: Sequence[Entry]
) -> Plan[list[tuple[Entry, Error | None]]]:
    """Sends rows; one that is refused does not take the others down.

    A request is refused as a whole, so the wrong row is looked for by halves.
    Sending a row twice is harmless. Raises what may be over later.
    """
    try:
        yield from _plans.report_rows(core, run, merge(entries), None)
        return [(entry, None) for entry in entries]
    except _FOR_GOOD as error:
        if len(entries) == 1 or isinstance(error, RunNotFound):
            return [(entry, error) for entry in entries]
    half = len(entries) // 2
    first = yield from send(core, run, entries[:half])
    second = yield from send(core, run, entries[half:])
    return first + second
