"""Steps: the numbered batches of a trainer, and the state it keeps."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vade._checks import LabelFilter, check_id, integer
from vade.errors import (
    BatchNotFound,
    BatchNotInFlight,
    FailedPrecondition,
    NotEnoughEligible,
    refuse,
)
from vade.options import Duration
from vade.records import Batch
from vade.run import Run

__all__ = ["Deal", "Steps", "deals_of", "row_index", "row_of", "split_key"]

_LOG = logging.getLogger("vade")

_VERSION = 1
# Dealt steps whose batches a state names; a loader prefetches far fewer.
_MOST_LEASES = 1024
# A request id is prefix-step, of at most 128 bytes.
_MOST_PREFIX = 100


@dataclass(frozen=True)
class Deal:
    """One prompt of one batch: what a group of rollouts belongs to.

    Travels with the row through loaders, queues and processes, so that a
    reward finds its way back whatever the order. Picklable.

    Attributes:
        step: The step that the batch was sampled for.
        batch: The batch's id.
        prompt: The prompt's id.
        group_size: Rollouts to make.
        row: The prompt's place in the dataset, if the source knows it.
        payload: If payloads were asked for.
    """

    step: int
    batch: str
    prompt: str
    group_size: int
    row: int | None = None
    payload: bytes = b""

    @property
    def key(self) -> str:
        """BATCH/PROMPT: the deal as one str, for frameworks that carry one."""
        return f"{self.batch}/{self.prompt}"

    def __index__(self) -> int:
        """The place in the dataset: any sequence can be asked for a deal."""
        if self.row is None:
            raise TypeError(
                f"the deal of prompt {self.prompt!r} has no place in a "
                "dataset: give ids= to the sampler"
            )
        return self.row


def split_key(argument: str, key: object) -> tuple[str, str]:
    """The batch and the prompt of a `Deal.key`."""
    if isinstance(key, str):
        batch, slash, prompt = key.partition("/")
        if batch and slash and prompt:
            return batch, prompt
    raise refuse(argument, key, "give a Deal.key, which is BATCH/PROMPT")


class Steps:
    """Numbered batches of a run: one step, one request id, one batch.

    Step n is sampled with the request id "PREFIX-n". Asking again, from
    another rank or after a crash, gives the same batch and deals nothing. So
    a resumed trainer starts at the step it had not finished, gets every batch
    that was dealt after its checkpoint once more, and then new ones: nothing
    is fast-forwarded and nothing is lost.

    Thread-compatible. Picklable.

    Args:
        run: The run.
        batch_size: Prompts of a step over all ranks, 1 to 65536.
        prefix: What the request ids begin with, at most 100 bytes. Each
            training that starts afresh needs a prefix, or a run, of its own.
        shard: (rank, world): this rank's part alone. None: all.
        labels: Deal only what matches, as `Run.next_batch` has it.
        min_batch_size: Fewest prompts acceptable. None: batch_size.
        max_wait: Seconds to wait for prompts to become free.
        lease_ttl: Seconds that a batch is in flight. None: the run's. Longer
            than the time from prefetch to reward, and than a restart takes.
        payloads: Batches carry payloads.
        restart_ok: A start without a checkpoint may get the batches of an
            earlier one with this prefix again: right for a trainer that is
            restarted before its first checkpoint. Rewards that the earlier
            one reported stand; those of the repeated steps are duplicates.
    """

    def __init__(
        self,
        run: Run,
        batch_size: int,
        *,
        prefix: str = "step",
        shard: tuple[int, int] | None = None,
        labels: LabelFilter | None = None,
        min_batch_size: int | None = None,
        max_wait: Duration = 60.0,
        lease_ttl: Duration | None = None,
        payloads: bool = False,
        restart_ok: bool = False,
    ) -> None:
        if not isinstance(run, Run):
            raise refuse("run", run, "give a vade.Run, as client.run() makes")
        self.run = run
        self.batch_size = integer("batch_size", batch_size, 1, 65536)
        self.prefix = check_id("prefix", prefix)
        if len(prefix.encode()) > _MOST_PREFIX:
            raise refuse("prefix", prefix, f"give at most {_MOST_PREFIX} bytes")
        self.shard = shard
        self._asked: dict[str, Any] = dict(
            shard=shard,
            labels=labels,
            min_batch_size=min_batch_size,
            max_wait=max_wait,
            lease_ttl=lease_ttl,
            payloads=payloads,
        )
        self._lease_ttl = lease_ttl
        self.next_step = 0
        self._resumed = bool(restart_ok)
        self._leases: dict[int, str] = {}

    def __repr__(self) -> str:
        return f"Steps({self.run.id!r}, {self.prefix}-{self.next_step})"

    def request_id(self, step: int) -> str:
        """What step `step` is asked for with."""
        return f"{self.prefix}-{step}"

    def sample(self, step: int) -> Batch:
        """The batch of a step: the same one however often it is asked for.

        Raises:
            FailedPrecondition: Step 0 was asked for afresh, but an earlier
                training has used it up (reason "STEPS_USED").
            NotEnoughEligible, PoolTooSmall, RequestIdReused: As
                `Run.next_batch` has it.
        """
        step = integer("step", step, 0, 2**53)
        try:
            batch = self.run.next_batch(
                self.batch_size, request_id=self.request_id(step), **self._asked
            )
        except NotEnoughEligible as error:
            error.message += (
                f" (step {step}; batches sampled ahead of the rewards hold "
                "their prompts: prefetch fewer, or take a smaller batch_size)"
            )
            raise
        if step == 0 and batch.repeated_request and not self._resumed:
            self._check_unused(batch)
        self._leases[step] = batch.id
        while len(self._leases) > _MOST_LEASES:
            del self._leases[next(iter(self._leases))]
        return batch

    def take(self) -> tuple[int, Batch]:
        """The next step and its batch; `next_step` moves on."""
        step = self.next_step
        batch = self.sample(step)
        self.next_step = step + 1
        return step, batch

    def deals(
        self, step: int, rows: Mapping[str, int] | None = None
    ) -> list[Deal]:
        """The batch of a step as deals, with their places in a dataset.

        Raises:
            FailedPrecondition: A prompt of the run is not in `rows`.
        """
        batch = self.sample(step)
        return deals_of(batch, step, rows)

    def renew(self) -> int:
        """Renews the leases of all batches of this prefix that are in flight
        at `next_step` or later; gives their number.

        A batch whose lease has ended keeps its place and its rewards still
        count; its prompts may be with someone else as well.
        """
        count = 0
        for info in list(self.run.batches(state="in_flight")):
            step = self._step_of(info.request_id)
            if step is None or step < self.next_step:
                continue
            try:
                self.run.renew(info, lease_ttl=self._lease_ttl)
                count += 1
            except (BatchNotInFlight, BatchNotFound):
                continue
        return count

    def resume_open(
        self, following: int | None = None
    ) -> list[tuple[int, frozenset[str]]]:
        """Goes on by what the server knows to be in flight.

        Args:
            following: What `next_step` becomes. None: the step after the
                newest that was sampled; ranks that share steps must not each
                ask for that, since one of them may sample meanwhile.

        Returns:
            The steps before it that are in flight, in order, each with its
            prompts in flight: dealt, and maybe with nobody.
        """
        self._resumed = True
        if following is None:
            names = [info.request_id for info in self.run.batches()]
            steps = [self._step_of(name) for name in names]
            following = max((n + 1 for n in steps if n is not None), default=0)
        found: list[tuple[int, frozenset[str]]] = []
        for info in self.run.batches(state="in_flight"):
            step = self._step_of(info.request_id)
            if step is None or step >= following:
                continue
            groups = self.run.batch(info).groups
            prompts = [g.prompt.id for g in groups if g.state == "in_flight"]
            if prompts:
                found.append((step, frozenset(prompts)))
                self._leases[step] = info.id
        self.next_step = 0
        self.renew()
        self.next_step = following
        return sorted(found, key=lambda entry: entry[0])

    def state_dict(self, step: int | None = None) -> dict[str, Any]:
        """What a checkpoint has to keep: small, plain, JSON.

        Args:
            step: The first step that is not finished. None: `next_step`,
                which is right unless batches were taken ahead.
        """
        first = self.next_step if step is None else step
        first = integer("step", first, 0, 2**53)
        leases = [[n, b] for n, b in sorted(self._leases.items()) if n >= first]
        return {
            "version": _VERSION,
            "run": self.run.id,
            "prefix": self.prefix,
            "batch_size": self.batch_size,
            "step": first,
            "leases": leases,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint; renews what is in flight since.

        Raises:
            InvalidArgument: The state is not one of this run, prefix and
                batch size.
        """
        self.next_step = self.check_state(state)
        self._resumed = True
        leases = state.get("leases", [])
        self._leases = {int(step): str(batch) for step, batch in leases}
        self.renew()
        for step, batch in self._leases.items():
            self._warn_of_loss(step, batch)

    def check_state(self, state: Mapping[str, Any]) -> int:
        """The step of a state of these steps; refuses any other state."""
        if not isinstance(state, Mapping) or "step" not in state:
            raise refuse("state", state, "give what state_dict() returned")
        if state.get("version") != _VERSION:
            raise refuse(
                "state['version']",
                state.get("version"),
                f"give a state of version {_VERSION}",
            )
        mine = {
            "run": self.run.id,
            "prefix": self.prefix,
            "batch_size": self.batch_size,
        }
        for name, value in mine.items():
            if state.get(name) != value:
                raise refuse(
                    f"state[{name!r}]",
                    state.get(name),
                    f"resume with the {name} of the checkpoint; now it is "
                    f"{value!r}",
                )
        return integer("state['step']", state["step"], 0, 2**53)

    def _step_of(self, request_id: str) -> int | None:
        prefix, dash, number = request_id.rpartition("-")
        if prefix == self.prefix and dash and number.isdecimal():
            return int(number)
        return None

    def _warn_of_loss(self, step: int, batch: str) -> None:
        try:
            state = self.run.batch(batch).state
        except BatchNotFound:
            _LOG.warning(
                "run %s forgot batch %s of step %d: the step gets another one"
                " (see retained_deals and retention_age)",
                *(self.run.id, batch, step),
            )
            return
        if state == "expired":
            _LOG.warning(
                "the lease of batch %s (step %d of run %s) ended before the "
                "trainer came back: its prompts may be with someone else as "
                "well; a longer lease_ttl avoids that",
                *(batch, step, self.run.id),
            )

    def _check_unused(self, batch: Batch) -> None:
        """Step 0 of a fresh training must not be that of an earlier one."""
        if batch.local:
            return
        own = {prompt.id for prompt in batch}
        groups = self.run.batch(batch).groups
        if any(g.state == "in_flight" for g in groups if g.prompt.id in own):
            return
        raise FailedPrecondition(
            f"prefix: {self.prefix!r} was used in run {self.run.id!r} before, "
            "and step 0 has ended: rewards of its batches would count as "
            "duplicates; load the state of the training's checkpoint, give "
            "another prefix, take a new run, or allow it with restart_ok",
            reason="STEPS_USED",
            metadata={"checked_by": "client", "run": self.run.id},
        )


