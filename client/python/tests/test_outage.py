"""Outages: waiting for them to end, and going on without a server."""

from __future__ import annotations

import logging
import math
import os
import pickle
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import vade
from vade import _journal


@pytest.fixture
def events():
    return []


def local(tmp_path, **settings):
    settings.setdefault("patience", 0.05)
    return vade.Local(journal=tmp_path / "journal", **settings)


def try_again_now(client):
    """As if the patience were over since."""
    client._driver.core.outage._try_again = 0.0


@pytest.fixture
def away(own_server, tmp_path, events):
    """A client with a batch of 8, whose server is away."""
    outage = local(tmp_path, on_change=events.append)
    with own_server.client(on_outage=outage) as client:
        run = client.create_run("away", seed=1)
        run.import_prompts(f"p{i}" for i in range(100))
        batch = run.next_batch(8)
        own_server.stop()
        yield client, run, batch


def test_a_waiting_client_goes_on_when_the_server_is_back(
    own_server, events, caplog
):
    began = []
    outage = vade.Wait(at_most=60, on_change=lambda e: began.append(e))
    with own_server.client(timeout=0.2, on_outage=outage) as client:
        run = client.create_run("wait")
        run.import_prompts(["a"])
        own_server.stop()
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(run.next_batch, 1)
            # The call is away from its first attempt when the outage is told.
            while not began:
                assert not future.done()
            own_server.start()
            assert len(future.result(timeout=30)) == 1
        stats = client.outage
    assert [event.began for event in began] == [True, False]
    assert (stats.outage_count, stats.down) == (1, False)
    assert stats.outage_seconds > 0 and began[1].lasted > 0
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert "no server answers" in warnings[0].getMessage()
    assert "answers again" in warnings[-1].getMessage()


def test_waiting_ends_too(own_server):
    outage = vade.Wait(at_most=0.3)
    with own_server.client(timeout=0.1, on_outage=outage) as client:
        own_server.stop()
        with pytest.raises(vade.Unavailable, match="gave up after"):
            client.run("r").info()


def test_a_server_that_is_away_is_stood_in_for(away, events, caplog):
    client, run, _ = away
    batch = run.next_batch(10, request_id="step-2")
    assert batch.local and len(batch) == batch.batch_size == 10
    assert batch.group_size == 8 and batch.request_id == "step-2"
    assert len({p.id for p in batch}) == 10
    assert {p.id for p in batch} <= {f"p{i}" for i in range(100)}
    assert math.isnan(batch[0].draw) and math.isnan(batch.expected_egr)
    # One and the same batch, whoever asks with this id.
    assert run.next_batch(10, request_id="step-2").prompts == batch.prompts
    shards = [
        run.next_batch(10, request_id="step-2", shard=(i, 3)).prompts
        for i in range(3)
    ]
    assert sum(shards, ()) == batch.prompts
    other = run.next_batch(10, request_id="step-3")
    assert other.prompts != batch.prompts
    assert [event.began for event in events] == [True]
    assert "sampled uniformly on this side" in caplog.text
    with pytest.raises(vade.BatchNotInFlight, match="local batch"):
        run.renew(batch)
    result = run.report_groups(batch, ((p, [1] * 8) for p in batch))
    assert result == vade.ReportResult(local_count=80)
    assert client.outage.local_batch_count == 6
    assert client.outage.local_rollout_count == 80


def test_reports_wait_in_the_journal_and_are_sent_once(
    away, own_server, events, caplog
):
    client, run, batch = away
    for prompt in batch:
        result = run.report(batch, prompt, [1, 0] * 4)
        assert result == vade.ReportResult(journaled_count=8)
    assert client.outage.down
    assert client.outage.journaled_rollout_count == 64
    with pytest.raises(vade.Unavailable):
        client.replay_journal(timeout=0.1)
    own_server.start()
    assert client.replay_journal() == 64
    assert client.replay_journal() == 0
    stats = run.stats()
    assert stats.rollout_count == 64 and stats.duplicate_rollout_count == 0
    assert [event.began for event in events] == [True, False]
    assert client.outage.replayed_rollout_count == 64
    assert "sent 64 rollouts" in caplog.text


def test_the_next_batch_sends_the_journal_first(away, own_server):
    client, run, batch = away
    run.report(batch, batch[0], [1] * 8)
    own_server.start()
    client.wait_until_serving()
    try_again_now(client)
    assert not run.next_batch(4).local
    assert run.prompt(batch[0]).rollout_count == 8


