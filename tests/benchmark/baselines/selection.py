"""Selects prompts as one does without VADE: a draw for every prompt, then the
best of them.

    selection.py numpy|torch STATE_FILE COUNT

Reads a state that vade-selection-comparison wrote, and measures on demand as
that does: a line of stdin is a number of milliseconds, a line of stdout the
median of the selections in that time, in microseconds. The state is faded to
now beforehand and lies in arrays as each library likes it best.
"""

import statistics
import sys
import time

import numpy as np


def read_state(path):
    """Evidence of the prompts that may be dealt: successes, failures."""
    prompts, free = np.fromfile(path, dtype=np.uint64, count=2)
    pairs = np.fromfile(path, dtype=np.float64, offset=16, count=2 * int(free))
    pairs = pairs.reshape(int(free), 2)
    return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])


def numpy_selector(alpha, beta, count):
    generator = np.random.default_rng(1)
    alpha, beta = alpha + 1, beta + 1

    def select():
        draws = generator.beta(alpha, beta)
        scores = draws * (1 - draws) ** 2
        if count >= len(scores):
            return np.argsort(-scores)
        best = np.argpartition(-scores, count)[:count]
        return best[np.argsort(-scores[best])]

    return select


def torch_selector(alpha, beta, count):
    import torch

    torch.manual_seed(1)
    posterior = torch.distributions.Beta(
        torch.from_numpy(alpha + 1), torch.from_numpy(beta + 1),
        validate_args=False)

    def select():
        draws = posterior.sample()
        scores = draws * (1 - draws) ** 2
        return torch.topk(scores, min(count, len(scores))).indices

    return select


def main():
    library, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    make = {"numpy": numpy_selector, "torch": torch_selector}[library]
    select = make(*read_state(path), count)
    print("ready", flush=True)
    for line in sys.stdin:
        end = time.perf_counter() + float(line) / 1000
        times = []
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            select()
            times.append((time.perf_counter() - start) * 1e6)
        print(statistics.median(times), flush=True)


if __name__ == "__main__":
    main()
