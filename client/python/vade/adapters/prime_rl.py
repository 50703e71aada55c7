"""prime-rl: a TaskSampler over a run.

    sampler = task_sampler(run, tasks)

Hook: `TaskSampler` (an iterator of tasks with `observe`, `state_dict`,
`load_state_dict` and `metrics`). prime-rl builds its samplers from a closed
list of configs: the page prime_rl.md shows the line to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vade.adapters._core import Steps
from vade.adapters._queue import DealQueue
from vade.adapters._rewards import Rollout, clean, report_rollouts
from vade.errors import refuse
from vade.options import Duration
from vade.run import Run

__all__ = ["TaskDealer", "task_sampler"]


class TaskDealer:
    """Chooses tasks by a run, and reports what their groups earned.

    Args:
        run: Its prompts' ids are the tasks' keys.
        tasks: A finite taskset, each task with a `key` of its own.
        batch_size: Prompts sampled at a time; they are handed out one by one.
        prefix, max_wait, lease_ttl, restart_ok: As `vade.adapters.Steps` has
            them.
    """

    def __init__(
        self,
        run: Run,
        tasks: Sequence[Any],
        *,
        batch_size: int = 32,
        prefix: str = "step",
        max_wait: Duration = 60.0,
        lease_ttl: Duration | None = None,
        restart_ok: bool = False,
    ) -> None:
        if not isinstance(tasks, Sequence) or not tasks:
            raise refuse("tasks", tasks, "give a finite taskset with tasks")
        self._tasks = tuple(tasks)
        steps = Steps(
            run,
            batch_size,
            prefix=prefix,
            max_wait=max_wait,
            lease_ttl=lease_ttl,
            restart_ok=restart_ok,
        )
        ids = [str(task.key) for task in self._tasks]
        self._deals = DealQueue(steps, ids)
        # The oldest deal of a task is the one whose group comes back first:
        # a task in flight is not dealt again.
        self._handed: dict[str, list[str]] = {}
        self._group_size = run.info().group_size
        self._counts = dict(observed=0, unknown=0, failed_rollouts=0)

    def __iter__(self) -> TaskDealer:
        return self

    def __next__(self) -> Any:
        """The next task."""
        (deal,) = self._deals.take(1)
        self._handed.setdefault(deal.prompt, []).append(deal.key)
        return self._tasks[deal.__index__()]

    def observe(self, group: list[Any]) -> None:
        """Reports a finalized group: one reward for each trainable trace.

        Episodes and traces with errors are reported as failed.
        """
        key = str(group[0].task.key)
        handed = self._handed.get(key)
        if not handed:
            self._counts["unknown"] += 1
            return
        deal = handed.pop(0)
        if not handed:
            del self._handed[key]
        rewards = [reward for episode in group for reward in _rewards(episode)]
        rewards = rewards[: self._group_size]
        self._counts["observed"] += 1
        self._counts["failed_rollouts"] += rewards.count(None)
        report_rollouts(
            self._deals.steps.run,
            [Rollout(deal, reward, i) for i, reward in enumerate(rewards)],
            self._group_size,
            final=True,
        )
        self._deals.finish([deal])

    def state_dict(self) -> dict[str, Any]:
        """Small and plain; in flight tasks are handed out again first."""
        return self._deals.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self._handed.clear()
        self._deals.load_state_dict(state)

    def metrics(self) -> dict[str, float]:
        """Counts of this process."""
        counts = {name: float(count) for name, count in self._counts.items()}
        counts["open"] = float(self._deals.open_count)
        return counts


def _rewards(episode: Any) -> list[float | None]:
    """The rewards of an episode's traces that are trained on."""
    traces = [t for t in episode.traces if t.agent.trainable]
    if not traces or not episode.ok:
        return [None] * max(1, len(traces))
    return [
        None if trace.has_error or trace.num_turns == 0 else clean(trace.reward)
        for trace in traces
    ]


def task_sampler(run: Run, tasks: Sequence[Any], **options: Any) -> Any:
    """A TaskDealer that is a prime-rl TaskSampler; `options` as it has them."""
    from prime_rl.orchestrator.curriculum.samplers import TaskSampler

    class VadeTaskSampler(TaskDealer, TaskSampler):  # type: ignore[misc]
        """Both."""

    return VadeTaskSampler(run, tasks, **options)
