"""Trains with several samplers and seeds, and writes a table and plots."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

import vade
from curves import plot_curves, value_at
from rollout_workers import RolloutWorkers, Task
from training import SAMPLERS, Point, Result, Settings, train

__all__ = ["main", "read_results", "table"]

# Not one of the seeds: they differ in what is dealt and drawn alone.
_WARM_START_SEED = 100


def main(
    make_task: Callable[[argparse.Namespace], Task],
    name: str,
    description: str | None,
    defaults: Settings,
    own: argparse.ArgumentParser | None = None,
) -> None:
    """The command line of an example: trains, writes, prints the table.

    Args:
        make_task: Of the options.
        name: The task's.
        description: For --help.
        own: Flags of this example alone; made with add_help=False.
    """
    parents = [] if own is None else [own]
    parser = _parser(name, description, defaults, parents)
    options = parser.parse_args()
    problem = _problem(options)
    if problem:
        parser.error(problem)
    task = make_task(options)
    torch.set_num_threads(1)
    settings = _settings(options)
    earlier = read_results(options.out, name)
    if earlier and earlier[0].settings != settings:
        parser.error(
            f"--out: {options.out} has results of {earlier[0].settings}, "
            "which cannot be compared; give another folder"
        )
    options.out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        address = options.address
        if address is None:
            server = stack.enter_context(vade.LocalServer())
            address = server.address
        client = stack.enter_context(vade.Client(address))
        workers = stack.enter_context(
            RolloutWorkers(task, options.workers, address)
        )
        start = _warm_start(task, settings)
        for seed in options.seeds:
            for name in options.samplers:
                result = _train(
                    task, start, name, seed, settings, client, workers
                )
                _write(result, options.out)
    results = read_results(options.out, task.name)
    print(table(results))
    if importlib.util.find_spec("matplotlib") is None:
        _say("no plots: matplotlib is not installed")
    else:
        plot_curves(results, options.out / f"{task.name}.png")
    print(f"\nresults: {options.out}")


def _parser(
    name: str,
    description: str | None,
    defaults: Settings,
    parents: Sequence[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description,
        parents=parents,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--samplers",
        nargs="+",
        default=list(SAMPLERS),
        choices=list(SAMPLERS),
        help="default: all",
    )
    add("--seeds", nargs="+", type=int, default=[1, 2, 3])
    add("--rollouts", type=int, default=defaults.rollouts, help="of each run")
    add("--batch-size", type=int, default=defaults.batch_size)
    add("--group-size", type=int, default=defaults.group_size)
    add("--learning-rate", type=float, default=defaults.learning_rate)
    add(
        "--validation-interval",
        type=int,
        default=defaults.validation_interval,
        help="steps",
    )
    add(
        "--warm-start-steps",
        type=int,
        default=defaults.warm_start_steps,
        help="supervised ones, before the first rollout",
    )
    add("--workers", type=int, default=2, help="rollout processes")
    add("--address", help="a server that runs; default: one of its own")
    add(
        "--out",
        type=Path,
        default=Path(f"{name}-results"),
        help="folder; results of earlier runs in it join the table",
    )
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    """Of the options; results are compared only where these are equal."""
    return Settings(
        rollouts=options.rollouts,
        batch_size=options.batch_size,
        group_size=options.group_size,
        learning_rate=options.learning_rate,
        validation_interval=options.validation_interval,
        warm_start_steps=options.warm_start_steps,
    )


def _problem(options: argparse.Namespace) -> str:
    """What is wrong with the options; "": nothing."""
    least = {
        "rollouts": 1,
        "batch_size": 1,
        "group_size": 2,
        "validation_interval": 1,
        "warm_start_steps": 0,
        "workers": 1,
    }
    for name, bound in least.items():
        value = getattr(options, name)
        if value < bound:
            flag = "--" + name.replace("_", "-")
            return f"{flag}: give {bound} or more; got {value}"
    if not options.learning_rate > 0:
        given = options.learning_rate
        return f"--learning-rate: give more than 0; got {given}"
    if options.workers > options.group_size:
        return (
            f"--workers: workers share each group of {options.group_size} "
            f"rollouts, so give at most that many; got {options.workers}"
        )
    return ""


def _warm_start(task: Task, settings: Settings) -> dict[str, torch.Tensor]:
    """The weights that every sampler starts from, with every seed."""
    _say(f"{task.name}: warm start")
    policy = task.new_policy(_WARM_START_SEED)
    task.warm_start(policy, _WARM_START_SEED, settings.warm_start_steps)
    return policy.state_dict()


def _train(
    task: Task,
    start: dict[str, torch.Tensor],
    sampler: str,
    seed: int,
    settings: Settings,
    client: vade.Client,
    workers: RolloutWorkers,
) -> Result:
    policy = task.new_policy(seed)
    policy.load_state_dict(start)
    run = client.create_run(
        f"{task.name}-{sampler}-{seed}",
        policy=SAMPLERS[sampler].policy,
        group_size=settings.group_size,
        seed=seed,
        # Waves of any size make evidence fade alike.
        reference_batch_size=settings.batch_size,
    )
    run.import_prompts(task.prompts())
    result = train(
        task,
        policy,
        sampler,
        settings,
        seed,
        run,
        workers,
        on_point=lambda point: _show(task, point),
    )
    _say(
        f"{task.name} {sampler} seed {seed}: EGR {result.egr:.3f}, pass rate "
        f"{_headline(task, result.points[0]):.3f} -> "
        f"{_headline(task, result.points[-1]):.3f}, "
        f"{result.seconds:.0f} s"
    )
    return result


def _headline(task: Task, point: Point) -> float:
    """The pass rate that comes first."""
    return point.pass_rates[task.measures[0]]


def _show(task: Task, point: Point) -> None:
    """Progress, on a terminal."""
    if sys.stderr.isatty() and point.pass_rates:
        text = f"step {point.step}, {point.rollouts} rollouts, pass rate "
        _say(f"  {text}{_headline(task, point):.3f}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _write(result: Result, folder: Path) -> None:
    """One file a run; whole or not there."""
    path = folder / f"{result.task}-{result.sampler}-{result.seed}.json"
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(dataclasses.asdict(result)))
    os.replace(draft, path)


def read_results(folder: Path, task: str) -> list[Result]:
    """The results of a task, samplers in the order of SAMPLERS.

    Raises:
        SystemExit: They were made with different settings.
    """
    results = []
    for sampler in SAMPLERS:
        for path in sorted(folder.glob(f"{task}-{sampler}-*.json")):
            result = _parse(json.loads(path.read_text()))
            if result.sampler == sampler:
                results.append(result)
            if results and result.settings != results[0].settings:
                sys.exit(
                    f"{path} was made with {result.settings}, "
                    f"others there with {results[0].settings}: they cannot "
                    "be compared; give another folder as --out"
                )
    return results


def _parse(fields: dict[str, Any]) -> Result:
    fields["settings"] = Settings(**fields["settings"])
    fields["points"] = [Point(**point) for point in fields["points"]]
    return Result(**fields)


def table(results: Sequence[Result]) -> str:
    """Markdown: a row for each sampler, mean and deviation over seeds."""
    rollouts = results[0].settings.rollouts
    steps = min(result.points[-1].step for result in results)
    measures = results[0].measures
    titles = ["sampler", "EGR", "expected EGR", "ever dealt", "steps"]
    titles.append(f"{measures[0]}, step {steps}")
    titles += [f"{measure}, {rollouts} rollouts" for measure in measures]
    rule = "|---" + "|---:" * (len(titles) - 1) + "|"
    lines = ["| " + " | ".join(titles) + " |", rule]
    for name, group in by_sampler(results):
        columns = [
            [r.egr for r in group],
            [r.expected_egr for r in group],
            [r.ever_dealt_share for r in group],
            [float(r.points[-1].step) for r in group],
            [value_at(r.points, measures[0], "step", steps) for r in group],
        ]
        columns += [
            [value_at(r.points, measure, "rollouts", rollouts) for r in group]
            for measure in measures
        ]
        cells = [_mean(column) for column in columns]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    first = {r.seed: r.points[0].pass_rates for r in results}
    starts = [
        f"{measure} {_mean([rates[measure] for rates in first.values()])}"
        for measure in measures
    ]
    lines.append("")
    lines.append(
        f"Pass rates after the warm start: {', '.join(starts)}. Mean ± "
        f"standard deviation over seeds {sorted(first)}."
    )
    return "\n".join(lines)


def by_sampler(
    results: Sequence[Result],
) -> Iterator[tuple[str, list[Result]]]:
    """The results of each sampler that has any."""
    for name in SAMPLERS:
        group = [result for result in results if result.sampler == name]
        if group:
            yield name, group


def _mean(values: list[float]) -> str:
    """Mean and deviation, with the decimals that the size asks for."""
    decimals = 0 if max(values) > 10 else 3
    text = f"{statistics.fmean(values):.{decimals}f}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values):.{decimals}f}"
    return text
