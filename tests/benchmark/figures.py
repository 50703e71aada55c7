"""What the comparisons of this folder share: figures as JSON lines, processes
that measure when they are told to, and an end that leaves nothing behind.
"""

import json
import signal
import statistics
import subprocess
import sys


def end_on_signals():
    """Has SIGTERM and SIGINT end the program by way of its `with` blocks, and
    so of what it started."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def print_figure(name, unit, baseline, rounds, baseline_rounds, **context):
    """One JSON line; the values are medians over the rounds."""
    value = statistics.median(rounds)
    figure = {"name": name, "value": value, "unit": unit, "baseline": baseline}
    if baseline_rounds:
        baseline_value = statistics.median(baseline_rounds)
        figure["baseline_value"] = baseline_value
        figure["ratio"] = value / baseline_value
        ratios = [a / b for a, b in zip(rounds, baseline_rounds)]
        context = {"rounds": len(rounds), "lowest_ratio": min(ratios),
                   "highest_ratio": max(ratios), **context}
    else:
        figure["baseline_value"] = figure["ratio"] = None
        context = {"rounds": len(rounds), **context}
    figure["context"] = context
    print(json.dumps(figure), flush=True)


class Measurer:
    """A process that measures for the milliseconds that a line of its stdin
    says, and answers with a number. Ends with the `with` block.
    """

    def __init__(self, *command):
        self._command = [str(part) for part in command]

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        if self._read() != "ready":
            sys.exit(f"{self._command[0]} does not start")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def measure(self, milliseconds):
        self._process.stdin.write(f"{milliseconds}\n")
        self._process.stdin.flush()
        return float(self._read())

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{' '.join(self._command)} has ended")
        return line.strip()
