"""Errors of calls, one class for what a caller does next.

Every error has `code` (the canonical gRPC code's name), `reason` (a stable
name of `ErrorReason` in errors.proto, or "" where nobody gave one) and
`metadata` (what goes with the reason, such as field, value and rule). Branch
on the class, the code or the reason, never on the text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = [
    "Aborted",
    "AlreadyExists",
    "BatchNotFound",
    "BatchNotInFlight",
    "BatchOfOtherEpoch",
    "Cancelled",
    "DataLoss",
    "DeadlineExceeded",
    "Error",
    "EtagMismatch",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotEnoughEligible",
    "NotFound",
    "Overloaded",
    "PayloadsTooLarge",
    "PermissionDenied",
    "PoolTooSmall",
    "PromptNotFound",
    "PromptNotInBatch",
    "RequestIdReused",
    "ResourceExhausted",
    "RunExists",
    "RunNotFound",
    "StorageFailed",
    "Unauthenticated",
    "Unavailable",
]


class Error(Exception):
    """The base of all errors of this package.

    Attributes:
        message: The server's text, or this package's own.
        code: The name of the canonical code, such as "UNAVAILABLE".
        reason: A name of ErrorReason, or "".
        metadata: What goes with the reason; all values are strings.
        maybe_applied: An attempt failed in a way that leaves open whether it
            took effect.
    """

    code = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        maybe_applied: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.reason = reason
        self.metadata: Mapping[str, str] = dict(metadata or {})
        self.maybe_applied = maybe_applied

    def __str__(self) -> str:
        mark = self.reason or self.code
        hint = _HINTS.get(mark, "")
        if self.metadata.get("checked_by") == "client":
            hint = ""
        return f"{self.message} [{mark}]" + (f"; {hint}" if hint else "")

    def __reduce__(self) -> tuple[Callable[..., Error], tuple[Any, ...]]:
        return _rebuild, (type(self), self.message, dict(self.__dict__))


def _rebuild(cls: type[Error], message: str, state: Mapping[str, Any]) -> Error:
    error: Error = cls.__new__(cls)
    error.args = (message,)
    error.__dict__.update(state)
    return error


class InvalidArgument(Error, ValueError):
    """The call is wrong whatever the state: change it."""

    code = "INVALID_ARGUMENT"


class RequestIdReused(InvalidArgument):
    """The request id was used before with other arguments."""


class NotFound(Error, LookupError):
    """What the call names is not there."""

    code = "NOT_FOUND"


class RunNotFound(NotFound):
    """There is no such run."""


class PromptNotFound(NotFound):
    """The run has no such prompt."""


class BatchNotFound(NotFound):
    """There never was such a batch, or the run's retention forgot it."""


class PromptNotInBatch(NotFound):
    """The batch exists, and the prompt is not one of it."""


class AlreadyExists(Error):
    """What the call makes is there already."""

    code = "ALREADY_EXISTS"


class RunExists(AlreadyExists):
    """There is a run of this id already."""


class FailedPrecondition(Error):
    """The state does not allow it: change the state first."""

    code = "FAILED_PRECONDITION"


class PoolTooSmall(FailedPrecondition):
    """Fewer prompts match than the batch needs, even with none in flight."""


class BatchNotInFlight(FailedPrecondition):
    """The lease has ended: the prompts may be with someone else now."""


class BatchOfOtherEpoch(FailedPrecondition):
    """The batch belongs to another epoch of the run."""


class Aborted(Error):
    """Something changed meanwhile: read again, then decide."""

    code = "ABORTED"


class EtagMismatch(Aborted):
    """The run changed since its etag was read."""


class ResourceExhausted(Error):
    """A limit, or not enough of something for now: wait, or ask for less."""

    code = "RESOURCE_EXHAUSTED"


class NotEnoughEligible(ResourceExhausted):
    """Not enough prompts are free now; more will be later."""


class Overloaded(ResourceExhausted):
    """Too many calls wait already."""


class PayloadsTooLarge(ResourceExhausted):
    """The payloads exceed what one answer may carry; nothing was leased."""


class Unavailable(Error, ConnectionError):
    """No server answered in time, though the call was repeated."""

    code = "UNAVAILABLE"


class StorageFailed(Unavailable):
    """The server cannot write: reads work, changes need a restart of it."""


