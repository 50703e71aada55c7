"""Looking at runs: tables of pandas, plots of matplotlib.

    vade.to_pandas(run).sort_values("posterior_mean")
    vade.plot(run).savefig("run.png")

pandas and matplotlib are imported when they are used; the package does not
depend on them.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from vade.errors import refuse
from vade.options import Duration
from vade.records import Evidence, SampledPrompt
from vade.run import Run
from vade.stats import RunStats, SeriesPoint

__all__ = ["plot", "to_pandas"]

# Points of a line before it is averaged over neighbours.
_MOST_POINTS = 60

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#d9741a", "#8a8a8a"


def to_pandas(
    source: object, *, payloads: bool = False, timeout: Duration | None = None
) -> Any:
    """A pandas.DataFrame of records, one row each.

    Args:
        source: A run (all its prompts), its statistics (one row for each
            stretch of the clock), a batch, or any iterable of records of one
            kind, such as run.batches() or client.list_runs().
        payloads: For a run: with the prompts' payloads.
        timeout: For a run: seconds of the stream. None: no end.

    Prompts are indexed by id. Evidence becomes the columns `alpha` and
    `beta`; each label key k a column `label.k`. Payloads are left out where
    none came.

    Raises:
        ImportError: pandas is not installed.
        InvalidArgument: `source` is nothing of these.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "vade.to_pandas needs pandas; install it (pip install pandas)"
        ) from error
    if isinstance(source, Run):
        source = source.prompts(payloads=payloads, timeout=timeout)
    if isinstance(source, RunStats):
        source = source.series
    if not isinstance(source, Iterable) or isinstance(source, (str, bytes)):
        raise refuse("source", source, "give a run, its stats, or records")
    rows = [_row(f"source[{i}]", record) for i, record in enumerate(source)]
    if not any(row.get("payload") for row in rows):
        for row in rows:
            row.pop("payload", None)
    frame = pandas.DataFrame(rows)
    return frame.set_index("id") if "id" in frame.columns else frame


def _row(argument: str, record: object) -> dict[str, Any]:
    if not dataclasses.is_dataclass(record) or isinstance(record, type):
        raise refuse(argument, record, "give records of this package")
    row: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Evidence):
            row["alpha"], row["beta"] = value.alpha, value.beta
        elif isinstance(value, SampledPrompt):
            row.update(_row(argument, value))
        elif field.name == "labels" and isinstance(value, Mapping):
            row.update({f"label.{k}": v for k, v in value.items()})
        else:
            row[field.name] = value
    return row


def plot(
    source: Union[Run, RunStats, Sequence[RunStats]],
    *,
    timeout: Duration | None = None,
) -> Any:
    """A matplotlib Figure of how a run fares: pass rates, effective gradient
    ratio by clock, calibration, re-deals.

    A figure of its own, not one of pyplot's; a notebook shows it, and
    `savefig` writes it.

    Args:
        source: A run, its statistics, or the statistics of one run at several
            times (as `Run.watch` yields them), which show how the pass rates
            moved.
        timeout: For a run: seconds of the call.

    Raises:
        ImportError: matplotlib is not installed.
        InvalidArgument: `source` is nothing of these.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "vade.plot needs matplotlib; install it (pip install matplotlib)"
        ) from error

    class RunFigure(Figure):  # type: ignore[misc]
        """Shows itself in a notebook, whatever the backend."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png")
            return buffer.getvalue()

    history = _history(source, timeout)
    newest = history[-1]
    figure = RunFigure(figsize=(11, 7.5), layout="constrained")
    axes = figure.subplots(2, 2)
    figure.suptitle(
        f"run {newest.run}: clock {newest.clock:,.0f}, "
        f"{newest.prompt_count:,} prompts, {newest.rollout_count:,} rollouts"
    )
    _plot_pass_rates(axes[0, 0], history)
    _plot_egr(axes[0, 1], newest)
    _plot_calibration(axes[1, 0], newest)
    _plot_redeals(axes[1, 1], newest)
    for one in axes.flat:
        one.spines[["top", "right"]].set_visible(False)
    return figure


def _history(source: object, timeout: Duration | None) -> list[RunStats]:
    """Statistics of one run, oldest first."""
    if isinstance(source, Run):
        return [source.stats(timeout=timeout)]
    if isinstance(source, RunStats):
        return [source]
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes)):
        history = list(source)
        if history and all(isinstance(one, RunStats) for one in history):
            if len({one.run for one in history}) == 1:
                return sorted(history, key=lambda one: one.clock)
    raise refuse("source", source, "give a run, or RunStats of one run")


