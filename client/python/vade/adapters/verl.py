"""verl: a curriculum sampler (0.5 to 0.7), a dataset (0.8 and later), and a
reward function that reports.

    data.sampler.class_path=pkg://vade.adapters.verl
    data.sampler.class_name=CurriculumSampler          # verl 0.5 to 0.7

    data.custom_cls.path=pkg://vade.adapters.verl
    data.custom_cls.name=DealtDataset                  # verl 0.8 and later

Both take `+data.vade.run=...` and the other fields of AdapterSettings, or the
environment variables VADE_RUN, VADE_ADDRESS, ... The page verl.md says more.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vade.adapters._core import Deal, Steps
from vade.adapters._queue import DealQueue
from vade.adapters._rewards import Rollout, clean, report_rollouts
from vade.adapters._settings import AdapterSettings, ids_of, open_run
from vade.adapters._singles import SingleRollouts, of_process
from vade.errors import FailedPrecondition, refuse

__all__ = ["CurriculumSampler", "DealtDataset", "reports"]

_LOG = logging.getLogger("vade")

#: Where a row's extra_info names its deal.
DEAL = "vade_deal"

CurriculumSampler: Any  # See __getattr__.
DealtDataset: Any

_DEFAULT_ID = "extra_info.index"
# Own settings of the dataset, beside those of AdapterSettings.
_OWN = ("group_size", "checkpoints")


def __getattr__(name: str) -> Any:
    """Classes whose bases are verl's are made when verl asks for them."""
    makers = {
        "CurriculumSampler": _make_sampler,
        "DealtDataset": _make_dataset,
    }
    if name in makers:
        made = globals()[name] = makers[name]()
        return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _config(data_config: Any) -> tuple[AdapterSettings, dict[str, Any]]:
    """Settings of data.vade; and the adapter's own."""
    values = dict(data_config.get("vade", None) or {})
    own = {name: values.pop(name, None) for name in _OWN}
    return AdapterSettings.of(values), own


def _group_size(own: Mapping[str, Any]) -> int:
    value = own.get("group_size")
    if value is None:
        raise refuse(
            "data.vade.group_size",
            None,
            "give +data.vade.group_size='${actor_rollout_ref.rollout.n}'",
        )
    return int(value)


def _batch_size(data_config: Any) -> int:
    """Prompts that the loader takes at once."""
    size = data_config.get("gen_batch_size", None)
    return int(size or data_config.get("train_batch_size"))


def _rows(dataset: Any) -> Any:
    """The rows behind an RLHFDataset."""
    return getattr(dataset, "dataframe", dataset)


def _start(
    data_config: Any, rows: Any, batch_size: int
) -> tuple[Steps, list[str], dict[str, Any]]:
    """The steps of the run that the config names, and the rows' ids."""
    settings, own = _config(data_config)
    if int(data_config.get("dataloader_num_workers", 0) or 0) != 0:
        raise refuse(
            "data.dataloader_num_workers",
            data_config.get("dataloader_num_workers"),
            "give 0: prompts are chosen in the trainer's process",
        )
    ids = ids_of(rows, settings.id_key or _DEFAULT_ID)
    run = open_run(settings, _group_size(own), ids)
    steps = Steps(
        run,
        batch_size,
        prefix=settings.prefix,
        lease_ttl=settings.lease_ttl,
        restart_ok=settings.restart_ok,
    )
    own["id_key"] = settings.id_key or _DEFAULT_ID
    return steps, ids, own


def _report_batch(steps: Steps, batch: Any, keys: list[str | None]) -> set[str]:
    """Reports the rollouts of a DataProto; gives the deals that were there."""
    tensors = batch.batch
    name = "token_level_scores"
    if name not in tensors.keys():
        name = "rm_scores"
    scores = tensors[name].sum(dim=-1).tolist()
    places: dict[str, int] = {}
    rollouts = []
    for key, score in zip(keys, scores):
        if key is None:
            continue
        place = places.get(key, 0)
        places[key] = place + 1
        rollouts.append(Rollout(key, clean(score), place))
    size = max(places.values(), default=0)
    if rollouts:
        # All of a group are here: those that are missing will not come.
        report_rollouts(steps.run, rollouts, max(size, 1), final=True)
    return set(places)


