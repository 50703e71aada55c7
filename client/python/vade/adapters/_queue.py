"""DealQueue: deals one at a time, and which of them are not finished."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vade.adapters._core import Deal, Steps, row_index
from vade.errors import refuse

__all__ = ["DealQueue"]

_LOG = logging.getLogger("vade")

# Steps with unfinished deals that are remembered; older ones are given up.
_MOST_STEPS = 4096


class DealQueue:
    """Hands out the deals of a run in order, as many as are asked for.

    For trainers that take prompts one by one, or a varying number of them.
    A checkpoint has to keep what was handed out and is not finished, beside
    what comes next: a resumed queue hands out those deals first.

    Thread-safe.

    Args:
        steps: What numbers the batches. Each is fetched when the one before
            it has been handed out.
        ids: The prompts' ids in the order of the dataset. None: deals have
            no place in a dataset.
    """

    def __init__(self, steps: Steps, ids: Sequence[str] | None = None) -> None:
        self.steps = steps
        self._rows = None if ids is None else row_index(ids)
        self._mutex = threading.RLock()
        self._waiting: list[Deal] = []
        # By step, then by key: handed out and not finished, or still here.
        self._open: dict[int, dict[str, Deal]] = {}
        self._by_key: dict[str, Deal] = {}

    @property
    def open_count(self) -> int:
        """Deals that are not finished, those not handed out yet included."""
        with self._mutex:
            return sum(len(deals) for deals in self._open.values())

    def take(self, count: int = 1) -> list[Deal]:
        """The next `count` deals; samples as many batches as that takes.

        Raises:
            NotEnoughEligible, PoolTooSmall: As `Run.next_batch` has it. What
                was fetched stays for the next call.
        """
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise refuse("count", count, "give 1 or more")
        with self._mutex:
            while len(self._waiting) < count:
                self._fetch(frozenset())
            taken, self._waiting = self._waiting[:count], self._waiting[count:]
            return taken

    def give_back(self, deals: Iterable[Deal]) -> None:
        """Deals that were not rolled out: they are handed out next."""
        with self._mutex:
            mine = [deal for deal in deals if deal.key in self._by_key]
            self._waiting = mine + self._waiting

    def finish(self, keys: Iterable[str]) -> None:
        """These deals need not be handed out again after a resume.

        Keys of anything else are passed over.
        """
        with self._mutex:
            for key in keys:
                deal = self._by_key.pop(key, None)
                if deal is None:
                    continue
                left = self._open[deal.step]
                del left[key]
                if not left:
                    del self._open[deal.step]

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to keep: small, plain, JSON."""
        with self._mutex:
            state = self.steps.state_dict()
            state["unfinished"] = [
                [step, [deal.prompt for deal in deals.values()]]
                for step, deals in sorted(self._open.items())
            ]
            return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint: unfinished deals first.

        Raises:
            InvalidArgument: The state is not one of this run, prefix and
                batch size.
        """
        following = self.steps.check_state(state)
        unfinished = [
            (int(step), frozenset(prompts))
            for step, prompts in state.get("unfinished", [])
        ]
        with self._mutex:
            self._waiting, self._open, self._by_key = [], {}, {}
            first = min([following, *(step for step, _ in unfinished)])
            # From the oldest unfinished step on, all leases are renewed.
            self.steps.load_state_dict({**state, "step": first})
            for step, prompts in unfinished:
                self.steps.next_step = step
                self._fetch(prompts)
            self.steps.next_step = following

    def resume_open(self, state: Mapping[str, Any] | None = None) -> None:
        """Goes on by the server's knowledge: what is in flight comes first.

        For trainers whose rewards are reported where the queue does not see
        it, or whose checkpoints have no room for a state. Deals that were
        completed after the checkpoint are not handed out again.

        Args:
            state: Of the checkpoint: new batches follow from its step on.
                None: from the newest step that was sampled.

        Raises:
            InvalidArgument: The state is not one of this run, prefix and
                batch size.
        """
        first = None if state is None else self.steps.check_state(state)
        with self._mutex:
            self._waiting, self._open, self._by_key = [], {}, {}
            found = self.steps.resume_open(first)
            following = self.steps.next_step
            for step, prompts in found:
                self.steps.next_step = step
                self._fetch(prompts)
            self.steps.next_step = following

    def _fetch(self, only: frozenset[str]) -> None:
        """Puts the next step's deals in line; all of them, or `only` some."""
        step = self.steps.next_step
        deals = self.steps.deals(step, self._rows)
        self.steps.next_step = step + 1
        if only:
            deals = [deal for deal in deals if deal.prompt in only]
        if deals:
            self._open[step] = {deal.key: deal for deal in deals}
            self._by_key.update(self._open[step])
            self._waiting += deals
        while len(self._open) > _MOST_STEPS:
            oldest = min(self._open)
            lost = self._open.pop(oldest)
            for key in lost:
                del self._by_key[key]
            _LOG.warning(
                "run %s: %d deals of step %d were never finished; they are "
                "not handed out again",
                *(self.steps.run.id, len(lost), oldest),
            )
