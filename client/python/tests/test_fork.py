"""Forks of a process that uses a client: what parent and child can still do."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

import vade
import vade.aio


def in_child(work, timeout=60):
    """Exit status of a forked child that does `work`; -SIGKILL: it hung."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@contextmanager
def beside(*works):
    """Repeats each work in a thread of its own; raises what one raises."""
    stop = threading.Event()
    counts, errors = [0] * len(works), []

    def repeat(place, work):
        try:
            while not stop.is_set():
                work()
                counts[place] += 1
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=repeat, args=item) for item in enumerate(works)
    ]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not errors
    assert not any(thread.is_alive() for thread in threads)


def sample_in_child(run, results):
    """Runs in a child of every kind."""
    batches = [run.next_batch(2) for _ in range(3)]
    results.put([b.request_id for b in batches])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_every_kind_sample_on_their_own(run, method):
    run.info()
    context = multiprocessing.get_context(method)
    results = context.Queue()
    children = [
        context.Process(target=sample_in_child, args=(run, results))
        for _ in range(3)
    ]
    for child in children:
        child.start()
    ids = sum((results.get(timeout=60) for _ in children), [])
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    ids += [run.next_batch(2).request_id]
    assert len(set(ids)) == 10
    assert run.info().in_flight_prompt_count == 20


def test_forks_beside_calls_of_other_threads(new_run):
    run = new_run(prompts=1000)
    # Waits longer than a fork does, and is repeated after it.
    taken = run.next_batch(1000)

    def wait_for_prompts():
        batch = run.next_batch(1, max_wait=2, timeout=60)
        run.release(batch)

    def sample():
        run.next_batch(1, max_wait=60, timeout=60)

    with beside(run.info, run.stats, run.info) as counts:
        for _ in range(5):
            assert in_child(run.info) == 0
        waiting = threading.Thread(target=wait_for_prompts)
        waiting.start()
        time.sleep(0.1)
        assert in_child(run.info) == 0
        run.release(taken)
        waiting.join(60)
        assert not waiting.is_alive()
        for _ in range(5):
            assert in_child(sample) == 0
    assert all(counts)
    # The parent's two, and one of each child: nothing was dealt twice.
    assert run.stats().batch_count == 7


def test_a_watch_goes_on_after_a_fork(run):
    watch = run.watch(interval=0.1, timeout=60)
    next(watch)
    for _ in range(3):
        assert in_child(run.info) == 0
        assert next(watch).prompt_count == 100
    watch.close()


def test_an_export_that_a_fork_cut_says_so(new_run):
    run = new_run(prompts=3000)
    prompts = run.prompts()
    next(prompts)
    assert in_child(run.info) == 0
    with pytest.raises(vade.Cancelled, match="this process forked") as caught:
        list(prompts)
    assert caught.value.reason == "PROCESS_FORKED"
    assert len(list(run.prompts())) == 3000


def test_a_child_of_a_child_and_its_parents_make_calls(run):
    def work():
        run.info()
        assert in_child(run.info) == 0
        run.info()

    run.info()
    assert in_child(work) == 0
    run.info()


def test_a_fork_while_a_server_is_away(run):
    with vade.Client("127.0.0.1:9", timeout=0.2) as away:
        for _ in range(3):
            with pytest.raises(vade.Unavailable):
                away.run("r").info()
            assert in_child(run.info) == 0


def test_a_child_may_use_asyncio_where_its_parent_did(server, run):
    async def ask(client):
        return (await client.run(run.id).info()).prompt_count

    async def once():
        async with vade.aio.Client(server.address) as client:
            assert await ask(client) == 100

    # Connected, but nothing in flight.
    loop = asyncio.new_event_loop()
    client = vade.aio.Client(server.address)
    for _ in range(3):
        assert loop.run_until_complete(ask(client)) == 100
        assert in_child(lambda: asyncio.run(once())) == 0
        assert in_child(run.info) == 0
    loop.run_until_complete(client.close())
    loop.close()


def test_a_fork_amid_calls_of_asyncio(server, new_run, caplog):
    run = new_run(prompts=1)
    batch = run.next_batch(1)

    def refused():
        with pytest.raises(vade.FailedPrecondition, match="'spawn'") as caught:
            run.info()
        assert caught.value.reason == "FORKED_PROCESS"

    async def work():
        async with vade.aio.Client(server.address) as client:
            far = client.run(run.id)
            waiting = asyncio.create_task(far.next_batch(1, max_wait=60))
            await asyncio.sleep(0)
            # Here only the loop could end the call, so the child is told.
            assert in_child(refused) == 0
            assert "in flight" in caplog.text
            await far.release(batch)
            assert len(await waiting) == 1
            # A thread can wait until it has ended.
            await asyncio.gather(
                far.info(), asyncio.to_thread(in_child, run.info)
            )

    asyncio.run(work())


INHERITED = """
import os, vade
def opened():
    links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
    return {os.readlink(link) for link in links if os.path.lexists(link)}
before = opened()
vade.Client(ADDRESS).run(RUN).info()
child = os.fork()
if child == 0:
    print(sorted(name for name in opened() - before if "pipe" not in name))
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc")
def test_a_child_inherits_nothing_of_grpc(server, run):
    # An epoll set in common would take answers from parent and child, but
    # only now and then.
    program = INHERITED.replace("ADDRESS", repr(server.address))
    done = subprocess.run(
        [sys.executable, "-c", program.replace("RUN", repr(run.id))],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "[]\n", done.stderr


PROGRAM = """
import os
{first}
import vade
run = vade.Client({address!r}, timeout=20).run({run!r})
run.info()
child = os.fork()
if child == 0:
    try:
        run.info()
        print("works", flush=True)
    except vade.FailedPrecondition as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
run.info()
"""


@pytest.mark.parametrize(
    ("first", "environment", "says"),
    [
        ("", {}, "works"),
        ("import grpc", {}, "GRPC_POLL_STRATEGY=poll"),
        ("import grpc", {"GRPC_POLL_STRATEGY": "poll"}, "works"),
        ("", {"GRPC_POLL_STRATEGY": "epoll1"}, "GRPC_POLL_STRATEGY=poll"),
        ("", {"GRPC_ENABLE_FORK_SUPPORT": "1"}, "works"),
        (
            "import vade, grpc; c = grpc.insecure_channel('127.0.0.1:9')",
            {},
            "something other than vade",
        ),
    ],
)
def test_a_child_in_which_grpc_would_hang_says_so(
    server, run, first, environment, says
):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PROGRAM.format(first=first, address=server.address, run=run.id),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env={
            **{k: v for k, v in os.environ.items() if k[:5] != "GRPC_"},
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_a_client_that_is_forgotten_does_not_spoil_later_forks(server, run):
    for _ in range(3):
        client = vade.Client(server.address)
        client.run(run.id).info()
        del client
    # An open one would be in the way of it.
    assert in_child(run.info) == 0


def test_garbage_that_holds_calls_does_not_spoil_forks(run):
    async def fail():
        async with vade.aio.Client("127.0.0.1:1", timeout=0.1) as client:
            with pytest.raises(vade.Unavailable):
                await client.run(run.id).info()

    gc.collect()
    gc.disable()
    try:
        # The library's calls and errors refer to each other.
        asyncio.run(fail())
        assert in_child(run.info) == 0
    finally:
        gc.enable()
