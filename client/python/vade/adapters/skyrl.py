"""SkyRL: a dataset that mints a uid for each deal, and a generator that
reports.

    class Experiment(BasePPOExp):
        def get_train_dataset(self):
            return DealtPrompts(super().get_train_dataset(), deals)
        def get_generator(self, *args, **options):
            made = super().get_generator(*args, **options)
            return ReportingGenerator(made, deals)

Hooks: `get_train_dataset` and `get_generator` of BasePPOExp. The page skyrl.md
says more.
"""

from __future__ import annotations

from typing import Any

from vade.adapters._queue import DealQueue
from vade.adapters._rewards import Rollout, clean, report_rollouts
from vade.records import ReportResult

__all__ = ["DealtPrompts", "ReportingGenerator"]


class DealtPrompts:
    """SkyRL's PromptDataset, whose rows come in the order of the run's deals.

    The uid is the deal's key, new with every deal: SkyRL passes over a uid it
    has trained on, and takes one that is in flight twice for an error. It
    has no state of its own: SkyRL's asynchronous trainer sets its loader back
    to the beginning after every epoch, which must not set the run back.

    Args:
        dataset: `dataset[i]` is (messages, env_class, extras, uid).
        deals: With ids in the order of `dataset`.
    """

    def __init__(self, dataset: Any, deals: DealQueue) -> None:
        self._dataset = dataset
        self._deals = deals

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: object) -> tuple[Any, Any, Any, str]:
        (deal,) = self._deals.take(1)
        messages, env_class, extras, _ = self._dataset[deal.__index__()]
        return messages, env_class, extras, deal.key

    def collate_fn(self, items: Any) -> Any:
        """The dataset's own."""
        return self._dataset.collate_fn(items)


class ReportingGenerator:
    """A generator that reports what its rollouts earned.

    Works with the synchronous and the fully asynchronous trainer, and sees
    groups before any filter drops them. Evaluations are passed on.

    Args:
        generator: Any GeneratorInterface.
        deals: Those of the dataset.
    """

    def __init__(self, generator: Any, deals: DealQueue) -> None:
        self._generator = generator
        self._deals = deals
        self._group_size = deals.steps.run.info().group_size
        self._counts: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)

    async def generate(self, input_batch: Any, **options: Any) -> Any:
        """The generator's output, unchanged, after its rewards are durable."""
        import asyncio

        output = await self._generator.generate(input_batch, **options)
        metadata = input_batch.get("batch_metadata")
        if getattr(metadata, "training_phase", "train") == "train":
            await asyncio.get_running_loop().run_in_executor(
                None, self._report, input_batch, output
            )
        return output

    def _report(self, input_batch: Any, output: Any) -> ReportResult:
        ids = output.get("trajectory_ids") or input_batch["trajectory_ids"]
        last = output.get("is_last_step") or [True] * len(ids)
        reasons = output.get("stop_reasons") or [""] * len(ids)
        rollouts = []
        for place, (one, is_last) in enumerate(zip(ids, last)):
            if not is_last or "/" not in one.instance_id:
                continue
            reward = _total(output["rewards"][place])
            if reasons[place] in ("abort", "error"):
                reward = None
            key = one.instance_id
            rollouts.append(Rollout(key, reward, one.repetition_id))
        result = report_rollouts(
            self._deals.steps.run, rollouts, self._group_size
        )
        self._finish([rollout.key for rollout in rollouts])
        return result

    def _finish(self, keys: list[str]) -> None:
        """Tells the queue of deals all of whose rollouts are in."""
        over = []
        for key in keys:
            self._counts[key] = self._counts.get(key, 0) + 1
            if self._counts[key] >= self._group_size:
                del self._counts[key]
                over.append(key)
        self._deals.finish(over)


def _total(reward: Any) -> float | None:
    """The reward of a rollout that may have one for each token."""
    if isinstance(reward, (list, tuple)):
        values = [clean(value) for value in reward]
        if None in values:
            return None
        return float(sum(value for value in values if value is not None))
    return clean(reward)
