"""What calls take and return: plain, frozen, picklable values.

Times are aware datetimes in UTC, durations are seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Union, overload

__all__ = [
    "Batch",
    "BatchInfo",
    "BatchState",
    "Evidence",
    "GroupInfo",
    "GroupReport",
    "GroupState",
    "ImportResult",
    "Policy",
    "Prompt",
    "PromptInfo",
    "PromptView",
    "ReportResult",
    "RewardRange",
    "RewardThreshold",
    "RunInfo",
    "SampledPrompt",
    "StartingEvidence",
]

Policy = Literal[
    "vade", "vade-variance", "greedy", "last-update", "uniform", "mopps"
]
PromptView = Literal[
    "enabled", "disabled", "in_flight", "never_solved", "never_dealt"
]
BatchState = Literal["in_flight", "completed", "released", "expired"]
GroupState = Literal["in_flight", "completed", "released", "expired"]


@dataclass(frozen=True)
class RewardRange:
    """success = (reward - min) / (max - min); rewards outside are refused."""

    min: float = 0.0
    max: float = 1.0


@dataclass(frozen=True)
class RewardThreshold:
    """success = 1 if reward >= threshold, else 0."""

    threshold: float


@dataclass(frozen=True)
class StartingEvidence:
    """A known or assumed pass rate, as evidence worth `weight` rollouts.

    Attributes:
        pass_rate: In [0, 1].
        weight: Rollouts, in [0, 1000000]. About 8 is what one group weighs.
    """

    pass_rate: float
    weight: float


@dataclass(frozen=True)
class Evidence:
    """Decayed successes and failures, both >= 0, in rollouts."""

    alpha: float
    beta: float


@dataclass(frozen=True)
class Prompt:
    """A prompt to import.

    Attributes:
        id: 1 to 256 bytes of UTF-8, unique in the run.
        payload: The row itself, up to 1 MiB: bytes as they are, a str as
            UTF-8, anything else as JSON. It comes back with a batch if asked
            for.
        labels: Up to 16, such as {"source": "gsm8k"}.
        disabled: A disabled prompt is not dealt.
        starting_evidence: Replaces the run's own; None: the run's own.
    """

    id: str
    payload: Any = b""
    labels: Mapping[str, str] = field(default_factory=dict)
    disabled: bool = False
    starting_evidence: StartingEvidence | None = None


@dataclass(frozen=True)
class PromptInfo:
    """A prompt with what the run knows of it.

    Attributes:
        posterior_mean: (alpha + 1) / (alpha + beta + 2).
        expected_egr: Probability that a group of the run's size would not be
            zero-variance.
        deal_count: Batches that dealt it.
        rollout_count: Rollouts with a reward, over all time.
        success_sum: The sum of their successes.
        last_batch: The newest batch that dealt it; "": none.
        last_dealt_clock: The run's clock at that batch.
        last_draw: What it was picked for; None once the batch is forgotten.
        last_score: The objective at last_draw.
        payload: b"" unless payloads were asked for.
        payload_bytes: The size of the payload, asked for or not.
    """

    id: str
    labels: Mapping[str, str]
    disabled: bool
    evidence: Evidence
    posterior_mean: float
    expected_egr: float
    deal_count: int
    rollout_count: int
    success_sum: float
    last_batch: str
    last_dealt_clock: float | None
    last_draw: float | None
    last_score: float | None
    in_flight: bool
    payload: bytes
    payload_bytes: int

    def json(self) -> Any:
        """The payload, parsed as JSON."""
        return json.loads(self.payload)


@dataclass(frozen=True)
class SampledPrompt:
    """A prompt of a batch, and why it was picked.

    Attributes:
        id: The prompt's id.
        draw: The pass rate drawn from the posterior (policies that do not
            draw: the posterior mean), in [0, 1].
        score: The objective there.
        posterior_mean: In (0, 1).
        expected_egr: Probability that the group will not be zero-variance.
        payload: b"" unless payloads were asked for.

    In a local batch (see `Batch.local`) the four numbers are NaN.
    """

    id: str
    draw: float
    score: float
    posterior_mean: float
    expected_egr: float
    payload: bytes = b""

    def json(self) -> Any:
        """The payload, parsed as JSON."""
        return json.loads(self.payload)


@dataclass(frozen=True)
class Batch(Sequence[SampledPrompt]):
    """Prompts sampled and leased together; a sequence of them, best first.

    Attributes:
        id: Give it back with the rewards.
        run: The run's id.
        prompts: The shard's part, if a shard was asked for.
        batch_size: Prompts of the whole batch.
        group_size: Rollouts to make of each prompt.
        expire_time: When the lease ends.
        clock: The run's clock at which the batch was sampled.
        expected_egr: The share of groups expected not to be zero-variance,
            over the whole batch.
        request_id: What the batch was asked for with.
        repeated_request: An earlier call with this request_id sampled it.
        local: Made on this side while no server answered: nothing is leased,
            nothing is known, and its rewards are no evidence.
    """

    id: str
    run: str
    prompts: tuple[SampledPrompt, ...]
    batch_size: int
    group_size: int
    expire_time: datetime
    clock: float
    expected_egr: float
    request_id: str
    repeated_request: bool = False
    local: bool = False

    def __len__(self) -> int:
        return len(self.prompts)

    def __iter__(self) -> Iterator[SampledPrompt]:
        return iter(self.prompts)

    @overload
    def __getitem__(self, index: int) -> SampledPrompt:
        ...

    @overload
    def __getitem__(self, index: slice) -> tuple[SampledPrompt, ...]:
        ...

    def __getitem__(
        self, index: int | slice
    ) -> SampledPrompt | tuple[SampledPrompt, ...]:
        return self.prompts[index]


@dataclass(frozen=True)
class GroupInfo:
    """The group of one prompt in a batch, as far as it was reported.

    Attributes:
        prompt: As dealt, without its payload.
        state: "in_flight", "completed", "released" or "expired".
        reward_count: Rollouts with a reward.
        success_sum: The sum of their successes.
        failed_count: Rollouts reported as failed.
        varied: Two different rewards were reported.
    """

    prompt: SampledPrompt
    state: GroupState
    reward_count: int
    success_sum: float
    failed_count: int
    varied: bool


@dataclass(frozen=True)
class BatchInfo:
    """A batch as the server remembers it.

    Attributes:
        state: "in_flight" (at least one group is), "completed", "released"
            (its groups in flight were, together) or "expired".
        end_time: None while in flight.
        groups: In the batch's order; empty in a list of batches.
    """

    id: str
    run: str
    state: BatchState
    batch_size: int
    group_size: int
    clock: float
    expected_egr: float
    request_id: str
    create_time: datetime
    expire_time: datetime
    end_time: datetime | None
    in_flight_count: int
    completed_count: int
    groups: tuple[GroupInfo, ...]


@dataclass(frozen=True)
class GroupReport:
    """Rollouts of one prompt's group: all of it or any part, in any order.

    Attributes:
        prompt: A prompt's id, or a prompt of a batch.
        rewards: A sequence or an array of numbers; None stands for a rollout
            that failed.
        indices: The place of each reward in the group, 0 to group_size - 1.
            None: all places in order, those in `failed` left out.
        failed: Places of rollouts that crashed, timed out or were aborted:
            they count towards the group's completion and are no evidence.
        final: No more rollouts of this group will come.
    """

    prompt: Union[str, SampledPrompt, PromptInfo, Prompt]
    rewards: Any = ()
    indices: Any = None
    failed: Any = ()
    final: bool = False


@dataclass(frozen=True)
class ReportResult:
    """What became of the rollouts of one call.

    Attributes:
        accepted_count: New, with a reward.
        failed_count: New, failed.
        duplicate_count: Reported before; they changed nothing.
        late_count: Of the new ones: the lease had ended, or a report had been
            final.
        superseded_count: Of the new ones: no evidence, since the prompt's
            evidence was set or the prompt was deleted meanwhile.
        completed_group_count: Groups that this call completed.
        zero_variance_group_count: Those of them that were zero-variance.
        journaled_count: Rollouts kept in this machine's journal, because no
            server answered; they are sent when one does.
        local_count: Rollouts of local batches: counted, sent nowhere.
    """

    accepted_count: int = 0
    failed_count: int = 0
    duplicate_count: int = 0
    late_count: int = 0
    superseded_count: int = 0
    completed_group_count: int = 0
    zero_variance_group_count: int = 0
    journaled_count: int = 0
    local_count: int = 0

    def __add__(self, other: ReportResult) -> ReportResult:
        if not isinstance(other, ReportResult):
            return NotImplemented
        mine, others = self.__dict__, other.__dict__
        return ReportResult(**{k: v + others[k] for k, v in mine.items()})


@dataclass(frozen=True)
class ImportResult:
    """What became of the prompts of an import."""

    created_count: int = 0
    updated_count: int = 0
    skipped_count: int = 0

    @property
    def count(self) -> int:
        """All prompts of the import."""
        return self.created_count + self.updated_count + self.skipped_count

    def __add__(self, other: ImportResult) -> ImportResult:
        if not isinstance(other, ImportResult):
            return NotImplemented
        mine, others = self.__dict__, other.__dict__
        return ImportResult(**{k: v + others[k] for k, v in mine.items()})


@dataclass(frozen=True)
class RunInfo:
    """A run with its settings, clock and counts.

    Attributes:
        lease_ttl: Seconds that a batch is in flight unless asked otherwise.
        retention_age: Seconds after which an ended batch is forgotten.
        etag: Changes with every update of the settings.
        epoch: Part of the names of the run's batches.
        clock: How many batches' worth of prompts the run has been dealt.
        batch_count: Batches sampled.
    """

    id: str
    display_name: str
    policy: str
    seed: int
    reward_rule: RewardRange | RewardThreshold
    selected_decay: float
    unselected_decay: float
    group_size: int
    reference_batch_size: int
    cooldown: float
    target_pass_rate: float
    lease_ttl: float
    starting_evidence: StartingEvidence | None
    retained_deals: int
    retention_age: float
    create_time: datetime
    update_time: datetime
    etag: str
    epoch: int
    clock: float
    batch_count: int
    prompt_count: int
    disabled_prompt_count: int
    in_flight_prompt_count: int
