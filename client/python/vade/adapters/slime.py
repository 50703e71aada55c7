"""slime: a data source and a hook that reports every group.

    --data-source-path vade.adapters.slime.DataSource
    --rollout-all-samples-process-path vade.adapters.slime.report_samples

Hooks: the class `DataSource(args)` with `get_samples`, `add_samples`, `save`,
`load`; `report_samples(args, all_samples, data_source)`, which slime calls
with the groups that a filter dropped, too. The page slime.md says more.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vade.adapters._core import Deal, Steps
from vade.adapters._queue import DealQueue
from vade.adapters._rewards import Rollout, clean, report_rollouts
from vade.adapters._settings import AdapterSettings, content_id, open_run
from vade.adapters._settings import value_at
from vade.errors import refuse
from vade.records import ReportResult

__all__ = ["DataSource", "report_samples"]

#: Where a sample's metadata names its deal.
DEAL = "vade_deal"

DataSource: Any  # See __getattr__.


def __getattr__(name: str) -> Any:
    """DataSource is made when slime asks for it: its base is slime's."""
    if name == "DataSource":
        made = globals()["DataSource"] = _make_data_source()
        return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _sample_ids(samples: Sequence[Any], id_key: str | None) -> list[str]:
    """Ids of the dataset's samples: a key of their metadata, or what follows
    from prompt and label."""
    ids: list[str] = []
    seen: dict[str, int] = {}
    for place, sample in enumerate(samples):
        if id_key is None:
            found = content_id([sample.prompt, sample.label])
        else:
            value = value_at(sample.metadata, id_key)
            if value is None:
                raise refuse(
                    f"samples[{place}].metadata",
                    sample.metadata,
                    f"give it {id_key!r}, or name another key (VADE_ID_KEY)",
                )
            found = str(value)
        first = seen.setdefault(found, place)
        if first != place:
            raise refuse(
                f"samples[{place}]",
                found,
                f"drop it, since samples[{first}] is the same prompt, or name "
                "a metadata key with ids (VADE_ID_KEY)",
            )
        ids.append(found)
    return ids


def _deals_of(args: Any, dataset: Any) -> DealQueue:
    """The deals of a dataset's samples."""
    if dataset is None:
        rule = "give --prompt-data: its rows are dealt"
        raise refuse("prompt_data", None, rule)
    settings = AdapterSettings.of(getattr(args, "vade", None))
    ids = _sample_ids(dataset.samples, settings.id_key)
    run = open_run(settings, args.n_samples_per_prompt, ids)
    steps = Steps(
        run,
        args.rollout_batch_size,
        prefix=settings.prefix,
        lease_ttl=settings.lease_ttl,
        restart_ok=settings.restart_ok,
    )
    return DealQueue(steps, ids)


def _group(source: Any, deal: Deal) -> list[Any]:
    """The samples of a deal, numbered as slime numbers them."""
    group = []
    for _ in range(source.args.n_samples_per_prompt):
        sample = copy.deepcopy(source.dataset.samples[deal.__index__()])
        sample.metadata = {**(sample.metadata or {}), DEAL: deal.key}
        sample.group_index = source.sample_group_index
        sample.index = source.sample_index
        source.sample_index += 1
        group.append(sample)
    source.sample_group_index += 1
    return group


def _make_data_source() -> type:
    from slime.rollout.data_source import RolloutDataSourceWithBuffer

    class DataSource(RolloutDataSourceWithBuffer):  # type: ignore[misc]
        """slime's data source, whose prompts come from a run.

        Groups that slime gives back (`add_samples`) come first, as ever.
        """

        def __init__(self, args: Any) -> None:
            super().__init__(args)
            self.deals = _deals_of(args, self.dataset)

        def get_samples(self, num_samples: int) -> list[list[Any]]:
            """Groups of the buffer, then groups of new deals."""
            groups: list[list[Any]] = self._get_samples_from_buffer(num_samples)
            missing = num_samples - len(groups)
            if missing > 0:
                deals = self.deals.take(missing)
                groups += [_group(self, deal) for deal in deals]
            return groups

        def save(self, rollout_id: Any) -> None:
            """Beside slime's own state: the deals that are not finished."""
            super().save(rollout_id)
            path = _state_path(self.args.save, rollout_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".new")
            draft.write_text(json.dumps(self.deals.state_dict()))
            os.replace(draft, path)

        def load(self, rollout_id: Any = None) -> None:
            """Goes on with the deals that were not finished."""
            super().load(rollout_id)
            if self.args.load is None:
                return
            path = _state_path(self.args.load, rollout_id)
            if path.exists():
                self.deals.load_state_dict(json.loads(path.read_text()))

    return DataSource


def _state_path(folder: str, rollout_id: Any) -> Path:
    return Path(folder) / "rollout" / f"vade_state_{rollout_id}.json"


def _flat(samples: Iterable[Any]) -> Iterable[Any]:
    for sample in samples:
        if isinstance(sample, (list, tuple)):
            yield from _flat(sample)
        else:
            yield sample


def _reward(args: Any, sample: Any) -> float | None:
    """None for a rollout that failed: it has no evidence."""
    if getattr(sample.status, "name", "") == "FAILED":
        return None
    reward = sample.reward
    key = getattr(args, "reward_key", None)
    if key and isinstance(reward, dict):
        reward = reward.get(key)
    return clean(reward)


def report_samples(
    args: Any, all_samples: Iterable[Any], data_source: Any
) -> ReportResult:
    """Reports the groups of a rollout, those that a filter dropped too.

    Aborted samples are left out: slime gives their groups back, and they are
    rolled out to the end later.
    """
    groups: dict[str, list[Any]] = {}
    for sample in _flat(all_samples):
        key = (sample.metadata or {}).get(DEAL)
        if key is not None:
            groups.setdefault(key, []).append(sample)
    size = args.n_samples_per_prompt
    rollouts, finished = [], []
    for key, samples in groups.items():
        if any(getattr(s.status, "name", "") == "ABORTED" for s in samples):
            continue
        finished.append(key)
        rollouts += [
            Rollout(key, _reward(args, sample), sample.index % size)
            for sample in samples
        ]
    result = report_rollouts(data_source.deals.steps.run, rollouts, size)
    data_source.deals.finish(finished)
    return result
