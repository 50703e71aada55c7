"""Chooses how gRPC waits for its sockets; imported before gRPC.

By default it keeps one epoll set for the whole process and never closes it.
A forked child inherits the set itself, not a copy: parent and child then take
each other's events, and calls wait for ever. With poll() nothing is inherited.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "GRPC_POLL_STRATEGY"
SAFE_FOR_FORKS = "poll"


def _choose() -> bool:
    # gRPC reads it once, when it is first used.
    if "grpc" not in sys.modules:
        os.environ.setdefault(VARIABLE, SAFE_FOR_FORKS)
    return os.environ.get(VARIABLE) == SAFE_FOR_FORKS


#: Whether a fork leaves parent and child nothing in common.
SAFE = _choose()
