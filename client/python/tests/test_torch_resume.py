"""A trainer killed with SIGKILL and resumed, beside one that was not."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch_trainer  # noqa: E402

PROGRAM = Path(torch_trainer.__file__)
IDS = [f"p{i}" for i in range(60)]
_numbers = itertools.count(1)


def make_settings(client, folder, **changes):
    folder.mkdir()
    run = f"trainer-{next(_numbers)}"
    made = client.create_run(
        run, group_size=torch_trainer.GROUP_SIZE, seed=11, lease_ttl=3600
    )
    made.import_prompts(IDS)
    values = dict(batch_size=5, steps=12, ids=IDS, folder=str(folder))
    values.update(address=client.address, run=run, **changes)
    return torch_trainer.Settings(**values)


def run_trainer(settings, *, expect=0):
    """One process for each rank, all ended on return."""
    text = json.dumps(dataclasses.asdict(settings))
    processes = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), text],
            env={**os.environ, "RANK": str(rank), "GLOO_SOCKET_IFNAME": "lo"},
        )
        for rank in range(settings.world)
    ]
    try:
        codes = [process.wait(120) for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert codes == [expect] * settings.world


def log_of(settings, rank=0):
    text = (Path(settings.folder) / f"log-{rank}").read_text()
    return [json.loads(line) for line in text.splitlines()]


def evidence_of(client, settings):
    found = client.run(settings.run).prompts()
    return {p.id: (p.evidence, p.deal_count, p.rollout_count) for p in found}


@pytest.mark.parametrize(
    ("kill_step", "kill_at", "options"),
    [
        (4, "loaded", {}),
        (7, "half reported", {"workers": 2}),
        (5, "saved", {"workers": 2, "persistent": True}),
        (1, "reported", {"workers": 1, "restart_ok": True}),
    ],
)
def test_a_killed_trainer_gets_the_batches_of_one_that_was_not(
    client, tmp_path, kill_step, kill_at, options
):
    whole = make_settings(client, tmp_path / "whole", **options)
    run_trainer(whole)
    cut = make_settings(client, tmp_path / "cut", **options)
    dying = dataclasses.replace(cut, kill_step=kill_step, kill_at=kill_at)
    run_trainer(dying, expect=-signal.SIGKILL)
    before = log_of(cut)
    run_trainer(cut)
    after = log_of(cut)[len(before) :]

    saved = (kill_step + (kill_at == "saved")) // 3 * 3
    assert [step for step, _, _ in before] == list(range(kill_step + 1))
    assert [step for step, _, _ in after] == list(range(saved, 12))
    # What came out twice was the same batch, under the same name.
    again = {step: entry for step, *entry in after}
    for step, *entry in before[saved:]:
        assert again[step] == entry
    uncut = [(step, prompts) for step, _, prompts in log_of(whole)]
    union = {step: prompts for step, _, prompts in before + after}
    assert sorted(union.items()) == uncut
    # And so is all that the server has learned, each rollout counted once.
    assert evidence_of(client, cut) == evidence_of(client, whole)
    stats = client.run(cut.run).stats()
    assert stats.batch_count == 12
    assert stats.rollout_count == 12 * 5 * torch_trainer.GROUP_SIZE
    assert stats.in_flight_prompt_count == 0
    assert stats.late_rollout_count == stats.expired_group_count == 0


def test_a_killed_stream_loses_nothing_and_deals_nothing_twice(
    client, tmp_path
):
    cut = make_settings(client, tmp_path / "cut", kind="stream", workers=2)
    dying = dataclasses.replace(cut, kill_step=5, kill_at="half reported")
    run_trainer(dying, expect=-signal.SIGKILL)
    before = log_of(cut)
    run_trainer(cut)
    after = log_of(cut)[len(before) :]
    assert [step for step, _, _ in after] == list(range(3, 12))
    again = {step: entry for step, *entry in after}
    for step, *entry in before[3:]:
        assert again[step] == entry
    stats = client.run(cut.run).stats()
    assert stats.batch_count == 12
    assert stats.rollout_count == 12 * 5 * torch_trainer.GROUP_SIZE
    assert stats.in_flight_prompt_count == stats.late_rollout_count == 0


def test_a_resume_without_the_state_is_what_the_test_would_catch(
    client, tmp_path
):
    """The broken variant: the checkpoint is lost, the trainer starts over."""
    cut = make_settings(client, tmp_path / "cut")
    dying = dataclasses.replace(cut, kill_step=4, kill_at="loaded")
    run_trainer(dying, expect=-signal.SIGKILL)
    (Path(cut.folder) / "checkpoint.json").unlink()
    # Refused: all rewards of the first steps would count as duplicates.
    run_trainer(cut, expect=1)
    assert log_of(cut)[-1][0] == 4


@pytest.mark.parametrize("kind", ["sampler", "stream"])
def test_ranks_share_one_batch_a_step_over_kill_and_resume(
    client, tmp_path, kind
):
    workers = 1 if kind == "sampler" else 0
    both = dict(world=2, workers=workers, steps=6, kind=kind)
    cut = make_settings(client, tmp_path / "cut", **both)
    dying = dataclasses.replace(cut, kill_step=4, kill_at="reported")
    run_trainer(dying, expect=-signal.SIGKILL)
    (Path(cut.folder) / "rendezvous").unlink()
    run_trainer(cut)
    run = client.run(cut.run)
    for step in range(6):
        whole = [p.id for p in run.next_batch(5, request_id=f"step-{step}")]
        for rank in range(2):
            part = whole[rank * 5 // 2 : (rank + 1) * 5 // 2]
            came = [p for n, _, p in log_of(cut, rank) if n == step]
            assert came == [part] * (2 if step in (3, 4) else 1)
    stats = run.stats()
    assert stats.batch_count == 6
    assert stats.rollout_count == 6 * 5 * torch_trainer.GROUP_SIZE
    assert stats.in_flight_prompt_count == 0
