"""AReaL: a dataloader of deals, and a reward function that reports.

    class Trainer(PPOTrainer):
        def _create_dataloader(self, dataset, dataset_config, rank, world_size):
            return DealtLoader(run, dataset, ids, dataset_config.batch_size,
                               shard=(rank, world_size))

Hooks: `PPOTrainer._create_dataloader`, and the workflow's reward function,
which gets the row's columns. The page areal.md says more.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vade.adapters._core import Steps
from vade.adapters._queue import DealQueue
from vade.adapters._rewards import clean
from vade.adapters._settings import AdapterSettings
from vade.adapters._singles import SingleRollouts, of_process
from vade.errors import refuse
from vade.options import Duration
from vade.run import Run

__all__ = ["DealtLoader", "reports"]

#: The row's column that names its deal.
DEAL = "vade_deal"


class DealtLoader:
    """What AReaL asks of a dataloader: lists of rows, and a state.

    Args:
        run: The run.
        rows: The dataset, its rows mappings.
        ids: The prompts' ids in the order of `rows`.
        batch_size: Prompts of a step over all ranks.
        shard: (rank, world_size). None: one process takes all.
        prefix, max_wait, lease_ttl, restart_ok: As `vade.adapters.Steps` has
            them.
    """

    def __init__(
        self,
        run: Run,
        rows: Any,
        ids: Sequence[str],
        batch_size: int,
        *,
        shard: tuple[int, int] | None = None,
        prefix: str = "step",
        max_wait: Duration = 60.0,
        lease_ttl: Duration | None = None,
        restart_ok: bool = False,
    ) -> None:
        self._rows = rows
        world = 1 if shard is None else shard[1]
        if batch_size % world:
            raise refuse(
                "batch_size", batch_size, f"give a multiple of {world} ranks"
            )
        steps = Steps(
            run,
            batch_size,
            prefix=prefix,
            shard=None if world == 1 else shard,
            max_wait=max_wait,
            lease_ttl=lease_ttl,
            restart_ok=restart_ok,
        )
        self._deals = DealQueue(steps, ids)
        self._batches = len(ids) // batch_size
        #: Rows of this rank's batches.
        self.batch_size = batch_size // world

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[list[dict[str, Any]]]:
        """One epoch. Each row has the column `vade_deal`."""
        for _ in range(self._batches):
            deals = self._deals.take(self.batch_size)
            # Rewards come in elsewhere; the server knows what is in flight.
            self._deals.finish([deal.key for deal in deals])
            yield [
                {**self._rows[deal.__index__()], DEAL: deal.key}
                for deal in deals
            ]

    def state_dict(self) -> dict[str, Any]:
        """What AReaL's recover handler keeps."""
        return self._deals.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint: first with all that was dealt before it
        and is in flight, since AReaL takes rows ahead of its training."""
        self._deals.resume_open(state)


def reports(
    function: Callable[..., Any], rollouts: SingleRollouts | None = None
) -> Callable[..., Any]:
    """A workflow's reward function that reports each rollout.

    Rows without the column `vade_deal`, such as those of a validation set,
    are passed on.

    Args:
        function: `reward_fn(prompt, completions, prompt_ids, completion_ids,
            **columns)`, async or not, that returns a number.
        rollouts: Where to. None: the run of VADE_RUN at VADE_ADDRESS.
    """

    def send(columns: Mapping[str, Any], reward: Any) -> None:
        key = columns.get(DEAL)
        if key is not None:
            target = rollouts or of_process(AdapterSettings.of())
            target.report(str(key), clean(reward))

    @functools.wraps(function)
    def call(*args: Any, **columns: Any) -> Any:
        reward = function(*args, **columns)
        send(columns, reward)
        return reward

    @functools.wraps(function)
    async def call_async(*args: Any, **columns: Any) -> Any:
        import asyncio

        reward = await function(*args, **columns)
        await asyncio.get_running_loop().run_in_executor(
            None, send, columns, reward
        )
        return reward

    return call_async if inspect.iscoroutinefunction(function) else call
