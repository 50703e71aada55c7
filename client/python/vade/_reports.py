"""Rewards as requests of the API. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vade import _checks
from vade._proto.vade.sampler.v1 import report_pb2
from vade._requests import run_name
from vade.errors import refuse
from vade.records import GroupReport

#: Rollouts of one call; more go in several. The server takes 1048576.
CALL_ROLLOUTS = 1 << 18
_MOST_INDEX = 1023


@dataclass(frozen=True)
class Row:
    """Checked rollouts of one group. `indexes` has a place for each reward."""

    batch: str
    prompt: str
    rewards: tuple[float, ...]
    indexes: tuple[int, ...]
    failed: tuple[int, ...]
    final: bool

    @property
    def count(self) -> int:
        """Rollouts, the failed ones among them; at least 1 to be bounded."""
        return max(1, len(self.rewards) + len(self.failed))


def _listed(argument: str, values: Any) -> list[Any]:
    """The values of a sequence or of an array of one dimension."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(
        values, Iterable
    ):
        raise refuse(argument, values, "give a list or an array of numbers")
    return list(values)


def _reward(argument: str, value: object) -> float:
    """A finite number."""
    if isinstance(value, (str, bytes, list, tuple)):
        raise refuse(argument, value, "give one number a rollout")
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        raise refuse(argument, value, "give one number a rollout") from None
    if not math.isfinite(result):
        raise refuse(
            argument,
            result,
            "give a finite reward, or report the rollout as failed: None in "
            "its place, or its index in failed=",
        )
    return result


def _places(argument: str, values: Any, most: int) -> list[int]:
    """Places in a group, none of them twice."""
    places = [
        _checks.integer(f"{argument}[{i}]", value, 0, most)
        for i, value in enumerate(_listed(argument, values))
    ]
    if len(set(places)) != len(places):
        raise refuse(argument, places, "give each place in the group once")
    return places


def _free_places(count: int, taken: list[int], place: str) -> list[int]:
    """The first `count` places in order that are not taken."""
    if not taken:
        return list(range(count))
    avoid = set(taken)
    free = [i for i in range(count + len(avoid)) if i not in avoid]
    return free[:count]


def _check_length(
    group: GroupReport, rollouts: int, group_size: int, place: str
) -> None:
    """Without indices a part of a group could be any part of it."""
    if rollouts > group_size:
        raise refuse(
            f"{place}.rewards",
            rollouts,
            f"the batch's group_size is {group_size}: report at most so many "
            "rollouts of a prompt, failed ones among them",
        )
    if group.indices is None and rollouts < group_size and not group.final:
        raise refuse(
            f"{place}.rewards",
            rollouts,
            f"give all {group_size} rollouts of the group; or indices= with "
            "the places of those reported now; or final=True if no more will "
            "come",
        )


def make_row(batch: object, group: GroupReport, place: str = "report") -> Row:
    """Checks the rollouts of one group.

    Raises:
        InvalidArgument: naming the argument, its value and the fix.
    """
    batch_id = _checks.id_of("batch", batch)
    size = getattr(batch, "group_size", None)
    most = _MOST_INDEX if size is None else size - 1
    values = _listed(f"{place}.rewards", group.rewards)
    failed = _places(f"{place}.failed", group.failed, most)
    if group.indices is None:
        places = _free_places(len(values), failed, place)
    else:
        places = _places(f"{place}.indices", group.indices, most)
        if len(places) != len(values):
            raise refuse(
                f"{place}.indices",
                places,
                f"give one index for each of the {len(values)} rewards",
            )
    rollouts = len(values) + len(failed)
    if size is not None:
        _check_length(group, rollouts, size, place)
    both = set(places) & set(failed)
    if both:
        raise refuse(
            f"{place}.failed",
            sorted(both),
            "give an index either a reward or in failed, not both",
        )
    if rollouts == 0 and not group.final:
        raise refuse(f"{place}.rewards", values, "give at least one rollout")
    return Row(
        batch=batch_id,
        prompt=_checks.id_of(f"{place}.prompt", group.prompt),
        rewards=tuple(
            _reward(f"{place}.rewards[{i}]", value)
            for i, value in enumerate(values)
            if value is not None
        ),
        indexes=tuple(
            index for index, v in zip(places, values) if v is not None
        ),
        failed=tuple(failed)
        + tuple(index for index, v in zip(places, values) if v is None),
        final=bool(group.final),
    )


def make_rows(batch: object, groups: Any) -> Iterator[Row]:
    """Checks groups given as a mapping, as pairs or as GroupReports."""
    if isinstance(groups, Mapping):
        groups = groups.items()
    if isinstance(groups, (str, bytes)) or not isinstance(groups, Iterable):
        raise refuse(
            "groups",
            groups,
            "give {prompt: rewards}, pairs (prompt, rewards) such as "
            "zip(batch, rewards), or vade.GroupReports",
        )
    for i, group in enumerate(groups):
        place = f"groups[{i}]"
        if isinstance(group, GroupReport):
            yield make_row(batch, group, place)
            continue
        try:
            prompt, rewards = group
        except (TypeError, ValueError):
            raise refuse(
                place, group, "give (prompt, rewards) or a vade.GroupReport"
            ) from None
        yield make_row(batch, GroupReport(prompt, rewards), place)


def _is_whole(row: Row) -> bool:
    """Places are 0, 1, 2, ..., which the protocol takes as read."""
    return row.indexes == tuple(range(len(row.indexes)))


def report_request(
    run: str, rows: Iterable[Row]
) -> report_pb2.ReportRewardsRequest:
    """One request of rows, no two of which are of one group."""
    request = report_pb2.ReportRewardsRequest(run=run_name(run))
    batches: dict[str, report_pb2.BatchReport] = {}
    for row in rows:
        report = batches.get(row.batch)
        if report is None:
            report = request.reports.add(batch_id=row.batch)
            batches[row.batch] = report
        group = report.groups.add(
            prompt_id=row.prompt,
            rewards=row.rewards,
            failed_rollout_indexes=row.failed,
            final=row.final,
        )
        if not _is_whole(row):
            group.rollout_indexes.extend(row.indexes)
    return request


def rollout_count(request: report_pb2.ReportRewardsRequest) -> int:
    """Rollouts of a request, the failed ones among them."""
    return sum(
        len(group.rewards) + len(group.failed_rollout_indexes)
        for report in request.reports
        for group in report.groups
    )


def split_rows(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Parts of at most `most` rollouts that may each be one request.

    Two rows of one group never come into one part.
    """
    part: list[Row] = []
    groups: set[tuple[str, str]] = set()
    count = 0
    for row in rows:
        key = (row.batch, row.prompt)
        if part and (count + row.count > most or key in groups):
            yield part
            part, groups, count = [], set(), 0
        part.append(row)
        groups.add(key)
        count += row.count
    if part:
        yield part
