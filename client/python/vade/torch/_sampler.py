"""BatchSampler: what to load next, asked in the process of the trainer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch.distributed
from torch.utils.data import Sampler

from vade._checks import LabelFilter, integer
from vade.adapters._core import Deal, Steps, row_index
from vade.errors import Error, refuse
from vade.options import Duration
from vade.run import Run

__all__ = ["BatchSampler", "shard"]


def shard() -> tuple[int, int] | None:
    """(rank, world) of torch.distributed; None in a process of its own."""
    if not torch.distributed.is_available():
        return None
    if not torch.distributed.is_initialized():
        return None
    world = torch.distributed.get_world_size()
    return (torch.distributed.get_rank(), world) if world > 1 else None


def epoch_end(step: int, steps: int | None) -> int | None:
    """The first step of the next epoch; None where there are no epochs."""
    return None if steps is None else (step // steps + 1) * steps


class BatchSampler(Sampler[Any]):
    """Yields the batches of a run as lists of `vade.adapters.Deal`.

    For `DataLoader(dataset, batch_sampler=...)`. A loader asks it in the
    trainer's own process, with workers too, and always at the same moments.
    So the batches of a run follow from its seed and the rewards, whatever the
    number of workers, and after a resume as well.

    Args:
        run, batch_size, prefix, shard, labels, min_batch_size, max_wait,
            lease_ttl, payloads, restart_ok: As `vade.adapters.Steps` has
            them. `shard` may be `vade.torch.shard()`.
        ids: The prompts' ids in the order of the dataset. With them a deal is
            an index: any dataset can be asked for it. None: rows come from
            payloads.
        steps: Batches of one iteration (epoch). None: it never ends.
    """

    def __init__(
        self,
        run: Run,
        batch_size: int,
        *,
        ids: Sequence[str] | None = None,
        steps: int | None = None,
        prefix: str = "step",
        shard: tuple[int, int] | None = None,
        labels: LabelFilter | None = None,
        min_batch_size: int | None = None,
        max_wait: Duration = 60.0,
        lease_ttl: Duration | None = None,
        payloads: bool | None = None,
        restart_ok: bool = False,
    ) -> None:
        self._rows = None if ids is None else row_index(ids)
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
            payloads=ids is None if payloads is None else payloads,
            restart_ok=restart_ok,
        )

    @property
    def steps(self) -> Steps:
        """What numbers the batches."""
        return self._steps

    def __iter__(self) -> Iterator[list[Deal]]:
        """Goes on at the step that is next, up to the end of its epoch."""
        end = epoch_end(self._steps.next_step, self._epoch_steps)
        while end is None or self._steps.next_step < end:
            step = self._steps.next_step
            try:
                deals = self._steps.deals(step, self._rows)
            except Error as error:
                # Frames of the call refer to the error, and the error to
                # them and to the loader's: a circle in which a loader's
                # workers would be left waiting.
                raise error.with_traceback(None)
            self._steps.next_step = step + 1
            yield deals

    def __len__(self) -> int:
        """Batches of an epoch.

        Raises:
            TypeError: There are no epochs.
        """
        if self._epoch_steps is None:
            raise TypeError("a BatchSampler without steps= has no length")
        return self._epoch_steps

    def seek(self, step: int) -> None:
        """The next iteration begins at `step`."""
        self._steps.next_step = integer("step", step, 0, 2**53)

    def state_dict(self, step: int | None = None) -> dict[str, Any]:
        """What a checkpoint has to keep.

        Args:
            step: The first step that is not trained. None: the step after
                the newest yielded. A loader that prefetches has taken more
                than was trained: use `vade.torch.DataLoader.state_dict`, or
                give the row's `vade_step` + 1.
        """
        return self._steps.state_dict(step)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint, without asking for what came before.

        Raises:
            InvalidArgument: It is of another run, prefix or batch size.
        """
        self._steps.load_state_dict(state)


def check_steps(steps: int | None) -> int | None:
    """The number of steps of an epoch."""
    if steps is None:
        return None
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise refuse("steps", steps, "give 1 or more, or None for no end")
    return steps
