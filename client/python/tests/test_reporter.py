"""Many small reports become few calls, and nothing of them is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from proxy import Proxy

import vade
from vade._plans import report_rows


@pytest.fixture
def calls(monkeypatch):
    """Rows of each ReportRewards that a reporter sends."""
    from vade import _plans

    seen = []

    def counted(core, run, rows, timeout):
        rows = list(rows)
        seen.append(rows)
        return (yield from report_rows(core, run, rows, timeout))

    monkeypatch.setattr(_plans, "report_rows", counted)
    return seen


def test_single_rollouts_of_many_threads_become_few_calls(new_run, calls):
    run = new_run(prompts=64)
    batch = run.next_batch(64)
    rollouts = [(p, i) for p in batch for i in range(8)]
    random.Random(3).shuffle(rollouts)
    with run.reporter(max_rollouts=256, max_delay=60) as reporter:

        def work(part):
            return [
                reporter.report(batch, p, [i % 2], indices=[i]) for p, i in part
            ]

        with ThreadPoolExecutor(4) as pool:
            handles = sum(
                pool.map(work, [rollouts[i::4] for i in range(4)]), []
            )
        reporter.flush()
        assert all(handle.done() for handle in handles)
        assert [handle.result() for handle in handles] == [None] * 512
        assert reporter.waiting_count == 0
    assert 2 <= len(calls) <= 16
    assert {p.evidence for p in run.prompts()} == {vade.Evidence(4.0, 4.0)}
    assert run.stats().duplicate_rollout_count == 0


def test_a_report_is_sent_after_its_delay_without_a_flush(run):
    batch = run.next_batch(1)
    with run.reporter(max_delay=0.01) as reporter:
        handle = reporter.report(batch, batch[0], [1] * 8)
        assert handle.result(timeout=20) is None
        assert run.stats().rollout_count == 8


def test_a_wrong_report_is_refused_at_once_or_by_its_handle(run, calls):
    batch = run.next_batch(32)
    told = []
    with run.reporter(max_delay=60, on_error=told.append) as reporter:
        with pytest.raises(vade.InvalidArgument, match="finite"):
            reporter.report(batch, batch[0], [float("nan")] * 8)
        handles = [reporter.report(batch, p, [1, 0] * 4) for p in batch]
        bad = [
            reporter.report(batch.id, "stranger", [1], indices=[0]),
            reporter.report(batch, batch[3], [7.0] * 8),
        ]
        with pytest.raises(vade.ReportsRefused) as caught:
            reporter.flush()
        assert {r.prompt for r in caught.value.refused} == {
            "stranger",
            batch[3].id,
        }
        for handle in handles:
            assert handle.result(timeout=0) is None
        with pytest.raises(vade.PromptNotInBatch):
            bad[0].result(timeout=0)
        assert bad[1].exception(timeout=0).reason == "REWARD_OUT_OF_RULE"
        reporter.flush()
    assert {r.prompt for r in told} == {"stranger", batch[3].id}
    assert run.stats().rollout_count == 256


def test_a_rollout_reported_twice_is_sent_twice_and_counts_once(run, calls):
    batch = run.next_batch(1)
    with run.reporter(max_delay=60) as reporter:
        reporter.report(batch, batch[0], [1, 1], indices=[0, 1])
        reporter.report(batch, batch[0], [0, 1], indices=[1, 2])
        reporter.report(batch, batch[0], [], failed=[3], final=True)
    assert len(calls) == 2
    group = run.batch(batch).groups[0]
    assert (group.reward_count, group.success_sum) == (3, 3.0)
    assert (group.failed_count, group.state) == (1, "completed")


def test_reports_wait_for_a_server_that_is_away(server, run):
    batch = run.next_batch(4)
    with Proxy(server.address) as proxy:
        proxy.refuse = True
        client = vade.Client(proxy.address, timeout=0.2)
        reporter = client.run(run.id).reporter(max_waiting=24, max_rollouts=8)
        for prompt in batch[:3]:
            reporter.report(batch, prompt, [1, 0] * 4)
        with pytest.raises(vade.Unavailable, match="go on waiting"):
            reporter.flush()
        with pytest.raises(vade.DeadlineExceeded, match="raise max_waiting"):
            reporter.report(batch, batch[3], [1, 0] * 4)
        assert reporter.waiting_count == 24
        assert run.stats().rollout_count == 0
        proxy.refuse = False
        client.wait_until_serving()
        while reporter.waiting_count:
            try:
                reporter.flush(timeout=20)
            except vade.Unavailable:
                pass
        reporter.report(batch, batch[3], [1, 0] * 4)
        reporter.close()
        client.close()
    assert run.stats().rollout_count == 32


def test_what_closing_gives_up_is_said(server, run, caplog):
    batch = run.next_batch(1)
    with Proxy(server.address) as proxy:
        proxy.refuse = True
        with vade.Client(proxy.address, timeout=0.1) as client:
            reporter = client.run(run.id).reporter()
            handle = reporter.report(batch, batch[0], [1] * 8)
            with pytest.raises(vade.Unavailable):
                reporter.close()
    assert "8 rollouts were dropped" in caplog.text
    with pytest.raises(vade.Unavailable):
        handle.result(timeout=0)
    with pytest.raises(vade.FailedPrecondition, match="closed"):
        reporter.report(batch, batch[0], [1] * 8)


CHILD = """
import sys, vade
client = vade.Client({address!r})
run = client.run({run!r})
batch = run.batch({batch!r})
reporter = run.reporter(max_delay=3600, max_rollouts=4096)
for group in batch.groups[:16]:
    reporter.report(batch, group.prompt, [1, 0] * 4)
{end}
"""


def child(server, run, batch, end):
    program = CHILD.format(
        address=server.address, run=run.id, batch=batch.id, end=end
    )
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,  # our own may be at its end, which a child sees
        stdout=subprocess.PIPE,
    )


def test_a_flush_that_was_answered_survives_a_kill(server, run):
    batch = run.next_batch(32)
    end = (
        "reporter.flush(); print('flushed', flush=True)\n"
        "for group in batch.groups[16:]:\n"
        "    reporter.report(batch, group.prompt, [1, 0] * 4)\n"
        "print('more', flush=True); sys.stdin.read()"
    )
    process = child(server, run, batch, end)
    assert process.stdout.readline() == b"flushed\n"
    assert process.stdout.readline() == b"more\n"
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    process.stdin.close()
    process.stdout.close()
    assert run.stats().rollout_count == 128


def test_the_end_of_the_program_sends_what_waits(server, run):
    batch = run.next_batch(32)
    process = child(server, run, batch, "")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert run.stats().rollout_count == 128


def test_a_forked_child_has_an_empty_reporter_of_its_own(run):
    batch = run.next_batch(2)
    with run.reporter(max_delay=3600) as reporter:
        reporter.report(batch, batch[0], [1] * 8)
        pid = os.fork()
        if pid == 0:
            try:
                assert reporter.waiting_count == 0
                reporter.report(batch, batch[1], [1] * 8)
                reporter.flush()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        assert run.stats().rollout_count == 8
        assert reporter.waiting_count == 8
    assert run.stats().rollout_count == 16
    assert run.stats().duplicate_rollout_count == 0


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"max_rollouts": 0}, "max_rollouts: give 1 to"),
        ({"max_waiting": 10}, "at least max_rollouts"),
        ({"max_delay": -1}, "max_delay"),
    ],
)
def test_wrong_limits_of_a_reporter_are_refused(run, arguments, match):
    with pytest.raises(vade.InvalidArgument, match=match):
        run.reporter(**arguments)


def test_a_flush_in_one_thread_lets_others_report(run):
    batch = run.next_batch(64)
    with run.reporter(max_delay=3600, max_rollouts=16) as reporter:
        flushed = threading.Event()

        def flush():
            while not flushed.is_set():
                reporter.flush()

        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(flush)
            for prompt in batch:
                reporter.report(batch, prompt, [1, 0] * 4)
            flushed.set()
            future.result(timeout=20)
    assert run.stats().rollout_count == 512
