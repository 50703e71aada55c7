"""The examples' loop: real workers, a real server, real gradients."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the examples need PyTorch")

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))

import training  # noqa: E402
from arithmetic_grpo import Arithmetic  # noqa: E402
from rollout_workers import RolloutFailed, RolloutWorkers  # noqa: E402
from training import SAMPLERS, BooksDiffer, Settings, train  # noqa: E402

import vade  # noqa: E402

_SETTINGS = Settings(
    rollouts=128,
    batch_size=8,
    group_size=4,
    learning_rate=1e-2,
    validation_interval=2,
)


@dataclass(frozen=True)
class EvenAnswers(Arithmetic):
    """Rewards answers that begin with an even digit: soon learned."""

    pool: int = 48
    held_out: int = 16
    width: int = 16
    layers: int = 1
    heads: int = 2
    name: str = "even"

    def roll_out(
        self, policy: Any, rows: Sequence[Any], count: int, generator: Any
    ) -> Any:
        """As the arithmetic, with other rewards."""
        actions, _ = super().roll_out(policy, rows, count, generator)
        first = actions[:, :, 0]
        return actions, ((first < 10) & (first % 2 == 0)).float()


@dataclass(frozen=True)
class FailingTask(EvenAnswers):
    """Its workers raise an error, or end without a word."""

    ends: bool = False

    def roll_out(
        self, policy: Any, rows: Sequence[Any], count: int, generator: Any
    ) -> Any:
        """Fails in one of two ways."""
        if self.ends:
            os._exit(7)
        raise ArithmeticError("the policy has no answer")

    def validate(self, policy: Any, seed: int) -> dict[str, float]:
        """Nothing: the trainer is to come to its workers."""
        return {"held out": 0.0}


@pytest.fixture(scope="module")
def workers(server: vade.LocalServer) -> Iterator[RolloutWorkers]:
    """Two workers, one of which makes more of each group of five."""
    torch.set_num_threads(1)
    with RolloutWorkers(EvenAnswers(), 2, server.address) as workers:
        yield workers


def new_run(
    client: vade.Client, run_id: str, policy: vade.Policy, settings: Settings
) -> vade.Run:
    run = client.create_run(
        run_id,
        policy=policy,
        group_size=settings.group_size,
        seed=3,
        reference_batch_size=settings.batch_size,
    )
    run.import_prompts(EvenAnswers().prompts())
    return run


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_every_rollout_counts_once_and_egr_agrees(
    client: vade.Client, workers: RolloutWorkers, name: str
) -> None:
    # Two workers cannot share groups of five evenly.
    settings = replace(_SETTINGS, group_size=5)
    run = new_run(client, f"books-{name}", SAMPLERS[name].policy, settings)
    task = EvenAnswers()
    result = train(task, task.new_policy(1), name, settings, 1, run, workers)

    stats = run.stats()
    rollouts = result.points[-1].rollouts
    groups = sum(point.groups for point in result.points)
    effective = sum(point.effective_groups for point in result.points)
    assert rollouts >= settings.rollouts
    assert rollouts == groups * 5 == stats.rollout_count
    assert sum(p.rollout_count for p in run.prompts()) == rollouts
    assert sum(p.deal_count for p in run.prompts()) == groups
    assert 0 < effective < groups
    assert result.egr == effective / groups == stats.effective_gradient_ratio
    assert stats.duplicate_rollout_count == stats.late_rollout_count == 0
    for batch in run.batches():
        for group in run.batch(batch).groups:
            assert (group.state, group.reward_count) == ("completed", 5)


@pytest.mark.parametrize("name", ["dapo", "vade-filtered"])
def test_filtering_fills_each_step_with_varied_groups(
    client: vade.Client, workers: RolloutWorkers, name: str
) -> None:
    run = new_run(client, f"full-{name}", SAMPLERS[name].policy, _SETTINGS)
    task = EvenAnswers()
    result = train(task, task.new_policy(1), name, _SETTINGS, 1, run, workers)

    # The first steps, before the policy has learned and groups agree.
    for point in result.points[1:3]:
        assert point.groups > point.effective_groups >= _SETTINGS.batch_size


def test_a_rollout_that_the_trainer_does_not_know_of_is_found(
    client: vade.Client, workers: RolloutWorkers
) -> None:
    run = new_run(client, "stranger", "vade", _SETTINGS)
    batch = run.next_batch(1)
    run.report(batch, batch[0], [1, 0, 1, 0])
    task = EvenAnswers()
    with pytest.raises(BooksDiffer, match="rollout_count"):
        train(task, task.new_policy(1), "vade", _SETTINGS, 1, run, workers)


def test_one_seed_gives_one_training(
    client: vade.Client, workers: RolloutWorkers
) -> None:
    def rewards(run_id: str, seed: int) -> list[tuple[Any, Any]]:
        run = new_run(client, run_id, "vade", _SETTINGS)
        task = EvenAnswers()
        policy = task.new_policy(1)
        result = train(task, policy, "vade", _SETTINGS, seed, run, workers)
        return [(p.mean_reward, p.expected_egr) for p in result.points[1:]]

    first = rewards("replay-1", 5)
    assert rewards("replay-2", 5) == first
    assert rewards("replay-3", 6) != first


def mean_reward_after(
    client: vade.Client, workers: RolloutWorkers, run_id: str
) -> float:
    """Of the last step of a training that has time to learn."""
    settings = replace(_SETTINGS, rollouts=1200, validation_interval=100)
    run = new_run(client, run_id, "uniform", settings)
    task = EvenAnswers()
    policy = task.new_policy(1)
    result = train(task, policy, "uniform", settings, 2, run, workers)
    reward = result.points[-1].mean_reward
    assert reward is not None
    return reward


def test_what_is_rewarded_is_learned(
    client: vade.Client,
    workers: RolloutWorkers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert mean_reward_after(client, workers, "learns") > 0.9
    right = training.advantages
    monkeypatch.setattr(training, "advantages", lambda x: -right(x))
    assert mean_reward_after(client, workers, "unlearns") < 0.1


def test_advantages_have_mean_0_and_deviation_1_or_are_0() -> None:
    rewards = torch.tensor([[1.0, 0, 0, 0], [1, 1, 1, 1], [0, 0.5, 1, 0.5]])
    gains = training.advantages(rewards)
    assert gains.sum(1).abs().max() < 1e-5
    assert gains[0].pow(2).mean() == pytest.approx(1, abs=1e-4)
    assert gains[0, 0] > 0 > gains[0, 1]
    assert gains[1].tolist() == [0, 0, 0, 0]


def test_a_worker_that_fails_is_quoted(server: vade.LocalServer) -> None:
    expected = "ArithmeticError: the policy has no answer"
    fail_with(FailingTask(), server, "fails", expected)


def test_a_worker_that_ends_is_named(server: vade.LocalServer) -> None:
    expected = "worker 0 ended with exit code 7"
    fail_with(FailingTask(ends=True), server, "ends", expected)


def fail_with(
    task: FailingTask, server: vade.LocalServer, run_id: str, text: str
) -> None:
    with server.client() as client:
        run = new_run(client, run_id, "vade", _SETTINGS)
        with RolloutWorkers(task, 1, server.address) as workers:
            with pytest.raises(RolloutFailed, match=text):
                policy = task.new_policy(1)
                train(task, policy, "vade", _SETTINGS, 1, run, workers)


def test_workers_that_cannot_share_a_group_are_refused(
    client: vade.Client, workers: RolloutWorkers
) -> None:
    settings = replace(_SETTINGS, group_size=1)
    run = new_run(client, "one-each", "vade", settings)
    task = EvenAnswers()
    with pytest.raises(ValueError, match="count: a group of 1 rollouts"):
        train(task, task.new_policy(1), "vade", settings, 1, run, workers)
