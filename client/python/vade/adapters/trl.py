"""TRL: GRPOTrainer takes its prompts from a run, and reports its rewards.

    prompts = TrainPrompts(run, ids=dataset["id"])
    trainer = GRPOTrainer(
        ..., train_dataset=dataset, reward_funcs=[prompts.reports(is_right)]
    )
    prompts.attach(trainer)
    trainer.train()

Hooks: `_get_train_sampler(dataset=None)`, whose sampler keeps the contract of
TRL's RepeatSampler; reward functions; `TrainerCallback.on_train_begin`. The
page trl.md says more.
"""

from __future__ import annotations

import functools
import inspect
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vade.adapters._core import Steps, row_index, row_of
from vade.adapters._rewards import Rollout, clean, report_rollouts
from vade.errors import FailedPrecondition, refuse
from vade.options import Duration
from vade.records import Batch, ReportResult
from vade.run import Run

__all__ = ["TrainPrompts"]

_LOG = logging.getLogger("vade")

# Steps that a loader may have taken ahead of the reward function.
_MOST_AHEAD = 1024


@dataclass(frozen=True)
class _Shape:
    """How a trainer cuts a step among its processes."""

    group_size: int
    prompts: int
    repeats: int
    accumulation: int
    rank: int
    world: int

    @property
    def rollouts_of_rank(self) -> int:
        return self.prompts * self.group_size // self.world


@dataclass(frozen=True)
class _Expected:
    """What one call of the reward function in this process is about."""

    step: int
    prompts: tuple[str, ...]
    keys: tuple[str, ...]
    places: tuple[int, ...]


