"""Sees all attempts of a client, and stands in for a server that is away."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from vade import _checks
from vade._journal import Journal
from vade._proto.vade.sampler.v1 import batch_pb2
from vade._requests import prompt_message
from vade._retry import Attempts
from vade.errors import Error, Unavailable
from vade.outage import Local, Outage, OutageEvent, OutageStats, Wait
from vade.records import Batch, SampledPrompt

_LOG = logging.getLogger("vade")

#: What the ids of local batches begin with; no server makes such an id.
LOCAL_PREFIX = "local-"
# Local batches that a repeated request_id finds again.
_REMEMBERED = 1024
_NO_NUMBER = float("nan")


class _Known:
    """What is known of one run: ids in the order of their coming, with
    payload and labels where they were given."""

    def __init__(self, group_size: int | None) -> None:
        self.prompts: dict[str, tuple[bytes | None, Mapping[str, str]]] = {}
        self.group_size = group_size


class OutageWatch:
    """Thread-safe, but for what is said of a fork."""

    def __init__(self, outage: Outage, address: str) -> None:
        self._outage = outage
        self._address = address
        self._mutex = threading.RLock()
        self._stats = OutageStats()
        self._began = 0.0
        self._try_again = 0.0
        self._known: dict[str, _Known] = {}
        self._given: _Known | None = None
        self._batches: OrderedDict[tuple[str, str], Batch] = OrderedDict()
        self.journal: Journal | None = None
        # Held by whoever replays.
        self.replaying = threading.Lock()
        if isinstance(outage, Local):
            folder = Path(outage.journal).absolute()
            self.journal = Journal(folder, address, outage.max_journal_bytes)
            if outage.prompts is not None:
                self._given = _given(outage)

    def forget_parent(self) -> None:
        """In a forked child, whose other threads are gone."""
        self._mutex = threading.RLock()
        self.replaying = threading.Lock()
        if self.journal is not None:
            self.journal.forget_parent()

    @property
    def local(self) -> bool:
        """A call may go on without a server."""
        return isinstance(self._outage, Local)

    # ---- edges

    def pause_after(self, attempts: Attempts, error: Error) -> float:
        """Seconds until the next attempt; raises if there is to be none."""
        pause = attempts.pause_after(error)
        if isinstance(self._outage, Wait):
            most = self._outage.at_most
            self.went_down(error, f"calls wait for it, up to {most:g} s each")
        return pause

    def went_down(self, error: Error, text: str) -> None:
        """A call found no server."""
        with self._mutex:
            now = time.monotonic()
            if isinstance(self._outage, Local):
                self._try_again = now + self._outage.patience
            if self._stats.down:
                return
            if self.journal is not None:
                # Processes may end in an outage, and leave their journals.
                self.journal.look_again()
            self._began = now
            self._stats = replace(
                self._stats,
                down=True,
                since=datetime.now(timezone.utc),
                outage_count=self._stats.outage_count + 1,
            )
        self._tell(True, f"no server answers: {error.message}; {text}", 0.0)

    def answered(self) -> None:
        """A server answered."""
        if not self._stats.down:
            return
        with self._mutex:
            if not self._stats.down:
                return
            lasted = time.monotonic() - self._began
            self._stats = replace(
                self._stats,
                down=False,
                since=None,
                outage_seconds=self._stats.outage_seconds + lasted,
            )
        self._tell(False, f"answers again, after {lasted:.1f} s", lasted)

    def _tell(self, began: bool, text: str, lasted: float) -> None:
        _LOG.warning("vade-server at %s: %s", self._address, text)
        on_change = getattr(self._outage, "on_change", None)
        if on_change is None:
            return
        try:
            on_change(OutageEvent(began, self._address, text, lasted))
        except Exception:
            _LOG.exception("on_change failed; the call goes on")

    def should_try(self) -> bool:
        """Whether a call should ask for the server at all just now."""
        with self._mutex:
            return not self._stats.down or time.monotonic() >= self._try_again

    # ---- counts

    def stats(self) -> OutageStats:
        """The counts so far."""
        with self._mutex:
            if not self._stats.down:
                return self._stats
            lasts = time.monotonic() - self._began
            total = self._stats.outage_seconds + lasts
            return replace(self._stats, outage_seconds=total)

    def count(self, **added: int) -> None:
        """Adds to the counts named."""
        with self._mutex:
            now = {name: getattr(self._stats, name) for name in added}
            changed = {name: now[name] + added[name] for name in added}
            self._stats = replace(self._stats, **changed)

    # ---- local batches

    def saw_prompts(self, run: str, ids: Iterable[str]) -> None:
        """Prompts of a run that could be dealt."""
        if self.local and self._given is None:
            with self._mutex:
                known = self._known.setdefault(run, _Known(None))
                known.prompts.update(dict.fromkeys(ids, (None, {})))

    def saw_group_size(self, run: str, group_size: int) -> None:
        """The group size of a run."""
        if self.local:
            with self._mutex:
                known = self._known.setdefault(run, _Known(None))
                known.group_size = group_size

    def sample(
        self,
        run: str,
        request: batch_pb2.SampleBatchRequest,
        error: Error | None,
    ) -> Batch:
        """A batch of prompts that are known here, drawn uniformly.

        The same prompts, seed and request id give the same batch. Raises
        Unavailable if what is known here is not enough.
        """
        with self._mutex:
            key = (run, request.request_id)
            batch = self._batches.get(key)
            if batch is None:
                batch = self._draw(run, request, error)
                self._batches[key] = batch
                if len(self._batches) > _REMEMBERED:
                    self._batches.popitem(last=False)
        self.count(local_batch_count=1)
        if not request.HasField("shard"):
            return batch
        index, count = request.shard.index, request.shard.count
        size = batch.batch_size
        part = slice(index * size // count, (index + 1) * size // count)
        return replace(batch, prompts=batch.prompts[part])

    def _draw(
        self,
        run: str,
        request: batch_pb2.SampleBatchRequest,
        error: Error | None,
    ) -> Batch:
        assert isinstance(self._outage, Local)
        seen = self._known.get(run) or _Known(None)
        known = self._given or seen
        group_size = self._outage.group_size or seen.group_size
        ids = _matching(known, request)
        size = min(request.batch_size, len(ids))
        missing = ""
        if group_size is None:
            missing = "the group size: give vade.Local(group_size=...)"
        elif size < (request.min_batch_size or request.batch_size):
            missing = (
                f"enough prompts ({len(ids)} that match, {request.batch_size} "
                "wanted): give vade.Local(prompts=...)"
            )
        if missing or group_size is None:
            raise _cannot(missing, error)
        text = f"{self._outage.seed}/{run}/{request.request_id}"
        chosen = random.Random(text).sample(sorted(ids), size)
        payloads = [known.prompts[prompt][0] for prompt in chosen]
        if request.include_payloads and None in payloads:
            raise _cannot(
                "the payloads: give vade.Local(prompts=...) with them", error
            )
        return Batch(
            id=LOCAL_PREFIX + request.request_id,
            run=run,
            prompts=tuple(
                _sampled(prompt, payload or b"")
                for prompt, payload in zip(chosen, payloads)
            ),
            batch_size=size,
            group_size=group_size,
            expire_time=datetime.max.replace(tzinfo=timezone.utc),
            clock=_NO_NUMBER,
            expected_egr=_NO_NUMBER,
            request_id=request.request_id,
            local=True,
        )


def _sampled(prompt: str, payload: bytes) -> SampledPrompt:
    return SampledPrompt(
        prompt, _NO_NUMBER, _NO_NUMBER, _NO_NUMBER, _NO_NUMBER, payload
    )


def _cannot(missing: str, error: Error | None) -> Unavailable:
    first = error.message if error is not None else "no server answers"
    return Unavailable(
        f"{first}; and a local batch cannot be made without {missing}"
    )


def _given(outage: Local) -> _Known:
    known = _Known(outage.group_size)
    for i, prompt in enumerate(outage.prompts or ()):
        message = prompt_message(prompt, f"Local.prompts[{i}]")
        if not message.disabled:
            known.prompts[message.id] = (message.payload, dict(message.labels))
    return known


def _matching(
    known: _Known, request: batch_pb2.SampleBatchRequest
) -> list[str]:
    terms = [(term.key, set(term.values)) for term in request.filter.terms]
    return [
        prompt
        for prompt, (_, labels) in known.prompts.items()
        if all(labels.get(key) in values for key, values in terms)
    ]


def is_local(batch: Any) -> bool:
    """Whether it is a local batch, or the id of one."""
    return _checks.id_of("batch", batch).startswith(LOCAL_PREFIX)
