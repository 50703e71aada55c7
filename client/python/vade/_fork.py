"""Keeps forks and calls apart. Thread-safe.

gRPC survives a fork only if its fork support is on before it is first used,
and if no other thread is in a call at that moment; otherwise the child hangs
in the fork itself or in its first call. So this module turns the support on,
holds a fork back for a moment until calls in flight are over, and lets a
child of which neither could be had say so instead of hanging.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vade.errors import FailedPrecondition

_VARIABLE = "GRPC_ENABLE_FORK_SUPPORT"
_ON = ("1", "true", "yes")

# Long beside most calls, short beside a call that waits for prompts.
_HOLD_SECONDS = 1.0


def _turn_on() -> bool:
    """Whether gRPC's support is on; too late once gRPC was imported."""
    if "grpc" not in sys.modules:
        os.environ.setdefault(_VARIABLE, "1")
    return os.environ.get(_VARIABLE, "0").lower() in _ON


class ForkGate:
    """Counts calls in flight; one for the process."""

    def __init__(self) -> None:
        self._supported = _turn_on()
        self._condition = threading.Condition()
        self._in_flight = 0
        self._forking = False
        # Whether gRPC works in this process, and if not, why.
        self._broken = ""
        self._used = False
        self._used_by_asyncio = False

    def check(self) -> None:
        """Raises in a child in which gRPC would hang."""
        if self._broken:
            raise FailedPrecondition(self._broken)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around everything that gRPC does in this thread."""
        self.check()
        with self._condition:
            while self._forking:
                self._condition.wait()
            self._in_flight += 1
            self._used = True
        try:
            yield
        finally:
            with self._condition:
                self._in_flight -= 1
                self._condition.notify_all()

    def use_asyncio(self) -> None:
        """Notes that gRPC's threads for asyncio run from now on."""
        self.check()
        self._used_by_asyncio = True

    def before_fork(self) -> None:
        """Holds new calls back, and waits for those in flight."""
        with self._condition:
            self._forking = True
            self._condition.wait_for(
                lambda: self._in_flight == 0, _HOLD_SECONDS
            )

    def after_fork_in_parent(self) -> None:
        """Lets calls through again."""
        with self._condition:
            self._forking = False
            self._condition.notify_all()

    def after_fork_in_child(self) -> None:
        """Decides whether gRPC can work here. No other thread is left."""
        advice = (
            "; start processes with multiprocessing's 'spawn' or 'forkserver',"
            " or fork before the first call"
        )
        why = ""
        if self._used_by_asyncio:
            why = "its parent had used vade.aio"
        elif self._in_flight > 0:
            why = f"{self._in_flight} calls of its parent were in flight"
        elif self._used and not self._supported:
            why = (
                f"its parent imported grpc without {_VARIABLE}=1 in the "
                "environment before it imported vade"
            )
        if why:
            self._broken = f"gRPC cannot work in this forked process: {why}"
            self._broken += advice
        self._condition = threading.Condition()
        self._in_flight = 0
        self._forking = False


GATE = ForkGate()
os.register_at_fork(
    before=GATE.before_fork,
    after_in_parent=GATE.after_fork_in_parent,
    after_in_child=GATE.after_fork_in_child,
)
