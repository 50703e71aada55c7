"""Plans of clients that go on without a server (see `vade.Local`)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

from vade import _messages, _reports
from vade._core import Blocking, Call, Core, Plan
from vade._journal import Journal, JournalFile
from vade._outage import is_local
from vade._proto.vade.sampler.v1 import report_pb2
from vade.errors import BatchNotInFlight, DeadlineExceeded, Error, Unavailable
from vade.options import Duration
from vade.records import Batch, ReportResult

_LOG = logging.getLogger("vade")
_AWAY = (Unavailable, DeadlineExceeded)


def sample(core: Core, run: str, call: Call) -> Plan[Batch]:
    """A batch of the server's, or else of this side's."""
    failed: Error | None = None
    if core.outage.should_try():
        try:
            yield from replay(core, None)
            batch = _messages.batch(run, call.request.request_id, (yield call))
            core.outage.saw_prompts(run, (prompt.id for prompt in batch))
            core.outage.saw_group_size(run, batch.group_size)
            return batch
        except _AWAY as error:
            failed = error
            core.outage.went_down(error, _WHAT_FOLLOWS)
    return core.outage.sample(run, call.request, failed)


_WHAT_FOLLOWS = (
    "batches are sampled uniformly on this side, and reports wait in the "
    "journal"
)


def refuse_local(batch: object) -> None:
    """Raises for a local batch, which no server knows of."""
    if is_local(batch):
        raise BatchNotInFlight(
            "batch: is a local batch, of which nothing is leased; skip it: "
            "its .local is True",
            reason="LOCAL_BATCH",
        )


def without_local(
    core: Core, rows: Iterable[_reports.Row]
) -> tuple[list[_reports.Row], int]:
    """The rows that a server can take, and the rollouts of the others."""
    leased: list[_reports.Row] = []
    local_count = 0
    for row in rows:
        if is_local(row.batch):
            local_count += len(row.rewards) + len(row.failed)
        else:
            leased.append(row)
    if local_count:
        core.outage.count(local_rollout_count=local_count)
    return leased, local_count


def report(
    core: Core,
    request: report_pb2.ReportRewardsRequest,
    timeout: Duration | None,
) -> Plan[ReportResult]:
    """Sends a report, or keeps it in the journal."""
    journal = core.outage.journal
    assert journal is not None
    if core.outage.should_try():
        try:
            yield from replay(core, None)
            call = core.call(
                "ReportRewards", request, timeout, has_substitute=True
            )
            return _messages.report_result((yield call))
        except _AWAY as error:
            core.outage.went_down(error, _WHAT_FOLLOWS)
    body = request.SerializeToString()
    yield Blocking(partial(journal.append, body))
    count = _reports.rollout_count(request)
    core.outage.count(journaled_rollout_count=count)
    return ReportResult(journaled_count=count)


def replay(
    core: Core, timeout: Duration | None, patient: bool = False
) -> Plan[int]:
    """Sends what the journal holds, in order; gives the rollouts sent.

    Sending a record twice is harmless, so a file goes only when a server has
    answered for all of it.
    """
    journal = core.outage.journal
    if journal is None or journal.is_empty():
        return 0
    if not core.outage.replaying.acquire(blocking=False):
        return 0
    sent = 0
    try:
        files: list[JournalFile] = yield Blocking(journal.files)
        try:
            for file in files:
                sent += yield from _replay_file(
                    core, journal, file, timeout, patient
                )
        finally:
            for file in files:
                journal.give_up(file)
    finally:
        core.outage.replaying.release()
    if sent:
        _LOG.warning("sent %d rollouts that waited in the journal", sent)
    return sent


def replay_all(core: Core, timeout: Duration | None) -> Plan[int]:
    """As `replay`, of processes too that have ended since."""
    if core.outage.journal is not None:
        core.outage.journal.look_again()
    return (yield from replay(core, timeout, patient=True))


def _replay_file(
    core: Core,
    journal: Journal,
    file: JournalFile,
    timeout: Duration | None,
    patient: bool,
) -> Plan[int]:
    sent = 0
    while True:
        body = yield Blocking(file.next)
        if body is not None:
            sent += yield from _replay_record(
                core, journal, body, timeout, patient
            )
        elif (yield Blocking(partial(journal.finish, file))):
            return sent


def _replay_record(
    core: Core,
    journal: Journal,
    body: Any,
    timeout: Duration | None,
    patient: bool,
) -> Plan[int]:
    request = report_pb2.ReportRewardsRequest.FromString(body)
    count = _reports.rollout_count(request)
    try:
        yield core.call(
            "ReportRewards", request, timeout, has_substitute=not patient
        )
    except _AWAY:
        raise
    except Error as error:
        # One that can never be taken must not keep the others back.
        path = yield Blocking(partial(journal.set_aside, body))
        core.outage.count(refused_rollout_count=count)
        _LOG.error(
            "a report of %d rollouts that waited in the journal was refused "
            "(%s); it is kept in %s",
            count,
            error,
            path,
        )
        return 0
    core.outage.count(replayed_rollout_count=count)
    return count
