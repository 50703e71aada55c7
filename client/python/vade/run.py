"""Run: the calls that concern one training run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import vade
from vade import _messages, _plans, _reports, records
from vade._checks import LabelFilter
from vade._requests import PromptLike
from vade.options import Duration
from vade.records import StartingEvidence
from vade.reporter import RefusedReport, Reporter
from vade.stats import RunStats

if TYPE_CHECKING:
    from vade.client import Client

__all__ = ["Run"]


class Run:
    """One training run; owns prompts, settings, seed and state. Thread-safe.

    A handle: it keeps the run's id and its client, and can be pickled. Get
    one of `Client.run`, `Client.create_run` or `Client.get_run`.

    Every method may raise RunNotFound, and what `Client` says of all calls.
    Where a batch is asked for, its id or any record of it will do; where a
    prompt is, its id or any record of it.
    """

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self._id = run_id

    @property
    def id(self) -> str:
        """The run's id."""
        return self._id

    @property
    def client(self) -> Client:
        """The client whose server has the run."""
        return self._client

    def __repr__(self) -> str:
        return f"vade.Run({self._id!r}, {self._client.address!r})"

    # ---- the run itself

    def info(self, *, timeout: Duration | None = None) -> records.RunInfo:
        """The run's settings, clock and counts."""
        driver = self._client._driver
        return driver.run(_plans.run_info(driver.core, self._id, timeout))

    def update(
        self,
        *,
        display_name: str | None = None,
        group_size: int | None = None,
        reference_batch_size: int | None = None,
        cooldown: float | None = None,
        target_pass_rate: float | None = None,
        lease_ttl: Duration | None = None,
        starting_evidence: StartingEvidence | None = None,
        retained_deals: int | None = None,
        retention_age: Duration | None = None,
        etag: str | None = None,
        timeout: Duration | None = None,
    ) -> records.RunInfo:
        """Changes the settings that are not None; `Client.create_run` says
        what they mean.

        Args:
            etag: Change only if it is still the run's. With it a lost answer
                is repeated; without it that could undo someone else's change.

        Raises:
            EtagMismatch: The run changed since.
        """
        settings = dict(
            display_name=display_name,
            group_size=group_size,
            reference_batch_size=reference_batch_size,
            cooldown=cooldown,
            target_pass_rate=target_pass_rate,
            lease_ttl=lease_ttl,
            starting_evidence=starting_evidence,
            retained_deals=retained_deals,
            retention_age=retention_age,
        )
        driver = self._client._driver
        return driver.run(
            _plans.update_run(driver.core, self._id, settings, etag, timeout)
        )

    def delete(
        self,
        *,
        etag: str | None = None,
        missing_ok: bool = False,
        timeout: Duration | None = None,
    ) -> None:
        """Deletes the run with all its prompts, batches and statistics.

        Raises:
            EtagMismatch: The run changed since `etag` was read.
        """
        driver = self._client._driver
        driver.run(
            _plans.delete_run(driver.core, self._id, etag, missing_ok, timeout)
        )

    def stats(self, *, timeout: Duration | None = None) -> RunStats:
        """The statistics; takes the server time in proportion to prompts."""
        driver = self._client._driver
        return driver.run(_plans.stats(driver.core, self._id, timeout))

    def to_pandas(
        self, *, payloads: bool = False, timeout: Duration | None = None
    ) -> Any:
        """All prompts as a pandas.DataFrame: `vade.to_pandas` of the run."""
        return vade.to_pandas(self, payloads=payloads, timeout=timeout)

    def plot(self, *, timeout: Duration | None = None) -> Any:
        """A matplotlib Figure of how it fares: `vade.plot` of the run."""
        return vade.plot(self, timeout=timeout)

    def watch(
        self, *, interval: Duration = 1.0, timeout: Duration | None = None
    ) -> Iterator[RunStats]:
        """The statistics at once, then whenever the run changed, over lost
        connections too. Leave the loop to end it.

        Args:
            interval: Seconds between two, 0.1 to 3600.
            timeout: Seconds of the whole watch. None: no end.
        """
        stream = _plans.watch(self._id, interval, timeout)
        for message in self._client._driver.stream(stream):
            yield _messages.run_stats(message)

    # ---- prompts

    def import_prompts(
        self,
        prompts: Iterable[PromptLike],
        *,
        existing: Literal["update", "skip", "fail"] = "update",
        progress: Callable[[records.ImportResult], object] | None = None,
        timeout: Duration | None = None,
    ) -> records.ImportResult:
        """Adds prompts, or updates those that are there.

        Sends as it reads, 20 000 prompts or 16 MiB in memory; what `progress`
        was told of is durable. Sending all again is safe.

        Args:
            prompts: Each a `vade.Prompt`, (id, payload), an id, or a mapping
                of the fields of `vade.Prompt`.
            existing: "update" replaces payload, labels and disabled, and
                keeps the evidence; "skip" leaves them alone; "fail" refuses.
            progress: Called with the counts so far after each upload.
            timeout: Seconds of one upload.

        Raises:
            InvalidArgument: Names the prompt by its place; those before it in
                earlier uploads stay.
            AlreadyExists: With existing="fail".
        """
        driver = self._client._driver
        plan = _plans.ImportPlan(
            driver.core, self._id, existing, progress, timeout
        )
        for prompt in prompts:
            if plan.add(prompt):
                driver.run(plan.upload())
        return driver.run(plan.upload(last=True))

    def prompt(
        self,
        prompt: object,
        *,
        payload: bool = False,
        timeout: Duration | None = None,
    ) -> records.PromptInfo:
        """One prompt with what the run knows of it.

        Raises:
            PromptNotFound: The run has no such prompt.
        """
        driver = self._client._driver
        return driver.run(
            _plans.prompt_info(driver.core, self._id, prompt, payload, timeout)
        )

    def prompts(
        self,
        *,
        labels: LabelFilter | None = None,
        view: records.PromptView | None = None,
        order_by: str | None = None,
        payloads: bool = False,
        timeout: Duration | None = None,
    ) -> Iterator[records.PromptInfo]:
        """Prompts of the run.

        With neither `view` nor `order_by`, all that match come as one stream
        in the order of their import, any number of them. With one of the two
        they come page by page, which is for looking at some: a prompt whose
        place changes between two pages may come twice or not at all.

        Args:
            labels: {key: value or values}: prompts that have, for every key,
                one of its values.
            view: "enabled", "disabled", "in_flight", "never_solved" or
                "never_dealt".
            order_by: "import", "posterior_mean", "expected_egr", "evidence",
                "deal_count" or "last_dealt"; " desc" may follow.
            payloads: With their payloads.
            timeout: Seconds of the stream (None: no end) or of one page.
        """
        driver = self._client._driver
        if view is None and order_by is None:
            stream = _plans.prompts_stream(self._id, labels, payloads, timeout)
            for message in driver.stream(stream):
                yield from _plans.prompts_of(driver.core, self._id, message)
            return
        selection = dict(
            labels=labels, view=view, order_by=order_by, payloads=payloads
        )
        token = ""
        while True:
            plan = _plans.prompts_page(
                driver.core, self._id, selection, timeout, token
            )
            page, token = driver.run(plan)
            yield from page
            if not token:
                return

    def prompts_by_id(
        self,
        prompts: Iterable[object],
        *,
        payloads: bool = False,
        timeout: Duration | None = None,
    ) -> list[records.PromptInfo]:
        """Prompts in the order asked; `timeout` is that of one call of many.

        Raises:
            PromptNotFound: One of them is not there.
        """
        driver = self._client._driver
        return driver.run(
            _plans.prompts_by_id(
                driver.core, self._id, prompts, payloads, timeout
            )
        )

    def update_prompt(
        self,
        prompt: object,
        *,
        payload: Any = None,
        labels: Mapping[str, str] | None = None,
        disabled: bool | None = None,
        evidence: records.Evidence | None = None,
        timeout: Duration | None = None,
    ) -> records.PromptInfo:
        """Changes what is not None.

        Args:
            evidence: Supersedes all rollouts of batches sampled before:
                reports of theirs that come later are no evidence.

        Raises:
            PromptNotFound: The run has no such prompt.
        """
        changes = dict(
            payload=payload, labels=labels, disabled=disabled, evidence=evidence
        )
        driver = self._client._driver
        return driver.run(
            _plans.update_prompt(
                driver.core, self._id, prompt, changes, timeout
            )
        )

    def delete_prompt(
        self, prompt: object, *, timeout: Duration | None = None
    ) -> None:
        """Deletes a prompt; rollouts of it reported later change nothing.

        Raises:
            PromptNotFound: The run has no such prompt.
        """
        driver = self._client._driver
        driver.run(_plans.delete_prompt(driver.core, self._id, prompt, timeout))

    # ---- batches

    def next_batch(
        self,
        batch_size: int,
        *,
        request_id: str | None = None,
        shard: tuple[int, int] | None = None,
        labels: LabelFilter | None = None,
        min_batch_size: int | None = None,
        max_wait: Duration = 0.0,
        lease_ttl: Duration | None = None,
        payloads: bool = False,
        timeout: Duration | None = None,
    ) -> records.Batch:
        """Samples the next batch and leases its prompts.

        Args:
            batch_size: Prompts wanted, 1 to 65536.
            request_id: A repeat with the same id returns the same batch and
                never deals again: all ranks of a step that send
                f"step-{step}" get one batch, and so does a program that
                repeats a step after a crash. None: one is made up, which
                makes repeats within this call safe.
            shard: (index, count): return only this rank's part.
            labels: As `prompts` takes them: deal only what matches.
            min_batch_size: Fewest prompts acceptable. None: batch_size.
            max_wait: Seconds to wait for prompts to become free, 0 (fail at
                once) to 3600. The call's timeout is longer by it.
            lease_ttl: Seconds until the lease ends, 1 s to 7 d. None: the
                run's own.
            payloads: With the prompts' payloads, at most 64 MiB.

        Raises:
            NotEnoughEligible: Prompts in flight or cooling down would do.
            PoolTooSmall: The run has too few that match at all.
            RequestIdReused: The id was used with other arguments.
        """
        asked = dict(
            shard=shard,
            labels=labels,
            min_batch_size=min_batch_size,
            max_wait=max_wait,
            lease_ttl=lease_ttl,
            payloads=payloads,
        )
        driver = self._client._driver
        return driver.run(
            _plans.next_batch(
                driver.core, self._id, batch_size, request_id, asked, timeout
            )
        )

    def batch(
        self, batch: object, *, timeout: Duration | None = None
    ) -> records.BatchInfo:
        """A batch with the state of its groups.

        Raises:
            BatchNotFound: It never was, or was forgotten.
        """
        driver = self._client._driver
        return driver.run(
            _plans.batch_info(driver.core, self._id, batch, timeout)
        )

    def batches(
        self,
        *,
        state: records.BatchState | None = None,
        timeout: Duration | None = None,
    ) -> Iterator[records.BatchInfo]:
        """The remembered batches, newest first, without their groups.

        Args:
            state: Only those in this state.
            timeout: Seconds of one page.
        """
        driver = self._client._driver
        token = ""
        while True:
            plan = _plans.batches_page(
                driver.core, self._id, state, timeout, token
            )
            page, token = driver.run(plan)
            yield from page
            if not token:
                return

    def renew(
        self,
        batch: object,
        *,
        lease_ttl: Duration | None = None,
        timeout: Duration | None = None,
    ) -> records.BatchInfo:
        """Extends the lease of a batch to now + `lease_ttl`.

        Args:
            lease_ttl: Seconds. None: what it was sampled or renewed with.

        Raises:
            BatchNotInFlight: The lease has ended.
        """
        driver = self._client._driver
        return driver.run(
            _plans.renew(driver.core, self._id, batch, lease_ttl, timeout)
        )

    def release(
        self,
        batch: object,
        prompts: Iterable[object] | None = None,
        *,
        timeout: Duration | None = None,
    ) -> records.BatchInfo:
        """Gives prompts of a batch back without rollouts; may be repeated.

        Args:
            prompts: Only these. None: all that are in flight.
        """
        driver = self._client._driver
        return driver.run(
            _plans.release(driver.core, self._id, batch, prompts, timeout)
        )

    # ---- rewards

    def report(
        self,
        batch: object,
        prompt: Any,
        rewards: Any,
        *,
        indices: Any = None,
        failed: Any = (),
        final: bool = False,
        timeout: Duration | None = None,
    ) -> records.ReportResult:
        """Reports rollouts of one prompt: all of its group or any part.

        (batch, prompt, place in the group) counts once, whatever is repeated.
        `vade.GroupReport` says what the arguments mean. Durable on return.

        Raises:
            BatchNotFound: It never was, or was forgotten.
            PromptNotInBatch: The batch has no such prompt.
            InvalidArgument: A reward is not finite or outside the run's
                reward rule; indices do not fit; part of a group without
                `indices` or `final`.
        """
        group = records.GroupReport(prompt, rewards, indices, failed, final)
        row = _reports.make_row(batch, group)
        driver = self._client._driver
        return driver.run(
            _plans.report_rows(driver.core, self._id, [row], timeout)
        )

    def report_groups(
        self, batch: object, groups: Any, *, timeout: Duration | None = None
    ) -> records.ReportResult:
        """Reports the rollouts of many prompts of a batch in one call.

        One call is wholly counted or not at all; above 262144 rollouts there
        are several calls.

        Args:
            groups: {prompt: rewards}, or pairs such as zip(batch, rewards)
                of an array with a row for each prompt, or
                `vade.GroupReport`s.

        Raises:
            What `report` does, naming the place in `groups`.
        """
        rows = list(_reports.make_rows(batch, groups))
        driver = self._client._driver
        return driver.run(
            _plans.report_rows(driver.core, self._id, rows, timeout)
        )

    def reporter(
        self,
        *,
        max_rollouts: int = 512,
        max_delay: Duration = 0.2,
        max_waiting: int = 65536,
        on_error: Callable[[RefusedReport], object] | None = None,
    ) -> Reporter:
        """Makes many small reports, of any threads, into few calls.

        Args:
            max_rollouts: Reports are sent once so many rollouts wait ...
            max_delay: ... or once the oldest has waited so many seconds.
            max_waiting: Rollouts in memory; `Reporter.report` blocks beyond.
            on_error: Called with each report that the server refused, in the
                reporter's thread.
        """
        return Reporter(self, max_rollouts, max_delay, max_waiting, on_error)
