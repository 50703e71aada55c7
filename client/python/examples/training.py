"""GRPO with prompts from a VADE sampler: the loop that all examples share."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.utils.clip_grad import clip_grad_norm_

import vade
from rollout_workers import Order, Rollouts, RolloutWorkers, Task

__all__ = [
    "BooksDiffer",
    "Point",
    "Result",
    "SAMPLERS",
    "Sampler",
    "Settings",
    "advantages",
    "train",
]

# DAPO gives up on a step after ten waves of generation.
_MAX_WAVES = 10


@dataclass(frozen=True)
class Sampler:
    """How a step gets its groups.

    Attributes:
        policy: The run's selection policy.
        filtered: Zero-variance groups are dropped and replaced by further
            waves of rollouts, until the step has a full batch of others.
    """

    policy: vade.Policy
    filtered: bool = False


SAMPLERS = {
    "uniform": Sampler("uniform"),
    "vade": Sampler("vade"),
    "vade-variance": Sampler("vade-variance"),
    "mopps": Sampler("mopps"),
    "dapo": Sampler("uniform", filtered=True),
    "vade-filtered": Sampler("vade", filtered=True),
}


@dataclass(frozen=True)
class Settings:
    """Of one training run.

    Attributes:
        rollouts: Training ends with the step that reaches so many.
        batch_size: Groups of a step.
        group_size: Rollouts of a group.
        learning_rate: Adam's.
        validation_interval: Steps between two validations.
        warm_start_steps: Supervised steps before the first rollout.
    """

    rollouts: int = 40_000
    batch_size: int = 32
    group_size: int = 8
    learning_rate: float = 3e-4
    validation_interval: int = 5
    warm_start_steps: int = 250


@dataclass(frozen=True)
class Point:
    """The state after a step; step 0 is the warm start.

    Attributes:
        rollouts: All so far, those of dropped groups too.
        groups: Groups rolled out in this step.
        effective_groups: Those of them that were not zero-variance.
        expected_egr: What the server expected of them. None at step 0.
        mean_reward: Over all rollouts of the step. None at step 0.
        pass_rates: By name, as the task gives them; empty between two
            validations.
    """

    step: int
    rollouts: int
    groups: int = 0
    effective_groups: int = 0
    expected_egr: float | None = None
    mean_reward: float | None = None
    pass_rates: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came out; plain values, for a JSON file."""

    task: str
    measures: list[str]
    sampler: str
    seed: int
    settings: Settings
    points: list[Point]
    seconds: float
    egr: float
    expected_egr: float
    ever_dealt_share: float
    mean_redeal_interval: float
    deal_shares: dict[str, float]


class BooksDiffer(RuntimeError):
    """The server has not counted what was rolled out here."""


def advantages(rewards: torch.Tensor) -> torch.Tensor:
    """Group-normalised: (reward - mean) / deviation of its group, or 0."""
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    deviation = rewards.std(dim=1, unbiased=False, keepdim=True)
    return centred / (deviation + 1e-6)


def train(
    task: Task,
    policy: torch.nn.Module,
    sampler_name: str,
    settings: Settings,
    seed: int,
    run: vade.Run,
    workers: RolloutWorkers,
    on_point: Callable[[Point], object] = lambda point: None,
) -> Result:
    """Trains `policy` with prompts that `run` deals.

    Raises:
        BooksDiffer: At the end, if the server's counts are not the trainer's.
    """
    sampler = SAMPLERS[sampler_name]
    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate)
    points = [Point(0, 0, pass_rates=task.validate(policy, seed))]
    on_point(points[0])
    start = time.monotonic()
    deals = _Deals(run, policy, workers, sampler, settings, seed)
    while points[-1].rollouts < settings.rollouts:
        step = len(points)
        groups = deals.of_step(step)
        _update(task, policy, optimizer, groups.kept(), settings)
        rollouts = points[-1].rollouts + groups.rollout_count
        ends = rollouts >= settings.rollouts
        validates = ends or step % settings.validation_interval == 0
        points.append(
            Point(
                step,
                rollouts,
                groups.count,
                groups.effective_count,
                groups.expected_egr,
                groups.mean_reward,
                task.validate(policy, seed) if validates else {},
            )
        )
        on_point(points[-1])
    seconds = time.monotonic() - start
    stats = run.stats()
    _compare_books(stats, points)
    return Result(
        task=task.name,
        measures=list(task.measures),
        sampler=sampler_name,
        seed=seed,
        settings=settings,
        points=points,
        seconds=seconds,
        egr=stats.effective_gradient_ratio,
        expected_egr=stats.expected_egr,
        ever_dealt_share=stats.ever_dealt_share,
        mean_redeal_interval=stats.mean_redeal_interval,
        deal_shares={x.value: x.deal_share for x in stats.labels},
    )