def _plot_pass_rates(axes: Any, history: Sequence[RunStats]) -> None:
    """Posterior means of all prompts: now, or over the clock."""
    from matplotlib.colors import PowerNorm

    newest = history[-1]
    clocks = [stats.clock for stats in history]
    axes.set_title("posterior mean pass rate of the prompts")
    if len(set(clocks)) < 3:
        bins = newest.pass_rate_histogram
        axes.bar(
            [one.start for one in bins],
            [one.count for one in bins],
            width=[one.end - one.start for one in bins],
            align="edge",
            color=_BLUE,
            edgecolor="white",
        )
        axes.set(xlabel="posterior mean", ylabel="prompts", xlim=(0, 1))
        return
    kept = {stats.clock: stats for stats in history}
    shares = [_shares(stats) for stats in kept.values()]
    edges = [one.start for one in newest.pass_rate_histogram] + [1.0]
    clock_edges = [0.0, *kept]
    if min(kept) == 0.0:
        clock_edges = [*kept, 2 * max(kept) - sorted(kept)[-2]]
    # Before the first rewards all prompts are in one bin, which would leave
    # the rest pale.
    mesh = axes.pcolormesh(
        clock_edges,
        edges,
        list(zip(*shares)),
        cmap="Blues",
        norm=PowerNorm(0.5, vmin=0.0, vmax=1.0),
    )
    axes.figure.colorbar(mesh, ax=axes, label="share of the prompts")
    axes.set(xlabel="clock", ylabel="posterior mean")


def _shares(stats: RunStats) -> list[float]:
    total = sum(one.count for one in stats.pass_rate_histogram) or 1
    return [one.count / total for one in stats.pass_rate_histogram]


def _merged(series: Sequence[SeriesPoint]) -> list[SeriesPoint]:
    """Neighbours together, so that a line is not all noise."""
    size = -(-len(series) // _MOST_POINTS) or 1
    merged = []
    for start in range(0, len(series), size):
        part = series[start : start + size]
        merged.append(
            SeriesPoint(
                start_clock=part[0].start_clock,
                end_clock=part[-1].end_clock,
                deal_count=sum(p.deal_count for p in part),
                group_count=sum(p.group_count for p in part),
                effective_group_count=sum(
                    p.effective_group_count for p in part
                ),
                rollout_count=sum(p.rollout_count for p in part),
                success_sum=sum(p.success_sum for p in part),
                expected_effective_group_sum=sum(
                    p.expected_effective_group_sum for p in part
                ),
            )
        )
    return merged


def _plot_egr(axes: Any, stats: RunStats) -> None:
    points = _merged(stats.series)
    done = [p for p in points if p.group_count]
    dealt = [p for p in points if p.deal_count]

    def middle(point: SeriesPoint) -> float:
        return (point.start_clock + point.end_clock) / 2

    axes.plot(
        [middle(p) for p in dealt],
        [p.expected_effective_group_sum / p.deal_count for p in dealt],
        color=_ORANGE,
        linestyle="--",
        label="expected",
    )
    axes.plot(
        [middle(p) for p in done],
        [p.effective_group_count / p.group_count for p in done],
        color=_BLUE,
        label="observed",
    )
    axes.plot(
        [middle(p) for p in done],
        [p.success_sum / max(1, p.rollout_count) for p in done],
        color=_GREY,
        linewidth=1,
        label="mean success",
    )
    axes.set_title(
        f"effective gradient ratio: {stats.effective_gradient_ratio:.1%}, "
        f"expected {stats.expected_egr:.1%}"
    )
    axes.set(xlabel="clock", ylabel="share", ylim=(0, 1))
    axes.legend(frameon=False, loc="lower right")


def _plot_calibration(axes: Any, stats: RunStats) -> None:
    bins = [one for one in stats.calibration if one.rollout_count]
    most = max((one.rollout_count for one in bins), default=1)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1)
    axes.scatter(
        [one.predicted_pass_rate for one in bins],
        [one.observed_pass_rate for one in bins],
        s=[15 + 185 * one.rollout_count / most for one in bins],
        color=_BLUE,
        alpha=0.8,
    )
    axes.set_title(f"calibration: Brier score {stats.brier_score:.3f}")
    axes.set(
        xlabel="posterior mean at the deal",
        ylabel="observed pass rate",
        xlim=(0, 1),
        ylim=(0, 1),
    )


def _plot_redeals(axes: Any, stats: RunStats) -> None:
    bins = [one for one in stats.redeal_intervals if one.count]
    axes.bar(
        range(len(bins)),
        [one.count for one in bins],
        color=_BLUE,
        edgecolor="white",
    )
    labels = [f"{one.start:g} to {one.end:g}" for one in bins]
    axes.set_xticks(range(len(bins)), labels, rotation=40, ha="right")
    axes.set_title(
        f"dealt at least once: {stats.ever_dealt_share:.1%}, "
        f"recently: {stats.recently_dealt_share:.1%}"
    )
    axes.set(xlabel="clock between two deals of a prompt", ylabel="deals")