def deals_of(
    batch: Batch, step: int, rows: Mapping[str, int] | None = None
) -> list[Deal]:
    """The prompts of a batch as deals, with their places in a dataset."""
    return [
        Deal(
            step=step,
            batch=batch.id,
            prompt=prompt.id,
            group_size=batch.group_size,
            row=None if rows is None else row_of(rows, prompt.id),
            payload=prompt.payload,
        )
        for prompt in batch
    ]


def row_index(ids: Sequence[str]) -> dict[str, int]:
    """Maps ids to their places; refuses one that comes twice."""
    index: dict[str, int] = {}
    for place, prompt in enumerate(ids):
        check_id(f"ids[{place}]", prompt)
        if index.setdefault(prompt, place) != place:
            raise refuse(
                f"ids[{place}]",
                prompt,
                f"give each prompt one id; ids[{index[prompt]}] has it too",
            )
    if not index:
        raise refuse("ids", ids, "give at least one")
    return index


def row_of(rows: Mapping[str, int], prompt: str) -> int:
    """The place of a prompt in the dataset."""
    try:
        return rows[prompt]
    except KeyError:
        raise FailedPrecondition(
            f"ids: the run dealt prompt {prompt!r}, which is none of the "
            f"{len(rows)} of the dataset; disable or delete it in the run, or "
            "deal by labels="
        ) from None
