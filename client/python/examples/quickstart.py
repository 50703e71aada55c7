"""A SIMULATED training: a trainer, rollout workers and a real vade-server.

    python quickstart.py                          # with a server of its own
    python quickstart.py --address 127.0.0.1:7447 --run try-1 --steps 100

The learner is a formula: a skill, held against the difficulty of a prompt. The
server is real, with its leases, its evidence and its books. To train a model,
write what `Learner` does with yours; all else may stay as it is.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import vade

PROMPTS = 1000
BATCH_SIZE = 64
WORKERS = 4
# Of a hundred rollouts so many break off, as sandboxes and tools do.
FAILED_PERCENT = 1

#: Rewards of one prompt's rollouts; None: that rollout failed.
Group = list[float | None]


class Learner:
    """Stands for the policy and its optimizer.

    A rollout succeeds with probability 1 / (1 + exp(difficulty - skill)).
    """

    def __init__(self) -> None:
        self.skill = 0.0

    def roll_out(
        self, row: Mapping[str, float], generator: random.Random
    ) -> float | None:
        """The reward of one rollout; None: it failed."""
        if generator.randrange(100) < FAILED_PERCENT:
            return None
        pass_rate = 1 / (1 + math.exp(row["difficulty"] - self.skill))
        return float(generator.random() < pass_rate)

    def learn(self, groups: Sequence[Group]) -> None:
        """One step; a group whose rewards are all equal teaches nothing."""
        self.skill += 0.03 * varied_share(groups)


def varied_share(groups: Sequence[Group]) -> float:
    """The share of groups with two different rewards: their EGR."""
    return sum(len({*group} - {None}) > 1 for group in groups) / len(groups)


def made_up_prompts() -> Iterator[vade.Prompt]:
    """Prompts of four levels; a row is whatever the rollouts need."""
    generator = random.Random(1)
    levels = {"easy": -2.0, "medium": 1.0, "hard": 4.0, "too hard": 8.0}
    for number in range(PROMPTS):
        level = list(levels)[number % len(levels)]
        difficulty = generator.gauss(levels[level], 1.0)
        yield vade.Prompt(
            f"p{number}", {"difficulty": difficulty}, {"level": level}
        )


def work(
    worker: int, learner: Learner, batch: vade.Batch, reporter: vade.Reporter
) -> dict[str, Group]:
    """One worker's part: some rollouts of every group, each reported at once.

    The server puts the groups together, whoever reports what in which order.
    """
    generator = random.Random(f"{batch.request_id} {worker}")
    parts: dict[str, Group] = {}
    for prompt in batch:
        part = parts[prompt.id] = []
        for index in range(worker, batch.group_size, WORKERS):
            reward = learner.roll_out(prompt.json(), generator)
            reporter.report(batch, prompt, [reward], indices=[index])
            part.append(reward)
    return parts


def train(run: vade.Run, steps: int) -> None:
    """The trainer: asks for a batch, has it rolled out, learns."""
    learner = Learner()
    start = time.monotonic()
    print("  step  expected EGR     EGR  pass rate   skill")
    with run.reporter() as reporter, ThreadPoolExecutor(WORKERS) as workers:
        for step in range(1, steps + 1):
            # The same name after a crash: the same batch, no second lease.
            batch = run.next_batch(
                BATCH_SIZE, request_id=f"step-{step}", payloads=True
            )
            orders = [
                workers.submit(work, worker, learner, batch, reporter)
                for worker in range(WORKERS)
            ]
            parts = [order.result() for order in orders]
            # What is learned from is durable in the server.
            reporter.flush()
            groups = [[x for part in parts for x in part[p.id]] for p in batch]
            learner.learn(groups)
            if step == steps or step % max(1, steps // 5) == 0:
                print(step_line(step, batch, groups, learner))
    print(f"{steps} steps in {time.monotonic() - start:.1f} s")


def step_line(
    step: int,
    batch: vade.Batch,
    groups: Sequence[Group],
    learner: Learner,
) -> str:
    """What a step came to, beside what the server expected of it."""
    rewards = [x for group in groups for x in group if x is not None]
    pass_rate = sum(rewards) / max(1, len(rewards))
    return (
        f"{step:6}{batch.expected_egr:14.2f}{varied_share(groups):8.2f}"
        f"{pass_rate:11.2f}{learner.skill:8.2f}"
    )


def show(run: vade.Run) -> None:
    """What the server knows now."""
    stats = run.stats()
    print(
        f"\nrun {stats.run}: {stats.group_count} groups, "
        f"{stats.rollout_count} rollouts, {stats.failed_rollout_count} failed\n"
        f"  effective gradient ratio   {stats.effective_gradient_ratio:.3f}"
        f"  (expected: {stats.expected_egr:.3f})\n"
        f"  pass rate of the rollouts  {stats.mean_pass_rate:.3f}\n"
        f"  prompts ever dealt         {stats.ever_dealt_share:.3f}"
    )
    print(f"\n  {'level':12}{'of the prompts':>16}{'of the deals':>14}")
    for label in sorted(stats.labels, key=lambda x: -x.deal_share):
        shares = f"{label.pool_share:16.0%}{label.deal_share:14.0%}"
        print(f"  {label.value:12}{shares}")
    print("\n  what is known of the prompts with the most evidence:")
    for prompt, _ in zip(run.prompts(order_by="evidence desc"), range(5)):
        evidence = prompt.evidence
        print(
            f"  {prompt.id:8} {prompt.labels['level']:10}"
            f"alpha {evidence.alpha:5.2f}   beta {evidence.beta:5.2f}   "
            f"pass rate {prompt.posterior_mean:.2f}"
        )


def books_agree(run: vade.Run, steps: int) -> bool:
    """Whether the server has counted every rollout exactly once."""
    stats = run.stats()
    counted = stats.rollout_count + stats.failed_rollout_count
    made = steps * BATCH_SIZE * run.info().group_size
    print(f"\nrollouts made: {made}, counted by the server: {counted}")
    return counted == made and stats.duplicate_rollout_count == 0


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--address",
        help="a server that runs; default: VADE_ADDRESS, or one of its own",
    )
    add("--run", help="id of the run to make; default: named by the time")
    add("--steps", type=int, default=100, help="default: 100")
    options = parser.parse_args()
    if options.steps < 1:
        parser.error(f"--steps: give 1 or more; got {options.steps}")
    if options.run is None:
        options.run = time.strftime("quickstart-%Y%m%d-%H%M%S", time.gmtime())
    return options


def main() -> int:
    """Trains once; returns the exit code."""
    options = parse_options()
    try:
        with contextlib.ExitStack() as stack:
            address = options.address
            if address is None and not os.environ.get("VADE_ADDRESS"):
                address = stack.enter_context(vade.LocalServer()).address
            client = stack.enter_context(vade.Client(address))
            # One attempt, so that a wrong address is told at once.
            client.check_health()
            run = client.create_run(options.run, seed=1)
            run.import_prompts(made_up_prompts())
            print(
                "The learner is SIMULATED; the vade-server at "
                f"{client.address} is not."
            )
            train(run, options.steps)
            show(run)
            agree = books_agree(run, options.steps)
    except vade.Error as error:
        print(f"quickstart: {error}", file=sys.stderr)
        return 1
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
