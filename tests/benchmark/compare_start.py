"""Import of prompts, memory, and a start after kill -9 until everything is
served again: vade-server beside a Redis that keeps two numbers a prompt.

    compare_start.py --bin FOLDER [--rounds 3] [--prompts 1000000]
"""

import argparse
import itertools
import pathlib
import tempfile
import time

from figures import end_on_signals, print_figure
from redis_server import RedisServer
from vade_server import VadeServer, messages

BASELINE = "Redis 7, two hashes of a number each, append-only file"


def import_to_vade(server, prompts):
    request = messages("run_pb2").CreateRunRequest(run_id="benchmark")
    server.call("CreateRun", request)
    server.import_prompts("runs/benchmark",
                          (f"prompt-{i:08d}" for i in range(prompts)))


def import_to_redis(server, prompts):
    with server.client.pipeline(transaction=False) as pipe:
        ids = (f"prompt-{i:08d}" for i in range(prompts))
        while chunk := dict.fromkeys(itertools.islice(ids, 10_000), 0):
            pipe.hset("alpha", mapping=chunk).hset("beta", mapping=chunk)
            pipe.execute()


def seconds(work, *arguments):
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def measure(server, import_prompts, prompts):
    """Import and start in seconds, memory before and after it in bytes."""
    imported = seconds(import_prompts, server, prompts)
    memory = server.resident_bytes()
    server.kill()
    started = seconds(server.start)
    return imported, started, memory, server.resident_bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=1_000_000)
    flags = parser.parse_args()
    end_on_signals()
    ours, theirs = [], []
    for _ in range(flags.rounds):
        with tempfile.TemporaryDirectory(prefix="vade-bench-") as folder:
            root = pathlib.Path(folder)
            with VadeServer(flags.bin, root / "vade") as server:
                ours.append(measure(server, import_to_vade, flags.prompts))
        with tempfile.TemporaryDirectory(prefix="vade-bench-") as folder:
            root = pathlib.Path(folder)
            with RedisServer(root / "redis", "everysec") as server:
                theirs.append(measure(server, import_to_redis, flags.prompts))
    names = (("import", "s", 1), ("start_after_kill", "s", 1),
             ("memory_after_import", "bytes/prompt", flags.prompts),
             ("memory_after_start", "bytes/prompt", flags.prompts))
    for i, (name, unit, divisor) in enumerate(names):
        print_figure(f"{name}_{flags.prompts}", unit, BASELINE,
                     [figures[i] / divisor for figures in ours],
                     [figures[i] / divisor for figures in theirs],
                     prompts=flags.prompts)


if __name__ == "__main__":
    main()
