"""Runs the comparisons, passes their JSON lines on, and writes RESULTS.md.
deploy/bench is what people call; it installs and builds first.

    bench.py --bin FOLDER [--only AREA[,AREA...]] [--quick | --full]
             [--results FILE]
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

from figures import end_on_signals

HERE = pathlib.Path(__file__).parent
TITLES = {
    "selection": "Selection, in the selector alone",
    "calls": "Calls, `--sync=never`",
    "durability": "Durable reports, `--sync=always`",
    "start": "Import, start and memory",
    "scale": "Many prompts",
    "redis": "A trainer's step in Python",
}


def commands(flags):
    """What is run for each area."""
    def script(name, *arguments):
        return [sys.executable, HERE / name, "--bin", flags.bin, *arguments]

    rounds = 3 if flags.quick else 5
    size = ["--quick"] if flags.quick else ["--full"] if flags.full else []
    seconds = 1 if flags.quick else 2
    calls = [flags.bin / "vade-rpc-benchmark", f"--rounds={rounds}",
             f"--seconds={seconds}"]
    durability = [flags.bin / "vade-durability-benchmark", f"--rounds={rounds}",
                  f"--seconds={seconds}"]
    slow_sync = flags.bin.resolve() / "libvade-slow-sync.so"
    slow_disk = ["env", f"LD_PRELOAD={slow_sync}"]
    starts = [script("compare_start.py", "--rounds", 3, "--prompts",
                     200_000 if flags.quick else 1_000_000)]
    if flags.full:
        starts.append(script("compare_start.py", "--rounds", 1, "--prompts",
                             10_000_000))
    scales = [script("measure_scale.py", "--deal", "--prompts",
                     1_000_000 if flags.quick else 10_000_000)]
    if flags.full:
        scales.append(script("measure_scale.py", "--prompts", 100_000_000))
    return {
        "selection": [script("compare_selection.py", "--rounds", rounds, *size)],
        "calls": [calls + (["--prompts=100000"] if flags.quick else [])],
        "durability": [durability,
                       slow_disk + durability + ["--suffix=_2_ms_disk"]],
        "start": starts,
        "scale": scales,
        "redis": [script("compare_redis.py", "--rounds", 4 * rounds)],
    }


def run(command):
    """Its figures, printed as they come; None if it failed."""
    command = [str(part) for part in command]
    figures = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                figures.append(json.loads(line))
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        print(f"bench: {' '.join(command)} failed", file=sys.stderr)
        return None
    return figures


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines
             if line.startswith("model name")]
    return names[0] if names else platform.machine()


def number(value):
    """Three digits that count, without an exponent."""
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"


def table(figures):
    lines = ["| figure | value | baseline | ratio | of rounds | compared with |",
             "|---|--:|--:|--:|--:|---|"]
    for figure in figures:
        context = figure["context"]
        spread = "-"
        if figure["ratio"] is not None:
            spread = (f"{number(context['lowest_ratio'])} to "
                      f"{number(context['highest_ratio'])}")
        lines.append(
            f"| `{figure['name']}` | {number(figure['value'])} {figure['unit']} "
            f"| {number(figure['baseline_value'])} | {number(figure['ratio'])} "
            f"| {spread} ({context['rounds']}) | {figure['baseline']} |")
    return lines


def section(flags, area, figures, load_before):
    """The part of the page that shows one area."""
    now = datetime.datetime.now(datetime.timezone.utc)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    words = ["deploy/bench", *flags.words]
    warning = []
    if load_before > os.cpu_count() / 2:
        warning = ["- **The machine had other work.** That costs what takes "
                   "long more than what is short, so ratios of a short "
                   "selection to a long one are too good."]
    return "\n".join([
        f"## {TITLES[area]}", "",
        f"- `{' '.join(words)}`, {now:%Y-%m-%d %H:%M} UTC",
        f"- {os.cpu_count()} cores of {processor()}, {memory:.0f} GiB; "
        f"{platform.system()} {platform.release()}, Python "
        f"{platform.python_version()}",
        f"- load before: {load_before:.1f}, after: {os.getloadavg()[0]:.1f} "
        "(our own included)", *warning, "", *table(figures)])


def page(measured, before):
    """All areas: those in `measured`, the others as `before` has them."""
    parts = [
        "# Results\n\n"
        "Written by `deploy/bench --write`, area by area; "
        "[README.md](README.md) says what is measured and what it means.\n\n"
        "Values are medians over the rounds, ratio is value / baseline: in "
        "`calls/s`, `reports/s` and `rollouts/s` more is better, in all other "
        "units less. `of rounds` is the lowest and the highest ratio of a "
        "round, and how many rounds there were."]
    kept = {part.splitlines()[0]: "## " + part.rstrip()
            for part in before.split("\n## ")[1:]}
    for area, title in TITLES.items():
        if area in measured:
            parts.append(measured[area])
        elif title in kept:
            parts.append(kept[title])
    return "\n\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--only", default=",".join(TITLES))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("words", nargs="*", help="of the caller, for the page")
    flags = parser.parse_args()
    end_on_signals()
    # Before the first area: what comes later is partly our own.
    load_before = os.getloadavg()[0]
    measured, failed = {}, False
    for area in flags.only.split(","):
        figures = []
        for command in commands(flags)[area]:
            more = run(command)
            failed = failed or more is None
            figures += more or []
        measured[area] = section(flags, area, figures, load_before)
    if flags.results and not failed:
        before = flags.results.read_text() if flags.results.exists() else ""
        flags.results.write_text(page(measured, before))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
