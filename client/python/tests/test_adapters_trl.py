"""The TRL adapter, against a stand-in of GRPOTrainer's hooks.

The stand-in follows trl 0.20 to 1.10: a sampler of RepeatSampler's contract,
cut among processes in contiguous slices and read one batch ahead, as
accelerate does; reward functions called once for each generation batch, with
the dataset's columns; TrainerCallback.on_train_begin with the state's
global_step.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import types

import pytest

import vade

pytest.importorskip("torch")

from vade.adapters.trl import TrainPrompts  # noqa: E402

IDS = [f"p{i}" for i in range(48)]
DATASET = [{"prompt": f"? {prompt}", "id": prompt} for prompt in IDS]
G = 4


@pytest.fixture(autouse=True)
def transformers(monkeypatch):
    module = types.ModuleType("transformers")
    module.TrainerCallback = type("TrainerCallback", (), {})
    monkeypatch.setitem(sys.modules, "transformers", module)


class StandInTrainer:
    """One process of a GRPOTrainer."""

    def __init__(
        self,
        reward_funcs,
        rank=0,
        world=1,
        *,
        per_device=8,
        accumulation=2,
        per_generation=2,
        iterations=1,
        dataset=DATASET,
    ):
        self.args = types.SimpleNamespace(
            generation_batch_size=per_device * world * per_generation,
            steps_per_generation=per_generation,
            gradient_accumulation_steps=accumulation,
            ignore_data_skip=False,
        )
        self.num_generations = G
        self.num_iterations = iterations
        self.train_dataset = dataset
        self.reward_funcs = reward_funcs
        self.accelerator = types.SimpleNamespace(
            process_index=rank, num_processes=world
        )
        self.callbacks = []
        self.rank, self.world = rank, world
        self.local = per_device * per_generation

    def add_callback(self, callback):
        self.callbacks.append(callback)

    def slices(self):
        """This process's part of each loader batch, for ever."""
        while True:
            indexes = iter(self._get_train_sampler())
            whole = self.local * self.world
            while chunk := list(itertools.islice(indexes, whole)):
                assert len(chunk) == whole
                yield chunk[self.rank * self.local :][: self.local]

    def train(self, global_step=0, ahead=1):
        """Yields the micro step after each of them."""
        state = types.SimpleNamespace(global_step=global_step)
        for callback in self.callbacks:
            callback.on_train_begin(self.args, state, None)
        slices = self.slices()
        taken = [next(slices) for _ in range(ahead)]
        every = self.args.steps_per_generation * self.num_iterations
        for micro in itertools.count():
            taken.append(next(slices))
            rows = [self.train_dataset[i] for i in taken.pop(0)]
            if micro % every == 0:
                self.score(rows)
            yield micro

    def score(self, rows):
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        prompts = columns.pop("prompt")
        answers = ["..."] * len(rows)
        for function in self.reward_funcs:
            call = function(prompts=prompts, completions=answers, **columns)
            if asyncio.iscoroutine(call):
                asyncio.run(call)


def solved_by_number(prompts, completions, **columns):
    """Even prompts are always solved, odd ones never."""
    return [float(int(prompt[3:]) % 2 == 0) for prompt in prompts]


def make(run, function=solved_by_number, rank=0, world=1, **settings):
    own = {
        name: settings.pop(name)
        for name in ("restart_ok", "lease_ttl")
        if name in settings
    }
    prompts = TrainPrompts(run, IDS, max_wait=1, **own)
    trainer = StandInTrainer(
        [prompts.reports(function)], rank, world, **settings
    )
    prompts.attach(trainer)
    return prompts, trainer


@pytest.fixture
def run(new_run):
    return new_run(prompts=len(IDS), group_size=G)


def test_indexes_are_those_of_a_repeat_sampler(run):
    prompts, trainer = make(run, iterations=2, per_generation=2)
    sampler = trainer._get_train_sampler(trainer.train_dataset)
    indexes = list(sampler)
    assert len(sampler) == len(indexes) == 12 * 4 * G * 4
    for step in range(12):
        batch = run.next_batch(4, request_id=f"step-{step}")
        assert batch.repeated_request
        block = [IDS.index(p.id) for p in batch for _ in range(G)]
        start = step * len(block) * 4
        assert indexes[start : start + 4 * len(block)] == block * 4