class TrainPrompts:
    """The prompts of one GRPOTrainer. The same in all its processes.

    Args:
        run: Its group size must be the trainer's `num_generations`.
        ids: The prompts' ids in the order of `train_dataset`.
        column: The dataset's column with the same ids, which TRL hands to
            reward functions.
        prefix, max_wait, lease_ttl, restart_ok: As `vade.adapters.Steps` has
            them.
    """

    def __init__(
        self,
        run: Run,
        ids: Sequence[str],
        *,
        column: str = "id",
        prefix: str = "step",
        max_wait: Duration = 60.0,
        lease_ttl: Duration | None = None,
        restart_ok: bool = False,
    ) -> None:
        self._run = run
        self._rows = row_index(ids)
        self._column = column
        self._options: dict[str, Any] = dict(
            prefix=prefix,
            max_wait=max_wait,
            lease_ttl=lease_ttl,
            restart_ok=restart_ok,
        )
        self._mutex = threading.Lock()
        self._expected: deque[_Expected] = deque(maxlen=_MOST_AHEAD)
        self._shape: _Shape | None = None
        self._steps: Steps | None = None
        self._reporter: Callable[..., Any] | None = None
        self.unmatched_count = 0

    # ---- the three lines that a training script needs

    def reports(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A reward function that reports what `function` returns.

        One of the trainer's reward functions, and one only: that whose
        rewards tell a solved prompt from an unsolved one, within the run's
        reward rule. None and NaN are reported as failed rollouts: no
        evidence. Calls whose rows lack the column of ids, such as those of
        an evaluation set, are passed on and not reported.
        """
        if self._reporter is not None:
            raise refuse(
                "function",
                function,
                "report one reward function, the others as they are",
            )

        @functools.wraps(function)
        def call(*args: Any, **columns: Any) -> Any:
            rewards = function(*args, **columns)
            self._report(columns.get(self._column), rewards)
            return rewards

        @functools.wraps(function)
        async def call_async(*args: Any, **columns: Any) -> Any:
            rewards = await function(*args, **columns)
            self._report(columns.get(self._column), rewards)
            return rewards

        is_async = inspect.iscoroutinefunction(function)
        self._reporter = call_async if is_async else call
        return self._reporter

    def attach(self, trainer: Any) -> None:
        """Makes the trainer take its prompts here; before `train()`.

        Sets `ignore_data_skip`, so that a resume pulls no batches it would
        throw away.

        Raises:
            FailedPrecondition: The trainer's settings do not fit the run.
        """
        shape = _shape_of(trainer)
        self._check(trainer, shape)
        self._shape = shape
        self._steps = Steps(self._run, shape.prompts, **self._options)
        trainer.args.ignore_data_skip = True
        trainer._get_train_sampler = self.sampler
        trainer.add_callback(_make_callback(self))

    def sampler(self, dataset: Any = None) -> Any:
        """What the trainer's `_get_train_sampler` returns."""
        return _make_sampler(self)

    # ---- what the hooks do

    def start(self, global_step: int) -> None:
        """Sets the step by the trainer's own count; on_train_begin."""
        assert self._shape is not None and self._steps is not None
        with self._mutex:
            self._expected.clear()
        if global_step == 0:
            return
        micro = global_step * self._shape.accumulation
        state = self._steps.state_dict(micro // self._shape.repeats)
        self._steps.load_state_dict(state)

    def indexes(self) -> Iterator[int]:
        """One epoch, each index as often as RepeatSampler would give it."""
        assert self._shape is not None and self._steps is not None
        shape = self._shape
        for _ in range(len(self._rows) // shape.prompts):
            step, batch = self._steps.take()
            self._expect(step, batch)
            for _ in range(shape.repeats):
                for prompt in batch:
                    row = row_of(self._rows, prompt.id)
                    yield from [row] * shape.group_size

    def index_count(self) -> int:
        """Indexes of an epoch."""
        assert self._shape is not None
        shape = self._shape
        steps = len(self._rows) // shape.prompts
        return steps * shape.prompts * shape.group_size * shape.repeats

    def _expect(self, step: int, batch: Batch) -> None:
        """Notes which rollouts of a step this process will be asked about."""
        assert self._shape is not None
        size, count = self._shape.group_size, self._shape.rollouts_of_rank
        first = self._shape.rank * count
        own = [divmod(i, size) for i in range(first, first + count)]
        prompts = tuple(batch[place].id for place, _ in own)
        expected = _Expected(
            step,
            prompts,
            tuple(f"{batch.id}/{prompt}" for prompt in prompts),
            tuple(place for _, place in own),
        )
        with self._mutex:
            self._expected.append(expected)

    def _report(self, ids: Any, rewards: Any) -> ReportResult | None:
        """Reports one call of the reward function."""
        if ids is None:
            return None
        if hasattr(rewards, "tolist"):
            rewards = rewards.tolist()
        values = [clean(reward) for reward in rewards]
        expected = self._match(tuple(str(prompt) for prompt in ids))
        if expected is None:
            return None
        if len(values) != len(expected.prompts):
            raise refuse(
                "rewards",
                len(values),
                f"return one reward for each of {len(expected.prompts)} rows",
            )
        assert self._shape is not None
        rollouts = [
            Rollout(key, value, place)
            for key, value, place in zip(expected.keys, values, expected.places)
        ]
        return report_rollouts(self._run, rollouts, self._shape.group_size)

    def _match(self, ids: tuple[str, ...]) -> _Expected | None:
        """The step that these rows are of; steps before it are over."""
        with self._mutex:
            for skipped, expected in enumerate(self._expected):
                if expected.prompts == ids:
                    for _ in range(skipped + 1):
                        self._expected.popleft()
                    return expected
            self.unmatched_count += 1
            first = self.unmatched_count == 1
        if first:
            _LOG.warning(
                "a reward function was called for %d rows that are no step of "
                "run %s: an evaluation on training prompts, or rows that were "
                "reordered; they are not reported",
                *(len(ids), self._run.id),
            )
        return None

    def _check(self, trainer: Any, shape: _Shape) -> None:
        def refuse_state(message: str) -> FailedPrecondition:
            return FailedPrecondition(message, reason="TRAINER_SETTINGS")

        if self._reporter not in list(trainer.reward_funcs):
            raise refuse_state(
                "reward_funcs: none of them reports; give the trainer "
                "prompts.reports(function)"
            )
        group_size = self._run.info().group_size
        if group_size != shape.group_size:
            raise refuse_state(
                f"num_generations is {shape.group_size} and the group_size of "
                f"run {self._run.id!r} is {group_size}; make them equal"
            )
        if len(trainer.train_dataset) != len(self._rows):
            raise refuse_state(
                f"ids: {len(self._rows)} for {len(trainer.train_dataset)} rows "
                "of train_dataset; give the ids of its rows, in its order"
            )
        steps = len(self._rows) // shape.prompts
        if steps == 0:
            raise refuse_state(
                f"generation_batch_size takes {shape.prompts} prompts, and "
                f"the dataset has {len(self._rows)}; make it smaller"
            )
        if steps * shape.repeats % shape.accumulation:
            raise refuse_state(
                f"an epoch has {steps * shape.repeats} micro batches, which "
                f"gradient_accumulation_steps={shape.accumulation} does not "
                "divide: a resume could not tell its step; choose another "
                "steps_per_generation"
            )


def _shape_of(trainer: Any) -> _Shape:
    args = trainer.args
    group_size = trainer.num_generations
    iterations = getattr(trainer, "num_iterations", 1)
    return _Shape(
        group_size=group_size,
        prompts=args.generation_batch_size // group_size,
        repeats=iterations * args.steps_per_generation,
        accumulation=args.gradient_accumulation_steps,
        rank=trainer.accelerator.process_index,
        world=trainer.accelerator.num_processes,
    )


def _make_sampler(prompts: TrainPrompts) -> Any:
    from torch.utils.data import Sampler

    class RepeatedDeals(Sampler[int]):
        """Keeps the contract of TRL's RepeatSampler."""

        def __init__(self) -> None:
            pass

        def __iter__(self) -> Iterator[int]:
            return prompts.indexes()

        def __len__(self) -> int:
            return prompts.index_count()

    return RepeatedDeals()


def _make_callback(prompts: TrainPrompts) -> Any:
    from transformers import TrainerCallback

    class StartAtStep(TrainerCallback):  # type: ignore[misc]
        """Tells where the trainer's own state says that it is."""

        def on_train_begin(
            self, args: Any, state: Any, control: Any, **_: Any
        ) -> None:
            prompts.start(state.global_step)

    return StartAtStep()
