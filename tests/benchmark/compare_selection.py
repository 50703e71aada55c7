"""Selection of 512 prompts: the selector of a policy, numpy and torch, from
the same state and in turns.

    compare_selection.py --bin FOLDER [--rounds 5] [--quick | --full]
"""

import argparse
import contextlib
import pathlib
import sys
import tempfile

from figures import Measurer, end_on_signals, print_figure

BASELINE = pathlib.Path(__file__).parent / "baselines" / "selection.py"
LIBRARIES = {"numpy": "numpy Generator.beta + argpartition",
             "torch": "torch float64 Beta.sample + topk"}
COUNT = 512


def cases(flags):
    """(state, prompts, share that may be dealt, libraries)"""
    sizes = [10_000, 100_000] if flags.quick else [10_000, 100_000, 1_000_000]
    if flags.full:
        sizes += [10_000_000]
    for size in sizes:
        yield "trained", size, 1.0, list(LIBRARIES)
    if flags.full:
        # The arrays and temporaries of the libraries would not fit everywhere.
        yield "trained", 100_000_000, 1.0, []
    for size in sizes[1:3]:
        for state in ("fresh", "solved", "unsolved", "concentrated", "heavy"):
            yield state, size, 1.0, ["numpy"]
        for share in (0.5, 0.1, 0.03):
            yield "trained", size, share, ["numpy"]


def in_turns(ours, others, rounds, milliseconds):
    """Microseconds of each, round by round, after one that does not count."""
    measurers = [ours, *others]
    results = [[] for _ in measurers]
    for turn in range(-1, rounds):
        order = range(len(measurers))
        for i in order if turn % 2 else reversed(order):
            value = measurers[i].measure(milliseconds)
            if turn >= 0:
                results[i].append(value)
    return results[0], results[1:]


def compare(flags, state, prompts, share, libraries, path):
    name = f"select_{COUNT}_of_{prompts}_{state}"
    if share < 1:
        name += f"_{share * 100:.0f}_percent_free"
    command = [flags.bin / "vade-selection-comparison", "--state", state,
               "--prompts", prompts, "--count", COUNT, "--free-share", share,
               "--policy", flags.policy]
    if libraries:
        command += ["--write", path]
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(Measurer(*command))
        others = [stack.enter_context(
            Measurer(sys.executable, BASELINE, library, path, COUNT))
                  for library in libraries]
        rounds, other_rounds = in_turns(
            ours, others, flags.rounds, 300 if flags.quick else 1000)
    context = {"prompts": prompts, "free_share": share, "state": state}
    if not libraries:
        print_figure(name, "us", "none", rounds, [], **context)
    for library, baseline_rounds in zip(libraries, other_rounds):
        print_figure(f"{name}_{library}", "us", LIBRARIES[library], rounds,
                     baseline_rounds, **context)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--policy", default="vade")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    flags = parser.parse_args()
    end_on_signals()
    with tempfile.TemporaryDirectory(prefix="vade-bench-") as folder:
        path = pathlib.Path(folder) / "state"
        for case in cases(flags):
            compare(flags, *case, path)


if __name__ == "__main__":
    main()
