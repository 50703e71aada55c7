"""Processes that make rollouts and report their rewards to the server.

Each worker makes some rollouts of every group, by their place in it, so a
group is put together by the server alone. The trainer gets the rollouts only
after the server has answered for their rewards.
"""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np
import torch

import vade

__all__ = ["Order", "RolloutFailed", "Rollouts", "RolloutWorkers", "Task"]

_END_SECONDS = 10.0


class Task(Protocol):
    """What is learned; instances travel to the workers by pickle."""

    @property
    def name(self) -> str:
        """The task's name: of its runs, files and titles."""

    @property
    def measures(self) -> tuple[str, ...]:
        """The pass rates to look at, of those of `validate`."""

    def prompts(self) -> list[vade.Prompt]:
        """The pool that is trained on, with rows as payloads."""

    def new_policy(self, seed: int) -> torch.nn.Module:
        """A policy with weights that follow from the seed."""

    def warm_start(
        self, policy: torch.nn.Module, seed: int, steps: int
    ) -> None:
        """Supervised steps, so that pass rates are not all zero."""

    def roll_out(
        self,
        policy: torch.nn.Module,
        rows: Sequence[Any],
        count: int,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`count` rollouts of each row.

        Returns:
            Actions (rows, count, length) and rewards in [0, 1], (rows, count).
        """

    def log_probabilities(
        self,
        policy: torch.nn.Module,
        rows: Sequence[Any],
        actions: torch.Tensor,
    ) -> torch.Tensor:
        """Of each rollout, (rows, count); with gradients."""

    def validate(self, policy: torch.nn.Module, seed: int) -> dict[str, float]:
        """Pass rates by name: the `measures`, and those of each label."""


class RolloutFailed(RuntimeError):
    """A worker failed or ended; the text has its traceback or exit code."""


@dataclass(frozen=True)
class Order:
    """One wave of rollouts: a batch for a version of the policy.

    Attributes:
        weights: The policy's, as numpy arrays.
        seed: The workers' randomness follows from it and their place.
    """

    run: str
    batch: vade.Batch
    weights: Mapping[str, np.ndarray[Any, Any]]
    seed: Sequence[int]


@dataclass(frozen=True)
class Rollouts:
    """What a wave came to, in the batch's order.

    Attributes:
        rows: One for each prompt.
        actions: (prompts, group size, length).
        rewards: (prompts, group size).
    """

    rows: list[Any]
    actions: torch.Tensor
    rewards: torch.Tensor

    def varied(self) -> torch.Tensor:
        """Which groups are not zero-variance, (prompts,)."""
        return (self.rewards != self.rewards[:, :1]).any(dim=1)


class RolloutWorkers:
    """Worker processes of one task, for any number of runs. Not thread-safe.

    Args:
        count: Processes, 1 to the group size.
        address: Of the server.
    """

    def __init__(self, task: Task, count: int, address: str) -> None:
        if count < 1:
            raise ValueError(f"count: give 1 or more workers; got {count}")
        context = multiprocessing.get_context("spawn")
        self._workers = []
        for place in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve,
                args=(theirs, task, address, place, count),
                name=f"rollouts-{place}",
                daemon=True,
            )
            process.start()
            theirs.close()
            self._workers.append((process, ours))

    def __enter__(self) -> RolloutWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def roll_out(self, order: Order) -> Rollouts:
        """Makes and reports all rollouts of a batch.

        Raises:
            RolloutFailed: One of the workers did not do its part.
        """
        count = len(self._workers)
        if order.batch.group_size < count:
            raise ValueError(
                f"count: a group of {order.batch.group_size} rollouts cannot "
                f"be shared by {count} workers; give fewer workers"
            )
        for place, (_, connection) in enumerate(self._workers):
            try:
                connection.send(order)
            except OSError as error:
                raise self._ended(place) from error
        parts = [self._answer(place) for place in range(count)]
        shape = (len(order.batch), order.batch.group_size)
        actions = torch.empty(shape + parts[0][0].shape[2:], dtype=torch.long)
        rewards = torch.empty(shape)
        for place, (some_actions, some_rewards) in enumerate(parts):
            actions[:, place::count] = torch.from_numpy(some_actions)
            rewards[:, place::count] = torch.from_numpy(some_rewards)
        rows = [prompt.json() for prompt in order.batch]
        return Rollouts(rows, actions, rewards)

    def _answer(self, place: int) -> Any:
        try:
            answer = self._workers[place][1].recv()
        except (EOFError, OSError) as error:
            raise self._ended(place) from error
        if isinstance(answer, str):
            raise RolloutFailed(f"rollout worker {place} failed:\n{answer}")
        return answer

    def _ended(self, place: int) -> RolloutFailed:
        process = self._workers[place][0]
        process.join(_END_SECONDS)
        return RolloutFailed(
            f"rollout worker {place} ended with exit code {process.exitcode}"
        )

    def close(self) -> None:
        """Ends the processes; a second call does nothing."""
        workers, self._workers = self._workers, []
        for _, connection in workers:
            connection.close()
        for process, _ in workers:
            process.join(_END_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()


def _serve(
    connection: Connection, task: Task, address: str, place: int, count: int
) -> None:
    """A worker: answers orders until the trainer has closed its end."""
    torch.set_num_threads(1)
    try:
        worker = _Worker(task, address, place, count)
        while True:
            connection.send(worker.do(connection.recv()))
    except EOFError:
        return
    except Exception:
        connection.send(traceback.format_exc())


class _Worker:
    def __init__(
        self, task: Task, address: str, place: int, count: int
    ) -> None:
        self._task = task
        self._policy = task.new_policy(0)
        self._client = vade.Client(address)
        self._reporter: vade.Reporter | None = None
        self._run = ""
        self._place = place
        self._count = count

    def do(self, order: Order) -> tuple[Any, Any]:
        """Makes this worker's rollouts, reports them, returns them."""
        self._policy.load_state_dict(
            {k: torch.from_numpy(v) for k, v in order.weights.items()}
        )
        places = range(self._place, order.batch.group_size, self._count)
        generator = seeded(*order.seed, self._place)
        rows = [prompt.json() for prompt in order.batch]
        with torch.no_grad():
            actions, rewards = self._task.roll_out(
                self._policy, rows, len(places), generator
            )
        reporter = self._reporter_of(order.run)
        for prompt, row_rewards in zip(order.batch, rewards.tolist()):
            reporter.report(
                order.batch, prompt, row_rewards, indices=list(places)
            )
        # What a flush has answered for survives the server and this process.
        reporter.flush()
        return actions.numpy(), rewards.numpy()

    def _reporter_of(self, run: str) -> vade.Reporter:
        if self._reporter is None or self._run != run:
            if self._reporter is not None:
                self._reporter.close()
            self._reporter = self._client.run(run).reporter()
            self._run = run
        return self._reporter


def seeded(*words: int) -> torch.Generator:
    """A generator whose stream follows from all the words together."""
    seed = np.random.SeedSequence(words).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(seed >> np.uint64(1)))
