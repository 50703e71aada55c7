"""Datasets: rows that carry the deal they were loaded for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from vade._checks import LabelFilter, integer
from vade.adapters._core import Deal, Steps, row_index
from vade.adapters._rewards import DealtGroup, report_groups
from vade.errors import FailedPrecondition, refuse
from vade.options import Duration
from vade.records import GroupReport, ReportResult
from vade.run import Run
from vade.torch._sampler import check_steps, epoch_end

__all__ = ["PromptDataset", "PromptStream", "report"]


def _row(rows: Any, deal: Deal) -> dict[str, Any]:
    """The row of a deal with the columns that say what it was dealt for."""
    row = json.loads(deal.payload) if rows is None else rows[deal.__index__()]
    columns = dict(row) if isinstance(row, Mapping) else {"row": row}
    columns["vade_prompt"] = deal.prompt
    columns["vade_batch"] = deal.batch
    columns["vade_step"] = deal.step
    columns["vade_group_size"] = deal.group_size
    return columns


class PromptDataset(Dataset[Any]):
    """Rows of a dataset, asked for by the deals of a `BatchSampler`.

    A row is a dict of the dataset's own columns (a row that is no mapping
    becomes the column `row`) and of `vade_prompt`, `vade_batch`, `vade_step`
    and `vade_group_size`.

    Args:
        rows: Anything with `[place]` and `len`, in the order of the sampler's
            ids. None: each row is its prompt's payload, read as JSON.
    """

    def __init__(self, rows: Any = None) -> None:
        if rows is not None and not hasattr(rows, "__getitem__"):
            raise refuse("rows", rows, "give a sequence, or a dataset")
        self._rows = rows

    def __len__(self) -> int:
        """Rows of the dataset.

        Raises:
            TypeError: The rows are payloads.
        """
        if self._rows is None:
            raise TypeError("rows that are payloads have no number")
        return len(self._rows)

    def __getitem__(self, deal: object) -> dict[str, Any]:
        if not isinstance(deal, Deal):
            raise refuse(
                "index",
                deal,
                "load it with batch_sampler=vade.torch.BatchSampler(...)",
            )
        return _row(self._rows, deal)


class PromptStream(IterableDataset[Any]):
    """An iterable dataset of lists of rows: one list a step.

    For `DataLoader(stream, batch_size=None)`. With workers, each of them asks
    the server itself for every n-th step; steps come out in their order. How
    far sampling runs ahead of the rewards then depends on time, so batches do
    not replay from the seed as those of a `BatchSampler` do; those that were
    dealt are dealt again to a resumed trainer all the same.

    Args:
        run, batch_size, prefix, shard, labels, min_batch_size, max_wait,
            lease_ttl, restart_ok: As `vade.adapters.Steps` has them.
        rows, ids: The dataset and its prompts' ids in the same order; both or
            neither. Neither: rows are payloads, read as JSON.
        steps: Batches of one iteration (epoch). None: it never ends.
    """

    def __init__(
        self,
        run: Run,
        batch_size: int,
        *,
        rows: Any = None,
        ids: Sequence[str] | None = None,
        steps: int | None = None,
        prefix: str = "step",
        shard: tuple[int, int] | None = None,
        labels: LabelFilter | None = None,
        min_batch_size: int | None = None,
        max_wait: Duration = 60.0,
        lease_ttl: Duration | None = None,
        restart_ok: bool = False,
    ) -> None:
        if (rows is None) != (ids is None):
            raise refuse("ids", ids, "give rows and ids together, or neither")
        self._rows = rows
        self._index = None if ids is None else row_index(ids)
        self._epoch_steps = check_steps(steps)
        self._steps = Steps(
            run,
            batch_size,
            prefix=prefix,
            shard=shard,
            labels=labels,
            min_batch_size=min_batch_size,
            max_wait=max_wait,
            lease_ttl=lease_ttl,
            payloads=rows is None,
            restart_ok=restart_ok,
        )
        # How often `seek` was called, and the step it named: workers read
        # here where an iteration begins.
        # torch has no types for some of its methods.
        self._sought: Any = torch.zeros(2, dtype=torch.int64)
        self._sought.share_memory_()
        self._seen = 0

    @property
    def steps(self) -> Steps:
        """What numbers the batches; in a worker, the worker's own."""
        return self._steps

    def __len__(self) -> int:
        """Batches of an epoch.

        Raises:
            TypeError: There are no epochs.
        """
        if self._epoch_steps is None:
            raise TypeError("a PromptStream without steps= has no length")
        return self._epoch_steps

    def __iter__(self) -> Iterator[list[dict[str, Any]]]:
        """Goes on at the step that is next, up to the end of its epoch.

        Raises:
            FailedPrecondition: In a worker of a loader other than
                `vade.torch.DataLoader`.
        """
        calls, step = self._sought.tolist()
        worker: Any = get_worker_info()  # type: ignore[no-untyped-call]
        self._check_worker(worker is not None, calls)
        if calls != self._seen:
            self._seen, self._steps.next_step = calls, step
        place, workers = 0, 1
        if worker is not None:
            place, workers = worker.id, worker.num_workers
        first = self._steps.next_step
        end = epoch_end(first, self._epoch_steps)
        step = first + place
        while end is None or step < end:
            deals = self._steps.deals(step, self._index)
            step += workers
            # All workers go on from the same kind of step, which keeps their
            # parts apart.
            self._steps.next_step = step - place
            yield [_row(self._rows, deal) for deal in deals]
        if end is not None:
            self._steps.next_step = end

    def _check_worker(self, in_worker: bool, calls: int) -> None:
        if in_worker and calls == 0:
            # Nobody else tells a worker's copy where the second epoch begins.
            raise FailedPrecondition(
                "loader: read a PromptStream with workers through "
                "vade.torch.DataLoader, or with num_workers=0",
                reason="LOADER_WITHOUT_STATE",
            )

    def seek(self, step: int) -> None:
        """The next iteration begins at `step`, in workers too."""
        self._sought[1] = integer("step", step, 0, 2**53)
        self._sought[0] += 1

    def state_dict(self, step: int | None = None) -> dict[str, Any]:
        """What a checkpoint has to keep.

        Args:
            step: The first step that is not trained: the row's `vade_step` +
                1. None: the step after the newest yielded, which is known
                only without workers; `vade.torch.DataLoader` knows it always.
        """
        return self._steps.state_dict(step)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint, without asking for what came before.

        Raises:
            InvalidArgument: It is of another run, prefix or batch size.
        """
        self._steps.load_state_dict(state)


def _column(rows: Any, name: str) -> list[Any]:
    """A column of a collated batch, or of a list of rows."""
    try:
        if isinstance(rows, Mapping):
            column = rows[name]
        else:
            column = [row[name] for row in rows]
    except (KeyError, TypeError, IndexError):
        raise refuse(
            "rows",
            rows,
            f"give rows of a PromptDataset or PromptStream, with {name}",
        ) from None
    if hasattr(column, "tolist"):
        column = column.tolist()
    return list(column)


def report(
    run: Run, rows: Any, rewards: Any, *, final: bool = False
) -> ReportResult:
    """Reports the groups of loaded rows.

    Args:
        run: The run that dealt them.
        rows: Collated rows (a mapping of columns), or a list of rows. They
            may be of several batches.
        rewards: One group's rewards for each row, in the same order: a tensor
            of shape [rows, group size], or a list for each row. None in a
            list stands for a rollout that failed.
        final: Groups may be smaller: no more rollouts will come.

    Raises:
        What `Run.report_groups` does.
    """
    prompts = _column(rows, "vade_prompt")
    batches = _column(rows, "vade_batch")
    sizes = _column(rows, "vade_group_size")
    groups = list(rewards)
    if len(groups) != len(prompts):
        raise refuse(
            "rewards",
            len(groups),
            f"give one list of rewards for each of the {len(prompts)} rows",
        )
    rows_of_groups = zip(prompts, batches, sizes, groups)
    dealt = [
        DealtGroup(batch, int(size), GroupReport(prompt, group, final=final))
        for prompt, batch, size, group in rows_of_groups
    ]
    return report_groups(run, dealt)