def test_a_report_that_is_refused_later_keeps_no_other_back(
    away, own_server, tmp_path, caplog
):
    client, run, batch = away
    run.report(batch, batch[0], [1] * 8)
    run.report(batch, "stranger", [1] * 8)
    run.report(batch, batch[1], [1] * 8)
    own_server.start()
    assert client.replay_journal() == 16
    assert client.outage.refused_rollout_count == 8
    assert "PROMPT_NOT_IN_BATCH" in caplog.text
    kept = (tmp_path / "journal" / "refused").read_bytes()
    body, end = _journal.decode(kept, 0)
    assert b"stranger" in body and end == len(kept)
    assert run.stats().rollout_count == 16


CHILD = """
import sys, vade
outage = vade.Local(journal={journal!r}, patience=0.05)
run = vade.Client({address!r}, on_outage=outage).run("away")
for prompt in {prompts!r}:
    run.report({batch!r}, prompt, [1, 0] * 4, indices=range(8))
print("kept", flush=True)
sys.stdin.read()
"""


def journal_of_a_killed_process(own_server, batch, tmp_path):
    program = CHILD.format(
        journal=str(tmp_path / "journal"),
        address=own_server.address,
        prompts=[p.id for p in batch],
        batch=batch.id,
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"kept\n"
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    process.stdin.close()
    process.stdout.close()
    (path,) = (tmp_path / "journal").glob("*.journal")
    return path


@pytest.mark.parametrize("torn", [b"", b"\x07", b"\xff\xff\0\0garbage"])
def test_a_journal_survives_its_process(
    away, own_server, tmp_path, torn, caplog
):
    client, run, batch = away
    path = journal_of_a_killed_process(own_server, batch, tmp_path)
    with open(path, "ab") as file:
        file.write(torn)
    own_server.start()
    assert client.replay_journal() == 64
    assert run.stats().rollout_count == 64
    assert not path.exists()
    assert ("no whole record" in caplog.text) == bool(torn)
    if torn:
        assert path.with_suffix(".rest").read_bytes() == torn


def test_every_cut_of_a_journal_keeps_what_is_whole(tmp_path):
    header = b"vade-journal 1 h:1"
    bodies = [bytes([i]) * (i * 7) for i in range(1, 5)]
    records = [_journal.encode(body) for body in [header, *bodies]]
    whole = b"".join(records)
    ends = [sum(map(len, records[: i + 1])) for i in range(len(records))]
    for cut in range(1, len(whole)):
        path = tmp_path / f"{cut}.journal"
        path.write_bytes(whole[:cut])
        file = _journal._adopt(path, header)
        found = []
        while (body := file.next()) is not None:
            found.append(body)
        assert found == bodies[: max(0, sum(end <= cut for end in ends) - 1)]
        os.close(file.descriptor)


def test_no_flipped_bit_of_a_journal_is_taken_for_a_report(tmp_path):
    record = _journal.encode(b"some report")
    seed = 11
    rng = random.Random(seed)
    for _ in range(200):
        bit = rng.randrange(len(record) * 8)
        damaged = bytearray(record)
        damaged[bit // 8] ^= 1 << bit % 8
        assert _journal.decode(bytes(damaged), 0) is None, f"bit {bit}"


def test_journals_of_living_processes_and_other_servers_are_let_be(
    away, own_server, tmp_path
):
    client, run, batch = away
    run.report(batch, batch[0], [1] * 8)
    (path,) = (tmp_path / "journal").glob("*.journal")
    other = vade.Client("127.0.0.1:1", on_outage=local(tmp_path), timeout=0.1)
    orphan = tmp_path / "journal" / "orphan.journal"
    orphan.write_bytes(_journal.encode(b"vade-journal 1 elsewhere:1"))
    assert other.replay_journal() == 0
    assert path.exists() and orphan.exists()
    own_server.start()
    assert client.replay_journal() == 8
    assert not path.exists() and orphan.exists()


def test_a_full_journal_and_a_broken_one_are_said(own_server, tmp_path):
    outage = local(tmp_path, max_journal_bytes=200)
    with own_server.client(on_outage=outage) as client:
        own_server.stop()
        run = client.run("r")
        run.report("1-1", "p", [1], indices=[0])
        with pytest.raises(vade.ResourceExhausted, match="max_journal_bytes"):
            run.report("1-1", "p" * 200, [1], indices=[0])
    (tmp_path / "file").touch()
    outage = vade.Local(journal=tmp_path / "file", patience=0.05)
    with own_server.client(on_outage=outage) as client:
        with pytest.raises(vade.StorageFailed, match="is not kept"):
            client.run("r").report("1-1", "p", [1], indices=[0])


def test_given_prompts_are_dealt_with_payloads_and_labels(own_server, tmp_path):
    prompts = [
        vade.Prompt(f"p{i}", {"i": i}, {"parity": "odd" if i % 2 else "even"})
        for i in range(20)
    ] + [vade.Prompt("off", disabled=True)]
    outage = local(tmp_path, prompts=prompts, group_size=4)
    own_server.stop()
    with own_server.client(on_outage=outage) as client:
        run = pickle.loads(pickle.dumps(client.run("given")))
        batch = run.next_batch(10, payloads=True, labels={"parity": "odd"})
        assert sorted(p.json()["i"] for p in batch) == list(range(1, 20, 2))
        assert batch.group_size == 4
        assert "off" not in [p.id for p in run.next_batch(20)]
        fewer = run.next_batch(50, min_batch_size=5)
        assert len(fewer) == fewer.batch_size == 20


@pytest.mark.parametrize(
    ("settings", "asked", "match"),
    [
        ({}, {}, r"group size: give vade.Local\(group_size"),
        ({"group_size": 4}, {}, r"enough prompts \(0 that match, 4 wanted\)"),
        (
            {"group_size": 4, "prompts": ["a", "b", "c"]},
            {},
            r"enough prompts \(3",
        ),
    ],
)
def test_what_is_missing_for_a_local_batch_is_named(
    own_server, tmp_path, settings, asked, match
):
    own_server.stop()
    outage = local(tmp_path, **settings)
    with own_server.client(on_outage=outage) as client:
        with pytest.raises(vade.Unavailable, match=match):
            client.run("r").next_batch(4, **asked)


def test_payloads_that_are_not_known_are_not_made_up(away):
    _, run, _ = away
    with pytest.raises(vade.Unavailable, match="the payloads"):
        run.next_batch(4, payloads=True)


def test_local_batches_are_uniform(own_server, tmp_path):
    """Chi-squared over 20 prompts; false alarms 1 in 10 000: the seed is
    fixed, so it passes always or never. A sampler that favours a prompt by a
    half must fail."""
    own_server.stop()
    ids = [f"p{i}" for i in range(20)]
    outage = local(tmp_path, prompts=ids, group_size=2, seed=7)
    counts = dict.fromkeys(ids, 0)
    with own_server.client(on_outage=outage) as client:
        run = client.run("uniform")
        for step in range(1000):
            for prompt in run.next_batch(5, request_id=f"step-{step}"):
                counts[prompt.id] += 1

    def statistic(observed):
        mean = sum(observed) / len(observed)
        # Without replacement a count varies less, by (1 - 5 / 20).
        spread = mean * (1 - 5 / 20) * 20 / 19
        return sum((x - mean) ** 2 for x in observed) / spread

    # The 0.9999 quantile of chi-squared with 19 degrees of freedom.
    limit = 50.80
    assert statistic(list(counts.values())) < limit
    favoured = dict(counts, p0=int(counts["p0"] * 1.5))
    assert statistic(list(favoured.values())) > limit


def test_a_reporter_flushes_into_the_journal(away, own_server):
    client, run, batch = away
    with run.reporter(max_delay=60) as reporter:
        for prompt in batch:
            reporter.report(batch, prompt, [1, 0] * 4)
        reporter.flush()
    assert client.outage.journaled_rollout_count == 64
    own_server.start()
    assert client.replay_journal() == 64
    assert run.stats().rollout_count == 64


def test_a_forked_child_keeps_a_journal_of_its_own(away, own_server, tmp_path):
    client, run, batch = away
    run.report(batch, batch[0], [1] * 8)
    pid = os.fork()
    if pid == 0:
        try:
            run.report(batch, batch[1], [1] * 8)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    assert len(list((tmp_path / "journal").glob("*.journal"))) == 2
    own_server.start()
    assert client.replay_journal() == 16
    assert run.stats().rollout_count == 16


def test_a_callback_that_fails_does_not_fail_the_call(own_server, tmp_path):
    def fail(event):
        raise RuntimeError("no pager")

    outage = local(tmp_path, prompts=["a"], group_size=1, on_change=fail)
    own_server.stop()
    with own_server.client(on_outage=outage) as client:
        assert client.run("r").next_batch(1).local
