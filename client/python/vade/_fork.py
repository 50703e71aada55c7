"""Keeps forks and gRPC apart. Thread-safe.

A process cannot be forked while gRPC is at work in it: the child inherits its
locks and its state, and none of the threads that would give the locks back.
gRPC has handlers of its own for that (GRPC_ENABLE_FORK_SUPPORT), off unless
asked for. They end the child with status 64 where they fail, and they run
Python before the child's interpreter is whole, so that it hangs now and then
beside other threads. So before a fork this module closes all connections of
the process, by which gRPC ends its threads and forgets its state, and waits
until that is done. Parent and child then connect anew, at their next call.
"""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from vade import _polling
from vade.errors import Cancelled, FailedPrecondition

_LOG = logging.getLogger("vade")
_ADVICE = (
    "start processes with multiprocessing's 'spawn' or 'forkserver', or fork "
    "before the first call"
)

_SUPPORT = "GRPC_ENABLE_FORK_SUPPORT"

# What calls in flight are given to end by themselves; they are repeated after
# the fork otherwise.
_HOLD_SECONDS = 0.5

# gRPC pauses that long, and some jitter, after a connection that failed, and
# cannot be ended meanwhile.
RECONNECT_SECONDS = 0.5
# What is not down by then may be garbage that nobody has collected yet.
_GARBAGE_SECONDS = 0.05
# What is not down by then is somebody else's.
_END_SECONDS = 3.0
_LOOK_SECONDS = 0.001

# How the names of gRPC's own threads begin, as far as Linux keeps them.
_THREADS = (
    "default-executo",
    "event_engine",
    "grpc_",
    "lifeguard",
    "resolver-execut",
    "timer_manager",
)


def closed_by_fork() -> Cancelled:
    """What became of a call that a fork did not wait for."""
    return Cancelled(
        "the connection was closed because this process forked while the "
        "call was in flight",
        reason="PROCESS_FORKED",
    )


class Connection:
    """What is closed before a fork, and not used after it.

    Attributes:
        in_flight: Calls; changed by the gate alone.
        forked: It was closed.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.forked = False

    def ends_calls(self) -> bool:
        """Whether closing it ends its calls in flight."""
        return True

    def may_fall_idle(self) -> bool:
        """Whether calls in flight can end while this thread waits."""
        return True

    def close_channel(self) -> None:
        """Leaves nothing of gRPC behind."""
        raise NotImplementedError


def _has_threads() -> bool:
    """Whether gRPC runs in this process; False where the system does not
    tell."""
    try:
        threads = os.listdir("/proc/self/task")
    except OSError:
        return False
    for thread in threads:
        try:
            with open(f"/proc/self/task/{thread}/comm", "rb") as file:
                name = file.read().decode(errors="replace")
        except OSError:
            continue  # It has just ended.
        if name.startswith(_THREADS):
            return True
    return False


def _is_down() -> bool:
    """Whether gRPC has ended all that it had begun in this process."""
    if _has_threads():
        return False
    # The last of its threads may still hold its lock. Beginning and ending it
    # here waits for that.
    grpc.insecure_channel("unix:/").close()
    return not _has_threads()


def _wait_until_down() -> bool:
    """False: others in this process have connections of their own."""
    start = time.monotonic()
    collected = False
    while not _is_down():
        waited = time.monotonic() - start
        if waited > _END_SECONDS:
            return False
        if waited > _GARBAGE_SECONDS and not collected:
            # gRPC counts its objects, closed ones too. Calls of asyncio that
            # failed refer to each other: they stay until they are collected.
            gc.collect()
            collected = True
        time.sleep(_LOOK_SECONDS)
    return True


class ForkGate:
    """Knows calls in flight and connections; one for the process."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._connections: weakref.WeakSet[Connection] = weakref.WeakSet()
        # Forks that go on in other threads.
        self._forks = 0
        # A connection was opened: ever, and since the last fork.
        self._used = False
        self._used_again = False
        # Why a child that is forked now could not use gRPC.
        self._in_the_way = ""
        # Why gRPC does not work in this process.
        self._broken = ""

    def check(self) -> None:
        """Raises in a child in which gRPC would hang."""
        if self._broken:
            raise FailedPrecondition(self._broken, reason="FORKED_PROCESS")

    @property
    def forking(self) -> bool:
        """A fork goes on in another thread."""
        return self._forks > 0

    def wait(self) -> None:
        """Returns when none does, so that it need not wait for what begins."""
        with self._condition:
            self._condition.wait_for(lambda: self._forks == 0)

    @contextmanager
    def opening(self, connection: Connection) -> Iterator[None]:
        """Around the making of a channel: before a fork or after it."""
        self.check()
        with self._condition:
            self._condition.wait_for(lambda: self._forks == 0)
            yield
            self._connections.add(connection)
            self._used = self._used_again = True

    @contextmanager
    def call(self, connection: Connection) -> Iterator[None]:
        """Around a call in flight.

        Raises:
            Cancelled: A fork ended it.
            FailedPrecondition: As `check`.
        """
        self.check()
        with self._condition:
            connection.in_flight += 1
        try:
            yield
        # The latter from a channel that was closed just before its use.
        except (grpc.RpcError, ValueError):
            if connection.forked:
                raise closed_by_fork() from None
            raise
        finally:
            with self._condition:
                connection.in_flight -= 1

    def before_fork(self) -> None:
        """Holds new calls back, and closes all connections."""
        with self._condition:
            self._forks += 1
            connections = list(self._connections)
        end = time.monotonic() + _HOLD_SECONDS
        while time.monotonic() < end and any(
            one.in_flight > 0 and one.may_fall_idle() for one in connections
        ):
            time.sleep(_LOOK_SECONDS)
        busy = False
        for one in connections:
            if one.in_flight > 0 and not one.ends_calls():
                busy = True
                continue
            one.forked = True
            one.close_channel()
            self._connections.discard(one)
        self._in_the_way = self._what_is_in_the_way(busy)
        if busy:
            _LOG.error(
                "this process forks while calls of a vade.aio.Client are in "
                "flight: the child cannot use vade; wait for them first, or %s",
                _ADVICE,
            )

    def _what_is_in_the_way(self, busy: bool) -> str:
        if busy:
            return "calls of a vade.aio.Client were in flight"
        if self._used_again:
            self._used_again = False
            down = _wait_until_down()
        else:
            down = not _has_threads()
        if not down and not _has_fork_support():
            return (
                "something other than vade had connections of gRPC, and "
                f"{_SUPPORT}=1 was not in the environment"
            )
        if self._used and not _polling.SAFE:
            return (
                "grpc had been imported before vade, without "
                f"{_polling.VARIABLE}={_polling.SAFE_FOR_FORKS} in the "
                "environment"
            )
        return ""

    def after_fork_in_parent(self) -> None:
        """Lets calls through again."""
        with self._condition:
            self._forks -= 1
            self._condition.notify_all()

    def after_fork_in_child(self) -> None:
        """Decides whether gRPC can work here. No other thread is left."""
        if self._in_the_way:
            self._broken = (
                "gRPC cannot work in this forked process: when it was forked, "
                f"{self._in_the_way}; {_ADVICE}"
            )
        self._condition = threading.Condition()
        self._forks = 0


def _has_fork_support() -> bool:
    """gRPC was asked to take care of forks itself."""
    value = os.environ.get(_SUPPORT, "0")
    return value.lower() in ("1", "true", "yes")


GATE = ForkGate()
os.register_at_fork(
    before=GATE.before_fork,
    after_in_parent=GATE.after_fork_in_parent,
    after_in_child=GATE.after_fork_in_child,
)
