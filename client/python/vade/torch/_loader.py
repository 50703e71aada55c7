"""DataLoader: torch's own, which knows what was consumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.utils.data

from vade.errors import refuse
from vade.torch._datasets import PromptStream
from vade.torch._sampler import BatchSampler

__all__ = ["DataLoader"]


class DataLoader(torch.utils.data.DataLoader[Any]):
    """torch.utils.data.DataLoader with a state for checkpoints.

    Its arguments are torch's: either a dataset with
    `batch_sampler=vade.torch.BatchSampler(...)`, or a `PromptStream` with
    `batch_size=None`. Any number of workers, any prefetch, persistent or not.
    Workers of a `PromptStream` make calls of their own. They are spawned unless
    `multiprocessing_context` says otherwise, since in a forked one vade works
    only if nothing else in this process uses gRPC: the script needs its
    `if __name__ == "__main__"`, and what workers get is pickled.

    What was prefetched and not consumed is not lost: an iteration that was
    left goes on at the first batch that had not come out, in this process as
    well as after a resume.
    """

    def __init__(self, dataset: Any, **arguments: Any) -> None:
        if arguments.get("num_workers") and isinstance(dataset, PromptStream):
            if arguments.get("multiprocessing_context") is None:
                arguments["multiprocessing_context"] = "spawn"
        super().__init__(dataset, **arguments)
        source = dataset
        if isinstance(dataset, PromptStream):
            if arguments.get("batch_size", 1) is not None:
                raise refuse(
                    "batch_size",
                    arguments.get("batch_size", 1),
                    "give None: a PromptStream yields whole batches",
                )
        else:
            source = arguments.get("batch_sampler")
        if not isinstance(source, (BatchSampler, PromptStream)):
            raise refuse(
                "batch_sampler",
                source,
                "give a vade.torch.BatchSampler, or a PromptStream as dataset",
            )
        self._vade_source = source
        self._vade_step = source.steps.next_step

    @property
    def step(self) -> int:
        """The step of the batch that comes out next."""
        return self._vade_step

    def __iter__(self) -> Any:
        """Batches from the first one on that was not consumed."""
        self._vade_source.seek(self._vade_step)
        for batch in super().__iter__():
            self._vade_step += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to keep, after the newest batch that came out
        was trained on and its rewards are reported."""
        return self._vade_source.state_dict(self._vade_step)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint at the next iteration.

        Raises:
            InvalidArgument: It is of another run, prefix or batch size.
        """
        self._vade_source.load_state_dict(state)
        self._vade_step = self._vade_source.steps.next_step