class _Groups:
    """The groups of one step."""

    def __init__(self, wanted: int, filtered: bool) -> None:
        self._wanted = wanted
        self._filtered = filtered
        self._waves: list[tuple[vade.Batch, Rollouts]] = []

    def add(self, batch: vade.Batch, rollouts: Rollouts) -> None:
        self._waves.append((batch, rollouts))

    @property
    def missing(self) -> int:
        """Groups still to come."""
        have = self.effective_count if self._filtered else self.count
        return max(0, self._wanted - have)

    @property
    def wave_count(self) -> int:
        return len(self._waves)

    @property
    def count(self) -> int:
        return sum(len(batch) for batch, _ in self._waves)

    @property
    def rollout_count(self) -> int:
        return sum(rollouts.rewards.numel() for _, rollouts in self._waves)

    @property
    def effective_count(self) -> int:
        return sum(int(r.varied().sum()) for _, r in self._waves)

    @property
    def expected_egr(self) -> float:
        total = sum(len(b) * b.expected_egr for b, _ in self._waves)
        return total / self.count

    @property
    def mean_reward(self) -> float:
        total = sum(float(r.rewards.sum()) for _, r in self._waves)
        return total / self.rollout_count

    def kept(self) -> Rollouts:
        """The groups to learn from, at most as many as a step wants.

        A zero-variance group has no gradient: none is kept.
        """
        rows: list[Any] = []
        actions, rewards = [], []
        for _, wave in self._waves:
            varied = wave.varied()
            rows += [row for row, keep in zip(wave.rows, varied) if keep]
            actions.append(wave.actions[varied])
            rewards.append(wave.rewards[varied])
        most = self._wanted
        return Rollouts(
            rows[:most], torch.cat(actions)[:most], torch.cat(rewards)[:most]
        )


class _Deals:
    """Deals batches and has them rolled out."""

    def __init__(
        self,
        run: vade.Run,
        policy: torch.nn.Module,
        workers: RolloutWorkers,
        sampler: Sampler,
        settings: Settings,
        seed: int,
    ) -> None:
        self._run = run
        self._policy = policy
        self._workers = workers
        self._sampler = sampler
        self._settings = settings
        self._seed = seed
        self._most = run.info().prompt_count

    def of_step(self, step: int) -> _Groups:
        """All groups of a step: one wave, or as many as filtering takes."""
        wanted = self._settings.batch_size
        weights = {
            name: value.detach().numpy()
            for name, value in self._policy.state_dict().items()
        }
        groups = _Groups(wanted, self._sampler.filtered)
        size = wanted
        while groups.missing and groups.wave_count < _MAX_WAVES:
            wave = groups.wave_count
            batch = self._run.next_batch(
                min(size, self._most),
                request_id=f"step-{step}-{wave}",
                payloads=True,
            )
            order = Order(
                self._run.id, batch, weights, (self._seed, step, wave)
            )
            groups.add(batch, self._workers.roll_out(order))
            # The server says what share of a batch it expects to be of use.
            size = math.ceil(groups.missing / batch.expected_egr)
        return groups


def _update(
    task: Task,
    policy: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    groups: Rollouts,
    settings: Settings,
) -> None:
    """One policy-gradient step; on-policy, so no ratio is to be clipped."""
    if not groups.rows:
        return
    log_probabilities = task.log_probabilities(
        policy, groups.rows, groups.actions
    )
    gains = advantages(groups.rewards) * log_probabilities
    rollouts = settings.batch_size * settings.group_size
    optimizer.zero_grad()
    loss = -gains.sum() / rollouts
    loss.backward()  # type: ignore[no-untyped-call]
    clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()


def _compare_books(stats: vade.RunStats, points: list[Point]) -> None:
    """Every rollout counts exactly once, or the figures are worth nothing."""
    ours = {
        "rollout_count": points[-1].rollouts,
        "group_count": sum(point.groups for point in points),
        "effective_group_count": sum(p.effective_groups for p in points),
        "duplicate_rollout_count": 0,
        "late_rollout_count": 0,
        "failed_rollout_count": 0,
        "superseded_rollout_count": 0,
    }
    theirs = {name: getattr(stats, name) for name in ours}
    if ours != theirs:
        raise BooksDiffer(f"the server counted {theirs}, the trainer {ours}")
