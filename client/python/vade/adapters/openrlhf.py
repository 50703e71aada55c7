"""OpenRLHF: a dataset whose labels carry the deal, and a reward function.

    # reward.py, for --reward.remote_url reward.py
    from vade.adapters.openrlhf import reports
    reward_func = reports(my_reward_func)

OpenRLHF has no hook for the choice of prompts: the page openrlhf.md shows the
lines that put `DealtPrompts` in place of its dataset.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from vade.adapters._queue import DealQueue
from vade.adapters._rewards import clean
from vade.adapters._settings import AdapterSettings
from vade.adapters._singles import SingleRollouts, of_process

__all__ = ["DealtPrompts", "reports"]

# Between a deal's key and the label: nothing that a key or a text contains.
_MARK = "\x1fvade\x1f"


class DealtPrompts:
    """A PromptDataset whose rows come in the order of the run's deals.

    The loader's index is passed over: give it no shuffle and no workers.

    Args:
        dataset: OpenRLHF's PromptDataset: `dataset[i]` is (datasource,
            prompt, label).
        deals: With ids in the order of `dataset`.
    """

    def __init__(self, dataset: Any, deals: DealQueue) -> None:
        self._dataset = dataset
        self._deals = deals

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: object) -> tuple[Any, Any, str]:
        (deal,) = self._deals.take(1)
        source, prompt, label = self._dataset[deal.__index__()]
        # Nothing tells the queue of rewards: what was handed out is over.
        self._deals.finish([deal.key])
        return source, prompt, f"{deal.key}{_MARK}{label}"

    def collate_fn(self, items: Any) -> Any:
        """The dataset's own."""
        return self._dataset.collate_fn(items)

    def state_dict(self) -> dict[str, Any]:
        """To be kept beside OpenRLHF's own client states."""
        return self._deals.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self._deals.load_state_dict(state)


def split_label(label: str) -> tuple[str | None, str]:
    """The deal's key, None if there is none, and the dataset's own label."""
    key, mark, own = str(label).partition(_MARK)
    return (key, own) if mark else (None, str(label))


def reports(
    function: Callable[..., Any], rollouts: SingleRollouts | None = None
) -> Callable[..., Any]:
    """A reward function that reports each rollout, in whatever process.

    Args:
        function: `reward_func(queries, prompts, labels, **more)`, which gets
            the dataset's own labels and returns a dict with "rewards", or a
            list of such dicts, or a tensor.
        rollouts: Where to. None: the run of VADE_RUN at VADE_ADDRESS.
    """

    @functools.wraps(function)
    def call(queries: Any, prompts: Any, labels: Any, **more: Any) -> Any:
        split = [split_label(label) for label in labels]
        own = [label for _, label in split]
        result = function(queries, prompts, own, **more)
        rewards = _rewards_of(result)
        target = rollouts or of_process(AdapterSettings.of())
        for (key, _), reward in zip(split, rewards):
            if key is not None:
                target.report(key, clean(reward))
        return result

    return call


def _rewards_of(result: Any) -> list[Any]:
    if isinstance(result, list):
        rewards: list[Any] = []
        for part in result:
            rewards += _rewards_of(part)
        return rewards
    if isinstance(result, Mapping):
        # "scores" is for OpenRLHF's own filter, in [0, 1]; rewards may be
        # shaped.
        scores = result.get("scores")
        result = result["rewards"] if scores is None else scores
    if hasattr(result, "tolist"):
        result = result.tolist()
    return list(result) if isinstance(result, (list, tuple)) else [result]
