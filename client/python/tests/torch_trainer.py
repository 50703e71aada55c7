"""A small trainer, run as a process of its own by the tests of vade.torch.

It trains nothing, but does all that a trainer does with a loader: it takes
steps, rolls out (rewards follow from the prompt, the step and the place in
the group), reports in two halves, writes checkpoints, and resumes from the
newest. Its log has one line for each step that came out.

    torch_trainer.py SETTINGS   (JSON; see Settings)
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.distributed

import vade
import vade.torch

GROUP_SIZE = 4


@dataclass
class Settings:
    """What the tests choose."""

    address: str
    run: str
    folder: str
    ids: list[str]
    batch_size: int
    steps: int
    kind: str = "sampler"
    workers: int = 0
    persistent: bool = False
    checkpoint_every: int = 3
    kill_step: int | None = None
    kill_at: str = ""
    world: int = 1
    restart_ok: bool = False


def reward(prompt: str, step: int, place: int) -> float:
    """0 or 1; the pass rate of a prompt follows from its name."""
    text = f"{prompt}/{step}/{place}".encode()
    draw = hashlib.sha256(text).digest()[0] / 256
    pass_rate = hashlib.sha256(prompt.encode()).digest()[0] / 256
    return 1.0 if draw < pass_rate else 0.0


def make_loader(settings: Settings, run: vade.Run) -> vade.torch.DataLoader:
    shared: dict[str, Any] = dict(
        steps=settings.steps,
        shard=vade.torch.shard(),
        lease_ttl=3600,
        restart_ok=settings.restart_ok,
    )
    rows = [{"question": f"? {prompt}"} for prompt in settings.ids]
    options: dict[str, Any] = dict(
        num_workers=settings.workers,
        persistent_workers=settings.persistent,
    )
    if settings.kind == "stream":
        stream = vade.torch.PromptStream(
            run, settings.batch_size, rows=rows, ids=settings.ids, **shared
        )
        return vade.torch.DataLoader(stream, batch_size=None, **options)
    sampler = vade.torch.BatchSampler(
        run, settings.batch_size, ids=settings.ids, **shared
    )
    return vade.torch.DataLoader(
        vade.torch.PromptDataset(rows), batch_sampler=sampler, **options
    )


def columns(rows: Any) -> tuple[list[str], int, str]:
    """Prompts, step and batch of what came out of a loader."""
    if isinstance(rows, list):
        prompts = [row["vade_prompt"] for row in rows]
        assert all(row["question"] == f"? {p}" for row, p in zip(rows, prompts))
        return prompts, int(rows[0]["vade_step"]), rows[0]["vade_batch"]
    prompts = list(rows["vade_prompt"])
    assert rows["question"] == [f"? {prompt}" for prompt in prompts]
    return prompts, int(rows["vade_step"][0]), rows["vade_batch"][0]


def maybe_die(settings: Settings, step: int, place: str) -> None:
    if (settings.kill_step, settings.kill_at) == (step, place):
        os.kill(os.getpid(), signal.SIGKILL)


def train(settings: Settings, rank: int) -> None:
    folder = Path(settings.folder)
    checkpoint = folder / "checkpoint.json"
    with vade.Client(settings.address) as client:
        run = client.run(settings.run)
        loader = make_loader(settings, run)
        if checkpoint.exists():
            loader.load_state_dict(json.loads(checkpoint.read_text()))
        with open(folder / f"log-{rank}", "a") as log:
            for rows in loader:
                train_step(settings, run, loader, rows, log, rank)


def train_step(
    settings: Settings,
    run: vade.Run,
    loader: vade.torch.DataLoader,
    rows: Any,
    log: Any,
    rank: int,
) -> None:
    prompts, step, batch = columns(rows)
    log.write(json.dumps([step, batch, prompts]) + "\n")
    log.flush()
    maybe_die(settings, step, "loaded")
    rewards = [
        [reward(prompt, step, place) for place in range(GROUP_SIZE)]
        for prompt in prompts
    ]
    half = len(prompts) // 2
    if half:
        run.report_groups(batch, zip(prompts[:half], rewards[:half]))
    maybe_die(settings, step, "half reported")
    # Counts the first half once more: it changes nothing.
    vade.torch.report(run, rows, torch.tensor(rewards))
    maybe_die(settings, step, "reported")
    if settings.world > 1:
        torch.distributed.barrier()
    if rank == 0 and (step + 1) % settings.checkpoint_every == 0:
        draft = Path(settings.folder) / "checkpoint.new"
        draft.write_text(json.dumps(loader.state_dict()))
        draft.replace(Path(settings.folder) / "checkpoint.json")
    maybe_die(settings, step, "saved")


def main() -> None:
    settings = Settings(**json.loads(sys.argv[1]))
    torch.set_num_threads(1)
    rank = int(os.environ.get("RANK", "0"))
    if settings.world > 1:
        torch.distributed.init_process_group(
            "gloo",
            init_method=f"file://{settings.folder}/rendezvous",
            rank=rank,
            world_size=settings.world,
        )
    train(settings, rank)
    if settings.world > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