class SamplerOfRun:
    """Deals prompts of a run; learns from `update` at each step's end.

    Args:
        data_source: The RLHFDataset.
        data_config: The config's section `data`.
    """

    def __init__(self, data_source: Any, data_config: Any) -> None:
        rows = _rows(data_source)
        self._steps, ids, own = _start(
            data_config, rows, _batch_size(data_config)
        )
        self._id_key = own["id_key"]
        self._index = {prompt: place for place, prompt in enumerate(ids)}
        self._count = len(ids)
        # Newest last: the deals of each prompt that no update has named.
        self._open: dict[str, list[Deal]] = {}

    def __iter__(self) -> Iterator[int]:
        """One epoch, batch by batch."""
        for _ in range(self._count // self._steps.batch_size):
            step = self._steps.next_step
            deals = self._steps.deals(step, self._index)
            for deal in deals:
                self._open.setdefault(deal.prompt, []).append(deal)
            # Before the last of them: the loader saves after it.
            self._steps.next_step = step + 1
            yield from (deal.__index__() for deal in deals)

    def __len__(self) -> int:
        size = self._steps.batch_size
        return self._count // size * size

    def update(self, batch: Any) -> None:
        """Reports a step's groups. Groups of it that are not in `batch`,
        because a filter dropped them, are released: no evidence."""
        infos = batch.non_tensor_batch
        rows = [
            {name: values[i] for name, values in infos.items()}
            for i in range(len(infos["uid"]))
        ]
        keys = [self._key_of(row) for row in rows]
        found = _report_batch(self._steps, batch, keys)
        self._close(found)

    def _key_of(self, row: Mapping[str, Any]) -> str | None:
        (prompt,) = ids_of([row], self._id_key)
        deals = self._open.get(prompt)
        return deals[0].key if deals else None

    def _close(self, found: set[str]) -> None:
        """Drops what was reported, and releases what was left out."""
        every = [deal for deals in self._open.values() for deal in deals]
        steps = {deal.step for deal in every if deal.key in found}
        newest = max(steps, default=-1)
        left: dict[str, list[str]] = {}
        for deal in every:
            if deal.step > newest:
                continue
            self._open[deal.prompt].remove(deal)
            if not self._open[deal.prompt]:
                del self._open[deal.prompt]
            if deal.key not in found:
                left.setdefault(deal.batch, []).append(deal.prompt)
        for name, prompts in left.items():
            self._steps.run.release(name, prompts)
            _LOG.warning(
                "%d groups of batch %s were filtered before update(): "
                "released without evidence; a reward function of "
                "vade.adapters.verl.reports sees them",
                *(len(prompts), name),
            )

    def state_dict(self) -> dict[str, Any]:
        """Saved by verl's loader into data.pt."""
        return self._steps.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from data.pt."""
        self._steps.load_state_dict(state)
        self._open.clear()


def _make_sampler() -> type:
    from verl.experimental.dataset.sampler import AbstractCurriculumSampler

    class CurriculumSampler(
        SamplerOfRun, AbstractCurriculumSampler  # type: ignore[misc]
    ):
        """The sampler of a run as verl's own kind."""

    return CurriculumSampler


def _checkpoint_step(folder: str) -> int | None:
    """The step that verl will resume from; None: it starts afresh."""
    path = Path(folder) / "latest_checkpointed_iteration.txt"
    if not path.exists():
        return None
    return int(path.read_text().strip())


def _listed(files: Any) -> list[str]:
    if files is None:
        return []
    return [files] if isinstance(files, str) else [str(f) for f in files]


def _in_worker() -> bool:
    from torch.utils.data import get_worker_info

    found: Any = get_worker_info  # torch has no types for it.
    return found() is not None


def _deals_of(config: Any, rows: Any) -> DealQueue:
    """The deals of a dataset, from where verl resumes on."""
    steps, ids, own = _start(config, rows, _batch_size(config))
    deals = DealQueue(steps, ids)
    folder = own["checkpoints"]
    if folder is None:
        deals.resume_open()
        return deals
    step = _checkpoint_step(folder)
    if step is not None:
        steps.load_state_dict(steps.state_dict(step))
    return deals


def _take(deals: DealQueue) -> Deal:
    """The next deal, in the trainer's own process."""
    if _in_worker():
        raise FailedPrecondition(
            "data.dataloader_num_workers: give 0; each worker would deal "
            "prompts of its own",
            reason="TRAINER_SETTINGS",
        )
    (deal,) = deals.take(1)
    # What was handed out is over: verl saves before on_batch_end.
    deals.finish([deal.key])
    return deal


def _make_dataset() -> type:
    from verl.utils.dataset.rl_dataset import RLHFDataset

    class DealtDataset(RLHFDataset):  # type: ignore[misc]
        """An RLHFDataset whose rows come in the order of the run's deals.

        The index that verl's sampler chose is passed over. Each row's
        extra_info names its deal, for `reports` and `on_batch_end`. verl
        makes its validation set of the same class: that one, of
        data.val_files, stays as it is.
        """

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            config = options.get("config")
            if config is None:
                config = args[2]
            files = options.get("data_files", args[0] if args else None)
            self._deals: DealQueue | None = None
            if _listed(files) == _listed(config.get("train_files")):
                self._deals = _deals_of(config, self.dataframe)

        def __getitem__(self, item: Any) -> Any:
            if self._deals is None:
                return super().__getitem__(item)
            deal = _take(self._deals)
            row = super().__getitem__(deal.row)
            info = row.get("extra_info")
            row["extra_info"] = {**(info or {}), DEAL: deal.key}
            return row

        def on_batch_end(self, batch: Any) -> None:
            """Reports a step's groups; verl's legacy and separation trainers
            call it. Where a filter drops groups, use `reports`."""
            if self._deals is None:
                return
            infos = batch.non_tensor_batch["extra_info"]
            keys = [(info or {}).get(DEAL) for info in infos]
            _report_batch(self._deals.steps, batch, keys)

    return DealtDataset


def reports(
    function: Callable[..., Any], rollouts: SingleRollouts | None = None
) -> Callable[..., Any]:
    """A `compute_score` that reports each rollout, in whatever process.

    Rows without a deal, such as those of a validation set, are passed on.

    Args:
        function: `compute_score(data_source, solution_str, ground_truth,
            extra_info, ...)`, async or not, that returns a number or a dict
            with "score".
        rollouts: Where to. None: the run of VADE_RUN at VADE_ADDRESS.
    """

    def send(extra_info: Any, result: Any) -> None:
        key = (extra_info or {}).get(DEAL)
        if key is None:
            return
        score = result.get("score") if isinstance(result, Mapping) else result
        target = rollouts or of_process(AdapterSettings.of())
        target.report(key, clean(score))

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        result = function(*args, **options)
        send(_extra_info(args, options), result)
        return result

    @functools.wraps(function)
    async def call_async(*args: Any, **options: Any) -> Any:
        import asyncio

        result = await function(*args, **options)
        info = _extra_info(args, options)
        await asyncio.get_running_loop().run_in_executor(
            None, send, info, result
        )
        return result

    return call_async if inspect.iscoroutinefunction(function) else call


def _extra_info(args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    return options["extra_info"] if "extra_info" in options else args[3]
