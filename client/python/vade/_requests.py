"""Arguments as requests of the API, but for reports. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Union

from vade import _checks
from vade._proto.vade.sampler.v1 import batch_pb2, prompt_pb2, run_pb2
from vade.errors import InvalidArgument, refuse
from vade.options import Duration
from vade.records import Prompt, RewardRange, RewardThreshold
from vade.records import StartingEvidence

#: What an import takes for a prompt.
PromptLike = Union[Prompt, str, "tuple[str, Any]", Mapping[str, Any]]

_MESSAGE_PROMPTS = 5000
_MESSAGE_BYTES = 4 << 20
_PROMPT_FIELDS = tuple(Prompt.__dataclass_fields__)
_EXISTING = {
    "update": prompt_pb2.EXISTING_PROMPTS_UPDATE,
    "skip": prompt_pb2.EXISTING_PROMPTS_SKIP,
    "fail": prompt_pb2.EXISTING_PROMPTS_FAIL,
}
_VIEWS = {
    "enabled": prompt_pb2.PROMPT_VIEW_ENABLED,
    "disabled": prompt_pb2.PROMPT_VIEW_DISABLED,
    "in_flight": prompt_pb2.PROMPT_VIEW_IN_FLIGHT,
    "never_solved": prompt_pb2.PROMPT_VIEW_NEVER_SOLVED,
    "never_dealt": prompt_pb2.PROMPT_VIEW_NEVER_DEALT,
}


def run_name(run: str) -> str:
    """runs/{run}"""
    return f"runs/{run}"


def batch_name(run: str, batch: object) -> str:
    """runs/{run}/batches/{batch}, of an id, a record or the name itself."""
    prefix = f"runs/{run}/batches/"
    return prefix + _checks.id_of("batch", batch).removeprefix(prefix)


def prompt_name(run: str, prompt: object) -> str:
    """runs/{run}/prompts/{prompt}, of an id or a record."""
    return f"runs/{run}/prompts/{_checks.id_of('prompt', prompt)}"


def starting_evidence(
    value: StartingEvidence | None,
) -> run_pb2.StartingEvidence | None:
    """Evidence to start with."""
    if value is None:
        return None
    if not isinstance(value, StartingEvidence):
        raise refuse(
            "starting_evidence",
            value,
            "give vade.StartingEvidence(pass_rate, weight)",
        )
    return run_pb2.StartingEvidence(
        pass_rate=_checks.number("pass_rate", value.pass_rate),
        weight=_checks.number("weight", value.weight),
    )


def _reward_rule(value: object) -> run_pb2.RewardRule:
    rule = run_pb2.RewardRule()
    if isinstance(value, RewardRange):
        rule.range.min = _checks.number("reward_rule.min", value.min)
        rule.range.max = _checks.number("reward_rule.max", value.max)
    elif isinstance(value, RewardThreshold):
        rule.threshold.threshold = _checks.number(
            "reward_rule.threshold", value.threshold
        )
    else:
        raise refuse(
            "reward_rule",
            value,
            "give vade.RewardRange(min, max) or "
            "vade.RewardThreshold(threshold)",
        )
    return rule


_UINT32 = 2**32 - 1
_INTEGERS = {
    "seed": 2**64 - 1,
    "group_size": _UINT32,
    "reference_batch_size": _UINT32,
    "retained_deals": 2**64 - 1,
}
_NUMBERS = (
    "selected_decay",
    "unselected_decay",
    "cooldown",
    "target_pass_rate",
)


#: The settings of a new run, as `create_run` names them.
RUN_SETTINGS = (
    "policy",
    "group_size",
    "seed",
    "reward_rule",
    "display_name",
    "selected_decay",
    "unselected_decay",
    "reference_batch_size",
    "cooldown",
    "target_pass_rate",
    "lease_ttl",
    "starting_evidence",
    "retained_deals",
    "retention_age",
)


def run_settings(settings: Mapping[str, Any]) -> tuple[run_pb2.Run, list[str]]:
    """The settings that are not None, and their names."""
    run = run_pb2.Run()
    names = [name for name, value in settings.items() if value is not None]
    for name in names:
        value = settings[name]
        if name in _INTEGERS:
            setattr(run, name, _checks.integer(name, value, 0, _INTEGERS[name]))
        elif name in _NUMBERS:
            setattr(run, name, _checks.number(name, value))
        elif name in ("lease_ttl", "retention_age"):
            getattr(run, name).CopyFrom(_checks.duration(name, value))
        elif name == "reward_rule":
            run.reward_rule.CopyFrom(_reward_rule(value))
        elif name == "starting_evidence":
            run.starting_evidence.CopyFrom(starting_evidence(value))
        else:
            setattr(run, name, _text(name, value))
    return run, names


def _text(argument: str, value: object) -> str:
    if not isinstance(value, str):
        raise refuse(argument, value, "give a str")
    return value


def settings_that_differ(
    wanted: run_pb2.Run, names: Iterable[str], found: run_pb2.Run
) -> list[str]:
    """Those of the named fields whose values are not the same."""
    return [
        name for name in names if getattr(wanted, name) != getattr(found, name)
    ]


def prompt_message(value: PromptLike, place: str) -> prompt_pb2.Prompt:
    """A prompt of an import; `place` says which one in an error."""
    if isinstance(value, str):
        return prompt_pb2.Prompt(id=_checks.check_id(f"{place}.id", value))
    if isinstance(value, Mapping):
        value = _prompt_of_mapping(value, place)
    elif isinstance(value, tuple) and len(value) == 2:
        value = Prompt(*value)
    if not isinstance(value, Prompt):
        raise refuse(
            place,
            value,
            "give a vade.Prompt, (id, payload), an id, or a mapping with the "
            "key 'id'",
        )
    try:
        return prompt_pb2.Prompt(
            id=_checks.check_id(f"{place}.id", value.id),
            payload=_checks.payload_bytes(f"{place}.payload", value.payload),
            labels=value.labels,
            disabled=value.disabled,
            starting_evidence=starting_evidence(value.starting_evidence),
        )
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidArgument):
            raise
        # What protobuf says of labels and disabled names neither.
        raise refuse(
            place, value, f"give labels of str and disabled as bool ({error})"
        ) from None


def _prompt_of_mapping(value: Mapping[str, Any], place: str) -> Prompt:
    unknown = [key for key in value if key not in _PROMPT_FIELDS]
    if unknown or "id" not in value:
        raise refuse(
            place,
            dict(value),
            f"use the keys {', '.join(_PROMPT_FIELDS)}, with 'id' always; a "
            "row of a data set goes under 'payload'"
            + (f"; unknown: {', '.join(map(str, unknown))}" if unknown else ""),
        )
    return Prompt(**value)


class ImportChunks:
    """Fills messages of an import to a size that the server takes.

    Thread-compatible.
    """

    def __init__(self, run: str, existing: str) -> None:
        _checks.choice("existing", existing, _EXISTING)
        self._run = run_name(run)
        self._existing = _EXISTING[existing]
        self._bytes = 0
        self._count = 0
        self._chunk = self._new_chunk()

    def _new_chunk(self) -> prompt_pb2.ImportPromptsRequest:
        self._bytes = 0
        return prompt_pb2.ImportPromptsRequest(
            run=self._run, existing_prompts=self._existing
        )

    def add(self, prompt: PromptLike) -> prompt_pb2.ImportPromptsRequest | None:
        """Takes a prompt; returns the message before it if that is full."""
        message = prompt_message(prompt, f"prompts[{self._count}]")
        self._count += 1
        size = message.ByteSize()
        full = None
        if len(self._chunk.prompts) >= _MESSAGE_PROMPTS or (
            self._chunk.prompts and self._bytes + size > _MESSAGE_BYTES
        ):
            full, self._chunk = self._chunk, self._new_chunk()
        self._chunk.prompts.append(message)
        self._bytes += size
        return full

    def rest(self) -> prompt_pb2.ImportPromptsRequest | None:
        """The last message, if there is anything in it."""
        return self._chunk if self._chunk.prompts else None


def sample_batch(
    run: str,
    batch_size: int,
    *,
    request_id: str,
    shard: tuple[int, int] | None,
    labels: _checks.LabelFilter | None,
    min_batch_size: int | None,
    max_wait: Duration,
    lease_ttl: Duration | None,
    payloads: bool,
) -> batch_pb2.SampleBatchRequest:
    """What next_batch asks for; `request_id` is set by now."""
    size = _checks.integer("batch_size", batch_size, 1, 65536)
    request = batch_pb2.SampleBatchRequest(
        run=run_name(run),
        batch_size=size,
        request_id=request_id,
        filter=_checks.label_filter(labels),
        include_payloads=bool(payloads),
    )
    if min_batch_size is not None:
        request.min_batch_size = _checks.integer(
            "min_batch_size", min_batch_size, 1, size
        )
    if shard is not None:
        request.shard.index, request.shard.count = _checks.shard(shard)
    request.max_wait.CopyFrom(_checks.duration("max_wait", max_wait))
    if lease_ttl is not None:
        request.lease_ttl.CopyFrom(_checks.duration("lease_ttl", lease_ttl))
    return request


def check_request_id(
    request_id: str | None, shard: tuple[int, int] | None
) -> str | None:
    """The caller's own request id, if there is one."""
    if request_id is not None:
        return _checks.check_id("request_id", request_id)
    if shard is not None:
        raise refuse(
            "shard",
            shard,
            "give a request_id too, the same on all ranks of a step, such as "
            "f'step-{step}': it makes all shards parts of one batch",
        )
    return None


