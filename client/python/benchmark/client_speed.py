"""Measures the client against a server of its own on this machine.

    python benchmark/client_speed.py [--sync always] [--seconds 3]

Prints a table; asserts nothing. Everything shares the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import vade
import vade.aio

GROUP = [1.0, 0.0] * 4


def new_run(client: vade.Client, name: str, prompts: int) -> vade.Run:
    run = client.create_run(name, seed=1, lease_ttl=3600)
    run.import_prompts(f"p{i}" for i in range(prompts))
    return run


def sample_times(run: vade.Run, size: int, count: int) -> list[float]:
    """Milliseconds of each of `count` calls."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        batch = run.next_batch(size)
        times.append((time.perf_counter() - start) * 1000)
        run.report_groups(batch, ((p, GROUP) for p in batch))
    return times


def rate(seconds: float, work: Callable[[], int]) -> float:
    """What `work` counts, a second."""
    start = time.perf_counter()
    count = 0
    while time.perf_counter() - start < seconds:
        count += work()
    return count / (time.perf_counter() - start)


def whole_batches(run: vade.Run) -> int:
    batch = run.next_batch(512)
    run.report_groups(batch, ((p, GROUP) for p in batch))
    return 512 * 8


def reporter_rate(run: vade.Run, seconds: float) -> float:
    """Single rollouts of 4 threads through one reporter, durable."""
    with run.reporter(max_rollouts=2048) as reporter:

        def work() -> int:
            batch = run.next_batch(512)

            def part(index: int) -> None:
                for prompt in batch[index::4]:
                    for i, reward in enumerate(GROUP):
                        reporter.report(batch, prompt, [reward], indices=[i])

            with ThreadPoolExecutor(4) as pool:
                list(pool.map(part, range(4)))
            reporter.flush()
            return 512 * 8

        return rate(seconds, work)


def single_rate(run: vade.Run, seconds: float) -> float:
    """One rollout a call, one thread."""
    batch = run.next_batch(512, lease_ttl=3600)
    places = itertools.cycle((p, i) for p in batch for i in range(8))

    def work() -> int:
        prompt, i = next(places)
        run.report(batch, prompt, [1.0], indices=[i])
        return 1

    return rate(seconds, work)


async def async_rate(address: str, run_id: str, seconds: float) -> float:
    """One prompt a call, 64 tasks that sample and report."""
    async with vade.aio.Client(address) as client:
        run = client.run(run_id)
        end = time.perf_counter() + seconds
        count = 0

        async def work() -> None:
            nonlocal count
            while time.perf_counter() < end:
                batch = await run.next_batch(1)
                await run.report(batch, batch[0], GROUP)
                count += 2

        await asyncio.gather(*(work() for _ in range(64)))
        return count / seconds


def import_rate(client: vade.Client, prompts: int) -> float:
    start = time.perf_counter()
    new_run(client, "import", prompts)
    return prompts / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sync", default="always")
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    seconds = arguments.seconds
    with vade.LocalServer(sync=arguments.sync) as server:
        with server.client() as client:
            run = new_run(client, "speed", 100_000)
            times = sample_times(run, 512, 200)
            cuts = statistics.quantiles(times, n=100)
            rows = [
                (
                    "`next_batch(512)` of 100 000 prompts, p50 / p99",
                    f"{cuts[49]:.1f} / {cuts[98]:.1f} ms",
                )
            ]
            figures = [
                (
                    "sample and report batches of 512 x 8",
                    rate(seconds, lambda: whole_batches(run)),
                    "rewards/s",
                ),
                (
                    "single rollouts, 4 threads, one reporter, flushed",
                    reporter_rate(run, seconds),
                    "rewards/s",
                ),
                (
                    "one rollout a call, one thread",
                    single_rate(run, seconds),
                    "calls/s",
                ),
                (
                    "sample or report one prompt, 64 tasks",
                    asyncio.run(async_rate(server.address, run.id, seconds)),
                    "calls/s",
                ),
                (
                    "import of 200 000 prompts",
                    import_rate(client, 200_000),
                    "prompts/s",
                ),
            ]
            rows += [(name, f"{x:,.0f} {unit}") for name, x, unit in figures]
    for name, figure in rows:
        print(f"| {name} | {figure.replace(',', ' ')} |")


if __name__ == "__main__":
    main()
