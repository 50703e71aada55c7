"""NeMo-RL: a custom dataloader that deals, and learns from its records.

    # deals.py, for data.custom_dataloader=deals.prompts
    prompts = DealtBatches(run, ids, batch_size=num_prompts_per_step)

Hooks: `data.custom_dataloader` with `data.use_multiple_dataloader=true`, and
`MultipleDataloaderWrapper.set_records`. The page nemo_rl.md shows the lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vade.adapters._core import Steps
from vade.adapters._queue import DealQueue
from vade.adapters._rewards import Rollout, clean, report_rollouts
from vade.errors import refuse
from vade.options import Duration
from vade.records import ReportResult
from vade.run import Run

__all__ = ["DealtBatches"]

#: The batch's column with the deals.
DEAL = "vade_deal"


class DealtBatches:
    """The function that `data.custom_dataloader` names.

    Args:
        run: Its group size is `grpo.num_generations_per_prompt`.
        ids: The prompts' ids in the order of the task's dataset.
        batch_size: `grpo.num_prompts_per_step`.
        task: The name of the task whose dataset is dealt. None: the only one.
        prefix, max_wait, lease_ttl: As `vade.adapters.Steps` has them.
    """

    def __init__(
        self,
        run: Run,
        ids: Sequence[str],
        batch_size: int,
        *,
        task: str | None = None,
        prefix: str = "step",
        max_wait: Duration = 60.0,
        lease_ttl: Duration | None = None,
    ) -> None:
        self._task = task
        steps = Steps(
            run,
            batch_size,
            prefix=prefix,
            max_wait=max_wait,
            lease_ttl=lease_ttl,
        )
        self.deals = DealQueue(steps, ids)
        self._started = False
        self._group_size: int | None = None

    def __call__(
        self,
        data_iterators: dict[str, Any],
        dataloaders: Mapping[str, Any],
        *,
        vade_deals: Iterable[str] | None = None,
        vade_rewards: Any = None,
        **records: Any,
    ) -> tuple[Any, dict[str, Any]]:
        """Reports the records of the step before, and deals the next batch.

        Args:
            data_iterators: Given back as they are.
            dataloaders: By task; of the task's, dataset and collate_fn are
                used.
            vade_deals: The column `vade_deal` of the repeated batch.
            vade_rewards: Its rewards, in the same order.
            records: Of other users of set_records; passed over.

        Returns:
            The batch with the column `vade_deal`, and the iterators.
        """
        if vade_deals is not None:
            self.report(vade_deals, vade_rewards)
        loader = dataloaders[self._task_of(dataloaders)]
        if not self._started:
            # NeMo-RL's checkpoint has no room for a state.
            self._started = True
            self.deals.resume_open()
        deals = self.deals.take(self.deals.steps.batch_size)
        rows = [loader.dataset[deal.__index__()] for deal in deals]
        batch = loader.collate_fn(rows)
        batch[DEAL] = [deal.key for deal in deals]
        return batch, data_iterators

    def report(self, deals: Iterable[str], rewards: Any) -> ReportResult:
        """Reports a step's rewards; None and NaN are failed rollouts.

        Args:
            deals: For each rollout the deal's key; a group's in their order.
            rewards: As many numbers.
        """
        if hasattr(rewards, "tolist"):
            rewards = rewards.tolist()
        keys, values = list(deals), list(rewards)
        if len(keys) != len(values):
            raise refuse(
                "vade_rewards",
                len(values),
                f"give one for each of the {len(keys)} vade_deals",
            )
        if self._group_size is None:
            self._group_size = self.deals.steps.run.info().group_size
        places: dict[str, int] = {}
        rollouts = []
        for key, value in zip(keys, values):
            place = places[key] = places.get(key, -1) + 1
            rollouts.append(Rollout(key, clean(value), place))
        result = report_rollouts(
            self.deals.steps.run, rollouts, self._group_size
        )
        self.deals.finish(places)
        return result

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint of one's own."""
        return self.deals.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint of one's own."""
        self._started = True
        self.deals.load_state_dict(state)

    def _task_of(self, dataloaders: Mapping[str, Any]) -> str:
        if self._task is None:
            if len(dataloaders) != 1:
                raise refuse("task", None, f"name one of {sorted(dataloaders)}")
            return next(iter(dataloaders))
        if self._task not in dataloaders:
            raise refuse(
                "task", self._task, f"name one of {sorted(dataloaders)}"
            )
        return self._task
