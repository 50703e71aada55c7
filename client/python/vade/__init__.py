"""Client of the VADE sampler: which training prompts next?

    with vade.Client() as client:
        run = client.create_run("gsm8k", group_size=8, exist_ok=True)
        run.import_prompts([("q1", "What is 2 + 2?"), ...])
        batch = run.next_batch(128, request_id="step-1", payloads=True)
        run.report_groups(batch, zip(batch, rewards))

`vade.Client` is for threads, `vade.aio.Client` for asyncio.
"""

# First of all: it has to come before gRPC's own import.
from vade import _polling  # noqa: F401
from vade._version import VERSION as __version__
from vade.client import (
    Client,
)
from vade.errors import (
    Aborted,
    AlreadyExists,
    BatchNotFound,
    BatchNotInFlight,
    BatchOfOtherEpoch,
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    Error,
    EtagMismatch,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotEnoughEligible,
    NotFound,
    Overloaded,
    PayloadsTooLarge,
    PermissionDenied,
    PoolTooSmall,
    PromptNotFound,
    PromptNotInBatch,
    RequestIdReused,
    ResourceExhausted,
    RunExists,
    RunNotFound,
    StorageFailed,
    Unauthenticated,
    Unavailable,
)
from vade.inspection import (
    plot,
    to_pandas,
)
from vade.local_server import (
    LocalServer,
    ServerStartFailed,
)
from vade.options import (
    DEFAULT_ADDRESS,
    Duration,
    Retry,
    Tls,
)
from vade.outage import (
    Local,
    OutageEvent,
    OutageStats,
    Raise,
    Wait,
)
from vade.records import (
    Batch,
    BatchInfo,
    BatchState,
    Evidence,
    GroupInfo,
    GroupReport,
    GroupState,
    ImportResult,
    Policy,
    Prompt,
    PromptInfo,
    PromptView,
    ReportResult,
    RewardRange,
    RewardThreshold,
    RunInfo,
    SampledPrompt,
    StartingEvidence,
)
from vade.reporter import RefusedReport, Reporter, ReportsRefused
from vade.run import (
    Run,
)
from vade.stats import (
    CalibrationBin,
    HistogramBin,
    LabelShare,
    RunStats,
    SeriesPoint,
)

__all__ = [
    "Aborted",
    "AlreadyExists",
    "Batch",
    "BatchInfo",
    "BatchNotFound",
    "BatchNotInFlight",
    "BatchOfOtherEpoch",
    "BatchState",
    "CalibrationBin",
    "Cancelled",
    "Client",
    "DEFAULT_ADDRESS",
    "DataLoss",
    "DeadlineExceeded",
    "Duration",
    "Error",
    "EtagMismatch",
    "Evidence",
    "FailedPrecondition",
    "GroupInfo",
    "GroupReport",
    "GroupState",
    "HistogramBin",
    "ImportResult",
    "Internal",
    "InvalidArgument",
    "LabelShare",
    "Local",
    "LocalServer",
    "NotEnoughEligible",
    "NotFound",
    "OutageEvent",
    "OutageStats",
    "Overloaded",
    "PayloadsTooLarge",
    "PermissionDenied",
    "Policy",
    "PoolTooSmall",
    "Prompt",
    "PromptInfo",
    "PromptNotFound",
    "PromptNotInBatch",
    "PromptView",
    "Raise",
    "RefusedReport",
    "ReportResult",
    "Reporter",
    "ReportsRefused",
    "RequestIdReused",
    "ResourceExhausted",
    "Retry",
    "RewardRange",
    "RewardThreshold",
    "Run",
    "RunExists",
    "RunInfo",
    "RunNotFound",
    "RunStats",
    "SampledPrompt",
    "SeriesPoint",
    "ServerStartFailed",
    "StartingEvidence",
    "StorageFailed",
    "Tls",
    "Unauthenticated",
    "Unavailable",
    "Wait",
    "__version__",
    "plot",
    "to_pandas",
]
