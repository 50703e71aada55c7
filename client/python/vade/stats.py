"""The statistics of a run, field by field as stats.proto has them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = [
    "CalibrationBin",
    "HistogramBin",
    "LabelShare",
    "RunStats",
    "SeriesPoint",
]


@dataclass(frozen=True)
class SeriesPoint:
    """One stretch of the run's clock: [start_clock, end_clock).

    Attributes:
        group_count: Groups of its batches that completed with a reward.
        effective_group_count: Those that were not zero-variance.
        expected_effective_group_sum: Expected ones, summed over the deals.
    """

    start_clock: float
    end_clock: float
    deal_count: int
    group_count: int
    effective_group_count: int
    rollout_count: int
    success_sum: float
    expected_effective_group_sum: float


@dataclass(frozen=True)
class CalibrationBin:
    """Rollouts whose prompt had a posterior mean in [i / 10, (i + 1) / 10).

    Attributes:
        predicted_pass_rate: Mean of the posterior means at the deal.
        observed_pass_rate: Mean of the successes.
    """

    rollout_count: int
    predicted_pass_rate: float
    observed_pass_rate: float


@dataclass(frozen=True)
class HistogramBin:
    """How many fell into [start, end)."""

    start: float
    end: float
    count: int


@dataclass(frozen=True)
class LabelShare:
    """One label's share of the prompts and of the deals, in [0, 1]."""

    key: str
    value: str
    prompt_count: int
    deal_count: int
    pool_share: float
    deal_share: float
    ever_dealt_share: float


@dataclass(frozen=True)
class RunStats:
    """The statistics of a run.

    Attributes:
        run: The run's id.
        effective_gradient_ratio: Share of the complete groups that were not
            zero-variance.
        expected_egr: The mean expected one over all deals, to compare.
        mean_pass_rate: Mean success over all rollouts.
        brier_score: Mean squared difference of the posterior mean at the deal
            and the success, in [0, 1].
        calibration: 10 bins.
        pass_rate_histogram: Posterior means of all prompts now, 20 bins.
        series: At most 256 points.
        ever_dealt_share: Share of prompts dealt at least once.
        recently_dealt_share: Share dealt within the newest N deals, N the
            number of prompts.
        never_solved_deal_share: Share of deals of prompts that had been
            rolled out and never solved.
        redeal_intervals: Clock distance between two deals of a prompt.
        labels: The 256 labels with the most prompts.
    """

    run: str
    time: datetime
    clock: float
    prompt_count: int
    disabled_prompt_count: int
    in_flight_prompt_count: int
    in_flight_batch_count: int
    batch_count: int
    deal_count: int
    rollout_count: int
    failed_rollout_count: int
    duplicate_rollout_count: int
    late_rollout_count: int
    superseded_rollout_count: int
    expired_group_count: int
    released_group_count: int
    failed_group_count: int
    group_count: int
    effective_group_count: int
    effective_gradient_ratio: float
    expected_egr: float
    mean_pass_rate: float
    brier_score: float
    calibration: tuple[CalibrationBin, ...]
    pass_rate_histogram: tuple[HistogramBin, ...]
    series: tuple[SeriesPoint, ...]
    ever_dealt_share: float
    recently_dealt_share: float
    never_solved_deal_share: float
    never_solved_prompt_count: int
    redeal_intervals: tuple[HistogramBin, ...]
    mean_redeal_interval: float
    labels: tuple[LabelShare, ...]
    omitted_label_count: int
