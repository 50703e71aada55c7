"""Plots of results: EGR and pass rates, by step and by rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from training import SAMPLERS, Point, Result

__all__ = ["plot_curves", "value_at"]

Axis = Literal["step", "rollouts"]

_SMOOTHED_STEPS = 10


def value_at(
    points: Sequence[Point], measure: str, axis: Axis, place: float
) -> float:
    """A pass rate at a step or at a number of rollouts.

    Between two validations it is interpolated.
    """
    tested = [point for point in points if point.pass_rates]
    places = [getattr(point, axis) for point in tested]
    values = [point.pass_rates[measure] for point in tested]
    return float(np.interp(place, places, values))


def plot_curves(results: Sequence[Result], path: Path) -> None:
    """Writes a PNG: three plots, one line a sampler, the mean over seeds.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.6), dpi=70)
    for number, name in enumerate(SAMPLERS):
        group = [result for result in results if result.sampler == name]
        if group:
            style = {
                "color": f"C{number}",
                "label": name,
                "linestyle": "--" if SAMPLERS[name].filtered else "-",
            }
            _plot_egr(axes[0], group, style)
            _plot_pass_rates(axes[1], group, "step", style)
            _plot_pass_rates(axes[2], group, "rollouts", style)
    axes[0].set(title="EGR of what was rolled out", xlabel="rollouts")
    title = f"pass rate, {results[0].measures[0]}"
    axes[1].set(title=title, xlabel="step")
    axes[2].set(title=title, xlabel="rollouts")
    for plot in axes:
        plot.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.suptitle(f"{results[0].task}, mean over seeds")
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def _plot_egr(plot: Any, group: list[Result], style: dict[str, str]) -> None:
    """Share of effective groups, over the last steps together."""
    lines = []
    most = group[0].settings.rollouts
    grid = np.linspace(0, most, 100)
    for result in group:
        points = result.points
        rollouts = np.array([p.rollouts for p in points])
        groups = np.cumsum([p.groups for p in points])
        effective = np.cumsum([p.effective_groups for p in points])
        before = np.maximum(np.arange(len(points)) - _SMOOTHED_STEPS, 0)
        share = (effective - effective[before])[1:] / (
            (groups - groups[before])[1:]
        )
        lines.append(np.interp(grid, rollouts[1:], share))
    plot.plot(grid, np.mean(lines, axis=0), **style)


def _plot_pass_rates(
    plot: Any, group: list[Result], axis: Axis, style: dict[str, str]
) -> None:
    """The mean, as far as all seeds have come, and their range."""
    most = min(getattr(result.points[-1], axis) for result in group)
    grid = np.linspace(0, most, 60)
    lines = [
        [
            value_at(result.points, result.measures[0], axis, place)
            for place in grid
        ]
        for result in group
    ]
    plot.plot(grid, np.mean(lines, axis=0), **style)
    plot.fill_between(
        grid,
        np.min(lines, axis=0),
        np.max(lines, axis=0),
        color=style["color"],
        alpha=0.1,
        linewidth=0,
    )