class DeadlineExceeded(Error, TimeoutError):
    """No answer by the deadline; a change may have taken effect or not."""

    code = "DEADLINE_EXCEEDED"


class Cancelled(Error):
    """The call was cancelled."""

    code = "CANCELLED"


class Unauthenticated(Error):
    """The server does not know who calls: see TLS and token settings."""

    code = "UNAUTHENTICATED"


class PermissionDenied(Error):
    """The caller may not do this."""

    code = "PERMISSION_DENIED"


class DataLoss(Error):
    """A stored record is damaged: stop, and look at the server's log."""

    code = "DATA_LOSS"


class Internal(Error):
    """The server failed in a way that it does not name."""

    code = "INTERNAL"


_BY_REASON: dict[str, type[Error]] = {
    "REQUEST_ID_REUSED": RequestIdReused,
    "RUN_NOT_FOUND": RunNotFound,
    "PROMPT_NOT_FOUND": PromptNotFound,
    "BATCH_NOT_FOUND": BatchNotFound,
    "PROMPT_NOT_IN_BATCH": PromptNotInBatch,
    "RUN_EXISTS": RunExists,
    "POOL_TOO_SMALL": PoolTooSmall,
    "BATCH_NOT_IN_FLIGHT": BatchNotInFlight,
    "BATCH_OF_OTHER_EPOCH": BatchOfOtherEpoch,
    "ETAG_MISMATCH": EtagMismatch,
    "NOT_ENOUGH_ELIGIBLE": NotEnoughEligible,
    "OVERLOADED": Overloaded,
    "PAYLOADS_TOO_LARGE": PayloadsTooLarge,
    "STORAGE_FAILED": StorageFailed,
}

_BY_CODE: dict[str, type[Error]] = {
    cls.code: cls
    for cls in (
        InvalidArgument,
        NotFound,
        AlreadyExists,
        FailedPrecondition,
        Aborted,
        ResourceExhausted,
        Unavailable,
        DeadlineExceeded,
        Cancelled,
        Unauthenticated,
        PermissionDenied,
        DataLoss,
        Internal,
    )
}
# A value outside the range of a field of the protocol.
_BY_CODE["OUT_OF_RANGE"] = InvalidArgument

# What to do, where the server's text cannot know what this package offers.
_HINTS = {
    "REQUEST_ID_REUSED": "give every step a request_id of its own, and let "
    "all ranks of a step ask with the same arguments",
    "NOT_ENOUGH_ELIGIBLE": "wait for prompts (max_wait=), accept fewer "
    "(min_batch_size=), or report and release batches in flight",
    "POOL_TOO_SMALL": "ask for a smaller batch, import more prompts, or "
    "loosen labels=",
    "BATCH_NOT_IN_FLIGHT": "renew before lease_ttl has passed, or sample a "
    "new batch; rewards can still be reported",
    "BATCH_NOT_FOUND": "is it of this run? A run forgets old batches: see "
    "retained_deals and retention_age",
    "RUN_NOT_FOUND": "client.create_run() makes one; client.list_runs() "
    "shows those that exist",
    "RUN_EXISTS": "client.run() uses it as it is; create_run(..., "
    "exist_ok=True) does so if its settings are the same",
    "ETAG_MISMATCH": "read run.info() again and repeat with its etag",
    "STORAGE_FAILED": "the server's log has the cause; restart it on a "
    "healthy disk, nothing answered is lost",
    "PAYLOADS_TOO_LARGE": "take a smaller batch, or payloads=False and look "
    "the rows up by prompt id",
}


def error_class(code: str, reason: str) -> type[Error]:
    """The class of errors with this code and reason."""
    return _BY_REASON.get(reason, _BY_CODE.get(code, Error))


def make_error(
    code: str,
    message: str,
    reason: str = "",
    metadata: Mapping[str, str] | None = None,
) -> Error:
    """An error of the class that `error_class` names."""
    cls = error_class(code, reason)
    return cls(message, code=code, reason=reason, metadata=metadata)


def refuse(argument: str, value: object, fix: str) -> InvalidArgument:
    """What a check on this side raises: argument, value and what to do."""
    shown = repr(value)
    if len(shown) > 80:
        shown = shown[:77] + "..."
    return InvalidArgument(
        f"{argument}: {fix}; got {shown}",
        reason="INVALID_FIELD",
        metadata={
            "field": argument,
            "value": shown,
            "rule": fix,
            "checked_by": "client",
        },
    )
