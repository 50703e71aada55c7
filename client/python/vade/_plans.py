"""Every method of the clients once, as plans (see _core)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from vade import _checks, _messages, _outages, _reports, _requests, records
from vade._core import Core, Plan, Stream
from vade._proto.vade.sampler.v1 import batch_pb2, prompt_pb2, run_pb2
from vade._proto.vade.sampler.v1 import stats_pb2
from vade.errors import EtagMismatch, NotFound, RunExists, refuse
from vade.options import Duration, seconds, timeout_seconds
from vade.stats import RunStats

_Settings = Mapping[str, Any]


def create_run(
    core: Core,
    run_id: str,
    settings: _Settings,
    exist_ok: bool,
    timeout: Duration | None,
) -> Plan[str]:
    """Makes a run and gives its id."""
    run_id = _checks.run_id(run_id)
    wanted, names = _requests.run_settings(settings)
    request = run_pb2.CreateRunRequest(run_id=run_id, run=wanted)
    call = core.call("CreateRun", request, timeout)
    try:
        made = yield call
        core.outage.saw_group_size(run_id, made.group_size)
        return run_id
    except RunExists as error:
        # After a lost answer it may be this very call that made it.
        if not exist_ok and not error.maybe_applied:
            raise
        get = run_pb2.GetRunRequest(name=_requests.run_name(run_id))
        again = core.call("GetRun", get, timeout)
        again.deadline = call.deadline
        found = yield again
        other = _requests.settings_that_differ(wanted, names, found)
        if not other:
            core.outage.saw_group_size(run_id, found.group_size)
            return run_id
        error.message += f"; it differs in {', '.join(other)}"
        raise error from None


def run_info(
    core: Core, run: str, timeout: Duration | None
) -> Plan[records.RunInfo]:
    """Reads a run."""
    request = run_pb2.GetRunRequest(name=_requests.run_name(run))
    message = yield core.call("GetRun", request, timeout)
    core.outage.saw_group_size(run, message.group_size)
    return _messages.run_info(message)


def runs_page(
    core: Core, timeout: Duration | None, token: str
) -> Plan[tuple[list[records.RunInfo], str]]:
    """One page of the runs."""
    request = run_pb2.ListRunsRequest(page_size=1000, page_token=token)
    page = yield core.call("ListRuns", request, timeout)
    return [_messages.run_info(run) for run in page.runs], page.next_page_token


def update_run(
    core: Core,
    run: str,
    settings: _Settings,
    etag: str | None,
    timeout: Duration | None,
) -> Plan[records.RunInfo]:
    """Changes settings of a run."""
    wanted, names = _requests.run_settings(settings)
    if not names:
        raise refuse("update", run, "give at least one setting to change")
    wanted.name = _requests.run_name(run)
    wanted.etag = etag or ""
    request = run_pb2.UpdateRunRequest(run=wanted)
    request.update_mask.paths.extend(names)
    rule = "UpdateRun(etag)" if etag else "UpdateRun"
    call = core.call(rule, request, timeout)
    try:
        found = yield call
    except EtagMismatch as error:
        if not error.maybe_applied:
            raise
        # The attempt whose answer was lost may have changed the etag.
        get = run_pb2.GetRunRequest(name=wanted.name)
        again = core.call("GetRun", get, timeout)
        again.deadline = call.deadline
        found = yield again
        if _requests.settings_that_differ(wanted, names, found):
            raise error from None
    return _messages.run_info(found)


def delete_run(
    core: Core,
    run: str,
    etag: str | None,
    missing_ok: bool,
    timeout: Duration | None,
) -> Plan[None]:
    """Deletes a run."""
    request = run_pb2.DeleteRunRequest(
        name=_requests.run_name(run), etag=etag or "", allow_missing=missing_ok
    )
    yield from _delete(core, "DeleteRun", request, timeout)


def delete_prompt(
    core: Core, run: str, prompt: object, timeout: Duration | None
) -> Plan[None]:
    """Deletes a prompt."""
    name = _requests.prompt_name(run, prompt)
    request = prompt_pb2.DeletePromptRequest(name=name)
    yield from _delete(core, "DeletePrompt", request, timeout)


def _delete(
    core: Core, rule: str, request: Any, timeout: Duration | None
) -> Plan[None]:
    try:
        yield core.call(rule, request, timeout)
    except NotFound as error:
        # One that finds nothing after a lost answer has done its work.
        if not error.maybe_applied:
            raise


def import_chunks(
    core: Core,
    run: str,
    existing: str,
    chunks: list[Any],
    timeout: Duration | None,
) -> Plan[records.ImportResult]:
    """Sends some messages of an import; durable once answered."""
    rule = "ImportPrompts(fail)" if existing == "fail" else "ImportPrompts"
    answer = yield core.upload(rule, chunks, timeout)
    for chunk in chunks:
        core.outage.saw_prompts(
            run, (p.id for p in chunk.prompts if not p.disabled)
        )
    return _messages.import_result(answer)


def prompt_info(
    core: Core,
    run: str,
    prompt: object,
    payload: bool,
    timeout: Duration | None,
) -> Plan[records.PromptInfo]:
    """Reads a prompt."""
    request = prompt_pb2.GetPromptRequest(
        name=_requests.prompt_name(run, prompt), include_payload=payload
    )
    message = yield core.call("GetPrompt", request, timeout)
    return _messages.prompt_info(message)


def prompts_page(
    core: Core,
    run: str,
    selection: Mapping[str, Any],
    timeout: Duration | None,
    token: str,
) -> Plan[tuple[list[records.PromptInfo], str]]:
    """One page of prompts."""
    request = _requests.list_prompts(run, **selection, page_token=token)
    page = yield core.call("ListPrompts", request, timeout)
    found = [_messages.prompt_info(prompt) for prompt in page.prompts]
    return found, page.next_page_token


def prompts_stream(
    run: str,
    labels: _checks.LabelFilter | None,
    payloads: bool,
    timeout: Duration | None,
) -> Stream:
    """All prompts in the order of their import."""
    request = prompt_pb2.ExportPromptsRequest(
        run=_requests.run_name(run),
        filter=_checks.label_filter(labels),
        include_payloads=bool(payloads),
    )
    limit = None if timeout is None else timeout_seconds(timeout, 0)
    return Stream("ExportPrompts", request, limit, resume=False)


def prompts_of(
    core: Core, run: str, message: prompt_pb2.ExportPromptsResponse
) -> list[records.PromptInfo]:
    """One message of that stream."""
    core.outage.saw_prompts(
        run, (p.id for p in message.prompts if not p.disabled)
    )
    return [_messages.prompt_info(prompt) for prompt in message.prompts]


def prompts_by_id(
    core: Core,
    run: str,
    prompts: Iterable[object],
    payloads: bool,
    timeout: Duration | None,
) -> Plan[list[records.PromptInfo]]:
    """Reads prompts in the order asked, 1000 a call."""
    ids = [_checks.id_of("prompts", prompt) for prompt in prompts]
    size = 50 if payloads else 1000
    found: list[records.PromptInfo] = []
    for start in range(0, len(ids), size):
        request = prompt_pb2.BatchGetPromptsRequest(
            run=_requests.run_name(run),
            prompt_ids=ids[start : start + size],
            include_payloads=bool(payloads),
        )
        answer = yield core.call("BatchGetPrompts", request, timeout)
        found.extend(_messages.prompt_info(p) for p in answer.prompts)
    return found


def update_prompt(
    core: Core,
    run: str,
    prompt: object,
    changes: Mapping[str, Any],
    timeout: Duration | None,
) -> Plan[records.PromptInfo]:
    """Changes a prompt."""
    request = _requests.update_prompt(run, prompt, **changes)
    message = yield core.call("UpdatePrompt", request, timeout)
    return _messages.prompt_info(message)


def next_batch(
    core: Core,
    run: str,
    batch_size: int,
    request_id: str | None,
    asked: Mapping[str, Any],
    timeout: Duration | None,
) -> Plan[records.Batch]:
    """Samples and leases a batch."""
    own = _requests.check_request_id(request_id, asked["shard"])
    name = own or core.new_request_id()
    request = _requests.sample_batch(run, batch_size, request_id=name, **asked)
    wait = seconds("max_wait", asked["max_wait"])
    call = core.call(
        "SampleBatch", request, timeout, extra=wait, has_substitute=True
    )
    if core.outage.local:
        return (yield from _outages.sample(core, run, call))
    return _messages.batch(run, name, (yield call))


def batch_info(
    core: Core, run: str, batch: object, timeout: Duration | None
) -> Plan[records.BatchInfo]:
    """Reads a batch with its groups."""
    name = _requests.batch_name(run, batch)
    request = batch_pb2.GetBatchRequest(name=name)
    message = yield core.call("GetBatch", request, timeout)
    return _messages.batch_info(message)


def batches_page(
    core: Core,
    run: str,
    state: str | None,
    timeout: Duration | None,
    token: str,
) -> Plan[tuple[list[records.BatchInfo], str]]:
    """One page of the batches, newest first."""
    request = _requests.list_batches(run, state, token)
    page = yield core.call("ListBatches", request, timeout)
    found = [_messages.batch_info(batch) for batch in page.batches]
    return found, page.next_page_token


def renew(
    core: Core,
    run: str,
    batch: object,
    lease_ttl: Duration | None,
    timeout: Duration | None,
) -> Plan[records.BatchInfo]:
    """Extends a lease."""
    _outages.refuse_local(batch)
    name = _requests.batch_name(run, batch)
    request = batch_pb2.RenewBatchRequest(name=name)
    if lease_ttl is not None:
        request.lease_ttl.CopyFrom(_checks.duration("lease_ttl", lease_ttl))
    message = yield core.call("RenewBatch", request, timeout)
    return _messages.batch_info(message)


def release(
    core: Core,
    run: str,
    batch: object,
    prompts: Iterable[object] | None,
    timeout: Duration | None,
) -> Plan[records.BatchInfo]:
    """Gives prompts of a batch back."""
    _outages.refuse_local(batch)
    name = _requests.batch_name(run, batch)
    request = batch_pb2.ReleaseBatchRequest(name=name)
    if prompts is not None:
        ids = [_checks.id_of("prompts", prompt) for prompt in prompts]
        if not ids:
            raise refuse(
                "prompts", ids, "name at least one, or None for all in flight"
            )
        request.prompt_ids.extend(ids)
    message = yield core.call("ReleaseBatch", request, timeout)
    return _messages.batch_info(message)


def report_rows(
    core: Core,
    run: str,
    rows: Iterable[_reports.Row],
    timeout: Duration | None,
) -> Plan[records.ReportResult]:
    """Sends rows, in as few calls as their number allows."""
    result = records.ReportResult()
    leased, local_count = _outages.without_local(core, rows)
    if local_count:
        result += records.ReportResult(local_count=local_count)
    for part in _reports.split_rows(leased, _reports.CALL_ROLLOUTS):
        request = _reports.report_request(run, part)
        if core.outage.local:
            result += yield from _outages.report(core, request, timeout)
            continue
        answer = yield core.call("ReportRewards", request, timeout)
        result += _messages.report_result(answer)
    return result


def stats(core: Core, run: str, timeout: Duration | None) -> Plan[RunStats]:
    """Reads the statistics."""
    request = stats_pb2.GetRunStatsRequest(run=_requests.run_name(run))
    message = yield core.call("GetRunStats", request, timeout)
    return _messages.run_stats(message)


def watch(run: str, interval: Duration, timeout: Duration | None) -> Stream:
    """Statistics at each interval in which the run changed."""
    request = stats_pb2.WatchRunRequest(run=_requests.run_name(run))
    request.interval.CopyFrom(_checks.duration("interval", interval))
    limit = None if timeout is None else timeout_seconds(timeout, 0)
    return Stream("WatchRun", request, limit, resume=True)


#: Messages of one upload: what is kept in memory until it is answered.
UPLOAD_CHUNKS = 4


class ImportPlan:
    """Cuts an import into uploads and sums up their answers.

    Thread-compatible.
    """

    def __init__(
        self,
        core: Core,
        run: str,
        existing: str,
        progress: Callable[[records.ImportResult], object] | None,
        timeout: Duration | None,
    ) -> None:
        self._core = core
        self._run = run
        self._existing = existing
        self._progress = progress
        self._timeout = timeout
        self._filling = _requests.ImportChunks(run, existing)
        self._full: list[Any] = []
        self.result = records.ImportResult()

    def add(self, prompt: _requests.PromptLike) -> bool:
        """Takes a prompt; True if `upload` is due."""
        chunk = self._filling.add(prompt)
        if chunk is not None:
            self._full.append(chunk)
        return len(self._full) >= UPLOAD_CHUNKS

    def upload(self, last: bool = False) -> Plan[records.ImportResult]:
        """Sends what is full, and at the end the rest."""
        rest = self._filling.rest() if last else None
        if rest is not None:
            self._full.append(rest)
        if self._full:
            self.result += yield from import_chunks(
                self._core,
                self._run,
                self._existing,
                self._full,
                self._timeout,
            )
            self._full = []
            if self._progress is not None:
                self._progress(self.result)
        return self.result
