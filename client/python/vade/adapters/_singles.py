"""Single rollouts without a place in their group, from many processes.

Reward functions of some trainers see one answer at a time, in whatever
process, and do not know which of the group's rollouts it is. The server counts
(batch, prompt, place) once. So a place is found by asking: a report that comes
back as a duplicate was another process's place, and the next one is tried.

An answer that was lost leaves open who took a place. The place is then asked
for again, and a duplicate is taken to be this one's: so no rollout is ever
counted twice, and at worst one is not counted.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator

from vade.adapters._core import split_key
from vade.adapters._settings import AdapterSettings
from vade.client import Client
from vade.errors import Error, refuse
from vade.errors import DeadlineExceeded, Unavailable
from vade.options import Retry
from vade.records import ReportResult
from vade.run import Run

__all__ = ["SingleRollouts", "of_process"]

_LOG = logging.getLogger("vade")

# Deals whose places are remembered, so as not to ask for them again.
_MOST_DEALS = 65536
_FIRST_PAUSE = 0.05
_MOST_PAUSE = 5.0


class SingleRollouts:
    """Reports rollouts one by one. Thread-safe.

    Args:
        client: Made with `Retry(max_attempts=1)`: a repeat that the client
            makes by itself would look like another process's rollout.
        run_id: The run's id.
        group_size: Of its batches. None: asked of the run.
        patience: Seconds to try for while no server answers.
        on_error: "raise", or "log" to go on without the report.
    """

    def __init__(
        self,
        client: Client,
        run_id: str,
        group_size: int | None = None,
        *,
        patience: float = 60.0,
        on_error: str = "raise",
    ) -> None:
        if on_error not in ("raise", "log"):
            raise refuse("on_error", on_error, "give 'raise' or 'log'")
        self._run: Run = client.run(run_id)
        self._group_size = group_size
        self._patience = patience
        self._on_error = on_error
        self._mutex = threading.Lock()
        self._taken: OrderedDict[str, set[int]] = OrderedDict()
        self._rng = random.Random(os.urandom(8))

    def report(self, key: str, reward: float | None) -> int | None:
        """Reports one rollout of a deal.

        Args:
            key: `Deal.key`.
            reward: None: it failed.

        Returns:
            The place it was counted at; None if the group was complete, as it
            is for a step that is repeated after a resume, or if the report
            failed and on_error is "log".

        Raises:
            What `Run.report` does; Unavailable after `patience` seconds.
        """
        batch, prompt = split_key("key", key)
        try:
            for place in self._places(key):
                if self._try(batch, prompt, place, reward):
                    return place
        except Error as error:
            if self._on_error == "raise":
                raise
            _LOG.error("a rollout of %s was not reported: %s", key, error)
            return None
        _LOG.info("the group of %s is complete; a rollout is left out", key)
        return None

    def _places(self, key: str) -> Iterator[int]:
        """Places that may be free, in random order; each is taken from now on
        in this process."""
        if self._group_size is None:
            self._group_size = self._run.info().group_size
        order = list(range(self._group_size))
        with self._mutex:
            # Processes that start with the same place would all ask twice.
            self._rng.shuffle(order)
            taken = self._taken.setdefault(key, set())
            self._taken.move_to_end(key)
            if len(self._taken) > _MOST_DEALS:
                self._taken.popitem(last=False)
        for place in order:
            with self._mutex:
                if place in taken:
                    continue
                taken.add(place)
            yield place

    def _try(
        self, batch: str, prompt: str, place: int, reward: float | None
    ) -> bool:
        """Whether the rollout is counted at this place."""
        deadline = time.monotonic() + self._patience
        pause, unsure = _FIRST_PAUSE, False
        while True:
            try:
                result: ReportResult = self._run.report(
                    batch, prompt, [reward], indices=[place]
                )
                return unsure or result.duplicate_count == 0
            except (Unavailable, DeadlineExceeded) as error:
                unsure = unsure or error.maybe_applied
                if time.monotonic() + pause > deadline:
                    raise
            time.sleep(self._rng.uniform(0, pause))
            pause = min(2 * pause, _MOST_PAUSE)


_of_process: dict[AdapterSettings, SingleRollouts] = {}
_of_process_mutex = threading.Lock()


def of_process(settings: AdapterSettings) -> SingleRollouts:
    """One for all reward functions of this process with these settings."""
    with _of_process_mutex:
        found = _of_process.get(settings)
        if found is None:
            client = settings.client(retry=Retry(max_attempts=1))
            found = SingleRollouts(client, settings.run)
            _of_process[settings] = found
        return found