@pytest.mark.parametrize("world", [1, 2, 4])
@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_rewards_of_all_processes_make_whole_groups(run, world, ahead):
    # With 6 rollouts a process, slices cut through groups of 4.
    local = 8 if world == 1 else 6
    parts = [
        make(run, rank=rank, world=world, per_device=local, per_generation=1)
        for rank in range(world)
    ]
    loops = [trainer.train(ahead=ahead) for _, trainer in parts]
    for micro in range(3):
        # The last process is the first to reach each step.
        for loop in reversed(loops):
            assert next(loop) == micro
    size = local * world // G
    for step in range(3):
        batch = run.next_batch(size, request_id=f"step-{step}")
        for group in run.batch(batch).groups:
            number = int(group.prompt.id[1:])
            assert (group.state, group.reward_count) == ("completed", G)
            assert group.success_sum == (G if number % 2 == 0 else 0)
    stats = run.stats()
    assert stats.rollout_count == 3 * size * G
    assert stats.duplicate_rollout_count == stats.late_rollout_count == 0
    assert all(prompts.unmatched_count == 0 for prompts, _ in parts)


def test_a_resume_repeats_the_step_of_its_checkpoint_and_goes_on(run):
    seen = []

    def scored(prompts, completions, **columns):
        seen.append(columns["id"])
        return solved_by_number(prompts, completions)

    _, trainer = make(run, scored)
    loop = trainer.train()
    for _ in range(9):
        next(loop)
    before, seen[:] = list(seen), []
    assert len(before) == 5
    # Two micro steps are one global step, and one generation batch.
    _, trainer = make(run, scored)
    loop = trainer.train(global_step=3)
    assert trainer.args.ignore_data_skip
    for _ in range(7):
        next(loop)
    assert seen[:2] == before[3:] and len(seen) == 4
    stats = run.stats()
    # Steps 0 to 6, one loader batch of them taken ahead; 3 and 4 twice.
    assert stats.rollout_count == 7 * 4 * G
    assert stats.duplicate_rollout_count == 2 * 4 * G
    assert stats.batch_count == 7


def test_a_second_training_from_the_start_is_refused(run):
    next(make(run)[1].train())
    with pytest.raises(vade.FailedPrecondition, match="prefix"):
        next(make(run)[1].train())
    assert next(make(run, restart_ok=True)[1].train()) == 0


def test_no_reward_is_a_failed_rollout_and_no_zero(run):
    def partly(prompts, completions, **columns):
        return [None, float("nan"), 1.0, 0.0] * (len(prompts) // G)

    _, trainer = make(run, partly)
    next(trainer.train())
    for group in run.batch(run.next_batch(4, request_id="step-0")).groups:
        assert (group.reward_count, group.failed_count) == (2, 2)
        assert group.state == "completed"


def test_an_async_reward_function_reports_too(run):
    async def scored(prompts, completions, **columns):
        return solved_by_number(prompts, completions)

    _, trainer = make(run, scored)
    next(trainer.train())
    assert run.stats().rollout_count == 4 * G


def test_an_evaluation_is_not_reported(run, caplog):
    prompts, trainer = make(run)
    loop = trainer.train()
    next(loop)
    trainer.score([{"prompt": "? p1"}] * G)
    assert run.stats().rollout_count == 4 * G and not caplog.text
    # The same rows as those in training, in another order.
    trainer.score([DATASET[i] for i in range(16)])
    assert prompts.unmatched_count == 1 and "not reported" in caplog.text
    for _ in range(2):
        next(loop)
    assert run.stats().rollout_count == 2 * 4 * G


def test_settings_that_do_not_fit_are_refused(run, new_run):
    other = new_run(prompts=48, group_size=8)
    for run_, settings, match in (
        (other, {}, "num_generations is 4"),
        (run, {"dataset": DATASET[:-1]}, "48 for 47 rows"),
        (run, {"per_device": 800}, "make it smaller"),
        (run, {"accumulation": 5}, "does not divide"),
    ):
        with pytest.raises(vade.FailedPrecondition, match=match):
            make(run_, **settings)
    prompts = TrainPrompts(run, IDS)
    with pytest.raises(vade.FailedPrecondition, match="none of them reports"):
        prompts.attach(StandInTrainer([solved_by_number]))
    prompts.reports(solved_by_number)
    with pytest.raises(vade.InvalidArgument, match="one reward function"):
        prompts.reports(solved_by_number)


def test_a_reward_function_of_the_wrong_length_is_named(run):
    _, trainer = make(run, lambda **columns: [1.0])
    with pytest.raises(vade.InvalidArgument, match="each of 16 rows"):
        next(trainer.train())
