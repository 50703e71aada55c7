"""Answers of the API as the package's records. Pure functions."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, TypeVar, cast

from vade import records, stats
from vade._proto.vade.sampler.v1 import batch_pb2, prompt_pb2, report_pb2
from vade._proto.vade.sampler.v1 import run_pb2, stats_pb2

_T = TypeVar("_T")


def last_part(name: str) -> str:
    """The id of a run's or a batch's name."""
    return name.rpartition("/")[2]


def _time(stamp: Any) -> datetime:
    return cast(datetime, stamp.ToDatetime(tzinfo=timezone.utc))


def _seconds(duration: Any) -> float:
    return float(duration.seconds) + float(duration.nanos) / 1e9


def _optional(message: Any, field: str) -> float | None:
    return getattr(message, field) if message.HasField(field) else None


def _same_fields(
    cls: type[_T], message: Any, names: tuple[str, ...], **others: Any
) -> _T:
    """A record whose other fields are those of the message, by name."""
    return cls(**{name: getattr(message, name) for name in names}, **others)


def _names(cls: type[Any], *converted: str) -> tuple[str, ...]:
    fields = cls.__dataclass_fields__
    return tuple(name for name in fields if name not in converted)


_RUN_NAMES = _names(
    records.RunInfo,
    "id",
    "reward_rule",
    "lease_ttl",
    "starting_evidence",
    "retention_age",
    "create_time",
    "update_time",
)


def _starting_evidence(message: Any) -> records.StartingEvidence | None:
    if not message.HasField("starting_evidence"):
        return None
    start = message.starting_evidence
    return records.StartingEvidence(start.pass_rate, start.weight)


def run_info(message: run_pb2.Run) -> records.RunInfo:
    """A run as a record."""
    rule = message.reward_rule
    reward_rule: records.RewardRange | records.RewardThreshold
    if rule.WhichOneof("rule") == "threshold":
        reward_rule = records.RewardThreshold(rule.threshold.threshold)
    elif rule.WhichOneof("rule") == "range":
        reward_rule = records.RewardRange(rule.range.min, rule.range.max)
    else:
        reward_rule = records.RewardRange()
    return _same_fields(
        records.RunInfo,
        message,
        _RUN_NAMES,
        id=last_part(message.name),
        reward_rule=reward_rule,
        lease_ttl=_seconds(message.lease_ttl),
        starting_evidence=_starting_evidence(message),
        retention_age=_seconds(message.retention_age),
        create_time=_time(message.create_time),
        update_time=_time(message.update_time),
    )


def prompt_info(message: prompt_pb2.Prompt) -> records.PromptInfo:
    """A prompt as a record."""
    return records.PromptInfo(
        id=message.id,
        labels=dict(message.labels),
        disabled=message.disabled,
        evidence=records.Evidence(
            message.evidence.alpha, message.evidence.beta
        ),
        posterior_mean=message.posterior_mean,
        expected_egr=message.expected_egr,
        deal_count=message.deal_count,
        rollout_count=message.rollout_count,
        success_sum=message.success_sum,
        last_batch=message.last_batch,
        last_dealt_clock=_optional(message, "last_dealt_clock"),
        last_draw=_optional(message, "last_draw"),
        last_score=_optional(message, "last_score"),
        in_flight=message.in_flight,
        payload=message.payload,
        payload_bytes=message.payload_bytes,
    )


def sampled_prompt(message: batch_pb2.SampledPrompt) -> records.SampledPrompt:
    """A prompt of a batch as a record."""
    return records.SampledPrompt(
        message.prompt_id,
        message.draw,
        message.score,
        message.posterior_mean,
        message.expected_egr,
        message.payload,
    )


def batch(
    run_id: str, request_id: str, message: batch_pb2.SampleBatchResponse
) -> records.Batch:
    """A sampled batch as a record."""
    return records.Batch(
        id=message.batch_id,
        run=run_id,
        prompts=tuple(sampled_prompt(prompt) for prompt in message.prompts),
        batch_size=message.batch_size,
        group_size=message.group_size,
        expire_time=_time(message.lease_expire_time),
        clock=message.clock,
        expected_egr=message.expected_egr,
        request_id=request_id,
        repeated_request=message.repeated_request,
    )


def _group(message: batch_pb2.Group) -> records.GroupInfo:
    state = batch_pb2.Group.State.Name(message.state).lower()
    return records.GroupInfo(
        prompt=sampled_prompt(message.prompt),
        state=cast(records.GroupState, state),
        reward_count=message.reward_count,
        success_sum=message.success_sum,
        failed_count=message.failed_count,
        varied=message.varied,
    )


def batch_info(message: batch_pb2.Batch) -> records.BatchInfo:
    """A remembered batch as a record."""
    state = batch_pb2.Batch.State.Name(message.state).lower()
    ended = message.HasField("end_time")
    return records.BatchInfo(
        id=last_part(message.name),
        run=message.name.split("/")[1],
        state=cast(records.BatchState, state),
        batch_size=message.batch_size,
        group_size=message.group_size,
        clock=message.clock,
        expected_egr=message.expected_egr,
        request_id=message.request_id,
        create_time=_time(message.create_time),
        expire_time=_time(message.lease_expire_time),
        end_time=_time(message.end_time) if ended else None,
        in_flight_count=message.in_flight_count,
        completed_count=message.completed_count,
        groups=tuple(_group(group) for group in message.groups),
    )


_REPORT_NAMES = _names(records.ReportResult, "journaled_count", "local_count")
_IMPORT_NAMES = _names(records.ImportResult)


def report_result(
    message: report_pb2.ReportRewardsResponse,
) -> records.ReportResult:
    """The counts of a report."""
    return _same_fields(records.ReportResult, message, _REPORT_NAMES)


def import_result(
    message: prompt_pb2.ImportPromptsResponse,
) -> records.ImportResult:
    """The counts of an import."""
    return _same_fields(records.ImportResult, message, _IMPORT_NAMES)


_STATS_PARTS: dict[str, type[Any]] = {
    "calibration": stats.CalibrationBin,
    "pass_rate_histogram": stats.HistogramBin,
    "series": stats.SeriesPoint,
    "redeal_intervals": stats.HistogramBin,
    "labels": stats.LabelShare,
}
_STATS_NAMES = _names(stats.RunStats, "run", "time", *_STATS_PARTS)


def run_stats(message: stats_pb2.RunStats) -> stats.RunStats:
    """The statistics of a run."""
    parts = {
        name: tuple(
            _same_fields(cls, part, _names(cls))
            for part in getattr(message, name)
        )
        for name, cls in _STATS_PARTS.items()
    }
    return _same_fields(
        stats.RunStats,
        message,
        _STATS_NAMES,
        run=last_part(message.run),
        time=_time(message.time),
        **parts,
    )
