"""A step of a trainer: select 512 of the prompts, report their groups. By
vade-server and, in turns, by what one makes of Redis: successes and failures in
two hashes, read whole, drawn from with numpy, and incremented in one
transaction; or, cleverer and harder to look into, in two strings of packed
doubles. All are spoken to from Python, over loopback.

    compare_redis.py --bin FOLDER [--rounds 10] [--prompts 100000]

Redis is given much for nothing: no leases, so two trainers get the
same prompts; no request ids, so a lost answer counts twice; no fading of
prompts that are not selected; no groups put together of single rollouts.
"""

import argparse
import pathlib
import tempfile
import time

import numpy as np

from figures import end_on_signals, print_figure
from redis_server import RedisServer
from vade_server import VadeServer, messages

RUN = "runs/benchmark"
COUNT = 512
GROUP_SIZE = 8
KEPT = 0.2


def prompt_ids(count):
    return [f"prompt-{i:07d}" for i in range(count)]


def best_of(generator, alpha, beta):
    draws = generator.beta(alpha + 1, beta + 1)
    scores = draws * (1 - draws) ** 2
    return np.argpartition(-scores, COUNT)[:COUNT]


class HashTrainer:
    """Two hashes, prompt id to a number."""

    name = "hashes"

    def __init__(self, server):
        self._client = server.client
        self._generator = np.random.default_rng(1)

    def set_up(self, prompts):
        with self._client.pipeline(transaction=False) as pipe:
            for start in range(0, prompts, 10_000):
                chunk = prompt_ids(prompts)[start:start + 10_000]
                for key in ("alpha", "beta"):
                    pipe.hset(key, mapping=dict.fromkeys(chunk, 0))
                pipe.execute()

    def select(self):
        with self._client.pipeline(transaction=True) as pipe:
            alphas, betas = pipe.hgetall("alpha").hgetall("beta").execute()
        ids = list(alphas)
        alpha = np.array([float(alphas[i]) for i in ids])
        beta = np.array([float(betas[i]) for i in ids])
        best = best_of(self._generator, alpha, beta)
        return [(ids[i], alpha[i], beta[i]) for i in best]

    def report(self, batch):
        with self._client.pipeline(transaction=True) as pipe:
            for prompt_id, alpha, beta in batch:
                half = GROUP_SIZE / 2
                pipe.hincrbyfloat("alpha", prompt_id, half - (1 - KEPT) * alpha)
                pipe.hincrbyfloat("beta", prompt_id, half - (1 - KEPT) * beta)
            pipe.execute()


class PackedTrainer:
    """Two strings of doubles, by the prompts' numbers."""

    name = "packed"

    def __init__(self, server):
        self._client = server.client
        self._generator = np.random.default_rng(1)

    def set_up(self, prompts):
        self._client.mset({"alphas": bytes(8 * prompts),
                           "betas": bytes(8 * prompts)})

    def select(self):
        alpha, beta = map(np.frombuffer, self._client.mget("alphas", "betas"))
        best = best_of(self._generator, alpha, beta)
        return [(int(i), alpha[i], beta[i]) for i in best]

    def report(self, batch):
        half = GROUP_SIZE / 2
        with self._client.pipeline(transaction=True) as pipe:
            for i, alpha, beta in batch:
                pipe.setrange("alphas", 8 * i,
                              np.float64(KEPT * alpha + half).tobytes())
                pipe.setrange("betas", 8 * i,
                              np.float64(KEPT * beta + half).tobytes())
            pipe.execute()


class VadeTrainer:
    def __init__(self, server):
        self._server = server
        self._batches = messages("batch_pb2")
        self._reports = messages("report_pb2")

    def set_up(self, prompts):
        request = messages("run_pb2").CreateRunRequest(run_id="benchmark")
        request.run.group_size = GROUP_SIZE
        self._server.call("CreateRun", request)
        self._server.import_prompts(RUN, prompt_ids(prompts))

    def select(self):
        request = self._batches.SampleBatchRequest(run=RUN, batch_size=COUNT)
        return self._server.call("SampleBatch", request)

    def report(self, batch):
        request = self._reports.ReportRewardsRequest(run=RUN)
        report = request.reports.add(batch_id=batch.batch_id)
        for prompt in batch.prompts:
            group = report.groups.add(prompt_id=prompt.prompt_id)
            group.binary_rewards.count = GROUP_SIZE
            group.binary_rewards.bits = b"\x0f"
        self._server.call("ReportRewards", request)


def timed(work, *arguments):
    start = time.perf_counter()
    result = work(*arguments)
    return result, (time.perf_counter() - start) * 1e3


def compare(ours, others, rounds, fsync, prompts):
    trainers = [ours, *others]
    times = {trainer: ([], []) for trainer in trainers}
    for turn in range(-2, rounds):
        for trainer in trainers if turn % 2 else reversed(trainers):
            batch, select_ms = timed(trainer.select)
            _, report_ms = timed(trainer.report, batch)
            if turn >= 0:
                times[trainer][0].append(select_ms)
                times[trainer][1].append(report_ms)
    for other in others:
        baseline = f"Redis 7, appendfsync {fsync}, {other.name}, numpy"
        for i, step in enumerate((f"select_{COUNT}", f"report_{COUNT}_groups")):
            print_figure(f"python_{step}_{fsync}_{other.name}", "ms", baseline,
                         times[ours][i], times[other][i], prompts=prompts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--prompts", type=int, default=100_000)
    flags = parser.parse_args()
    end_on_signals()
    with tempfile.TemporaryDirectory(prefix="vade-bench-") as folder:
        for sync, fsync in (("always", "always"), ("interval", "everysec")):
            root = pathlib.Path(folder) / fsync
            with VadeServer(flags.bin, root / "vade", f"--sync={sync}") as ours:
                with RedisServer(root / "redis", fsync) as redis:
                    trainer = VadeTrainer(ours)
                    others = HashTrainer(redis), PackedTrainer(redis)
                    for each in (trainer, *others):
                        each.set_up(flags.prompts)
                    compare(trainer, others, flags.rounds, fsync, flags.prompts)


if __name__ == "__main__":
    main()