def list_prompts(
    run: str,
    labels: _checks.LabelFilter | None,
    view: str | None,
    order_by: str | None,
    payloads: bool,
    page_token: str,
) -> prompt_pb2.ListPromptsRequest:
    """One page of prompts."""
    request = prompt_pb2.ListPromptsRequest(
        run=run_name(run),
        filter=_checks.label_filter(labels),
        order_by=order_by or "",
        include_payloads=bool(payloads),
        # Payloads of a page share one answer's 64 MiB.
        page_size=50 if payloads else 1000,
        page_token=page_token,
    )
    if view is not None:
        request.view = _VIEWS[_checks.choice("view", view, _VIEWS)]
    return request


def list_batches(
    run: str, state: str | None, page_token: str
) -> batch_pb2.ListBatchesRequest:
    """One page of batches."""
    request = batch_pb2.ListBatchesRequest(
        run=run_name(run), page_size=1000, page_token=page_token
    )
    if state is not None:
        known = ("in_flight", "completed", "released", "expired")
        word = _checks.choice("state", state, known)
        request.state = batch_pb2.Batch.State.Value(word.upper())
    return request


def update_prompt(
    run: str,
    prompt: object,
    *,
    payload: Any,
    labels: Mapping[str, str] | None,
    disabled: bool | None,
    evidence: Any,
) -> prompt_pb2.UpdatePromptRequest:
    """Changes of what is not None."""
    request = prompt_pb2.UpdatePromptRequest(run=run_name(run))
    request.prompt.id = _checks.id_of("prompt", prompt)
    paths = request.update_mask.paths
    if payload is not None:
        request.prompt.payload = _checks.payload_bytes("payload", payload)
        paths.append("payload")
    if labels is not None:
        request.prompt.labels.update(labels)
        paths.append("labels")
    if disabled is not None:
        request.prompt.disabled = disabled
        paths.append("disabled")
    if evidence is not None:
        alpha = _checks.number("evidence.alpha", evidence.alpha)
        request.prompt.evidence.alpha = alpha
        beta = _checks.number("evidence.beta", evidence.beta)
        request.prompt.evidence.beta = beta
        paths.append("evidence")
    if not paths:
        raise refuse(
            "update_prompt",
            request.prompt.id,
            "give at least one of payload, labels, disabled, evidence",
        )
    return request
