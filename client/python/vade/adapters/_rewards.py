"""Rewards of a trainer as reports: by deal, whole groups or single rollouts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vade.adapters._core import split_key
from vade.errors import refuse
from vade.records import GroupReport, ReportResult
from vade.run import Run

__all__ = ["DealtGroup", "Rollout", "clean", "report_groups", "report_rollouts"]


@dataclass(frozen=True)
class DealtGroup:
    """Rollouts of a group, with what has to be known of its batch."""

    batch: str
    group_size: int
    group: GroupReport


@dataclass(frozen=True)
class Rollout:
    """One rollout on its way to the server.

    Attributes:
        key: `Deal.key` of what it was made for.
        reward: None: it failed, or nobody could score it.
        place: In its group, 0 to group_size - 1. None: the next in the order
            of the call, which must then have the whole group.
    """

    key: str
    reward: float | None
    place: int | None = None


class _Batch:
    """What `Run.report_groups` asks of a batch."""

    def __init__(self, batch: str, group_size: int) -> None:
        self.id = batch
        self.group_size = group_size


def clean(reward: Any) -> float | None:
    """A reward as a number; None and NaN are None: no evidence, not 0.

    Trainers use both for a rollout that failed or that a reward function does
    not apply to.

    Raises:
        InvalidArgument: It is no number at all.
    """
    if reward is None:
        return None
    try:
        value = float(reward)
    except (TypeError, ValueError, RuntimeError):
        raise refuse(
            "reward", reward, "return one number a rollout, or None"
        ) from None
    return None if math.isnan(value) else value


def report_groups(run: Run, groups: Iterable[DealtGroup]) -> ReportResult:
    """Reports groups of any number of batches, one call a batch."""
    parts: dict[str, tuple[_Batch, list[GroupReport]]] = {}
    for dealt in groups:
        batch = _Batch(dealt.batch, dealt.group_size)
        part = parts.setdefault(dealt.batch, (batch, []))
        part[1].append(dealt.group)
    result = ReportResult()
    for batch, reports in parts.values():
        result += run.report_groups(batch, reports)
    return result


def report_rollouts(
    run: Run,
    rollouts: Iterable[Rollout],
    group_size: int,
    *,
    final: bool = False,
) -> ReportResult:
    """Reports rollouts of any deals in any order.

    Args:
        run: The run that dealt them.
        rollouts: With a place each, or none of a deal's with one.
        group_size: Of their batches.
        final: No more rollouts of these groups will come.

    Raises:
        InvalidArgument: Places are missing, or more rollouts came than a
            group has.
    """
    by_key: dict[str, list[Rollout]] = {}
    for rollout in rollouts:
        by_key.setdefault(rollout.key, []).append(rollout)
    groups = []
    for key, group in by_key.items():
        batch, prompt = split_key("key", key)
        placed = [rollout.place for rollout in group]
        indices: list[Any] | None = placed
        if all(place is None for place in placed):
            indices = None
        elif None in placed:
            raise refuse(
                f"places of {key!r}", placed, "give all of them, or none"
            )
        rewards = [rollout.reward for rollout in group]
        report = GroupReport(prompt, rewards, indices, final=final)
        groups.append(DealtGroup(batch, group_size, report))
    return report_groups(run, groups)
