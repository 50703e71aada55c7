"""What the two clients share: settings, steps of calls, and the drivers' state.

A method of a client is written once, as a *plan*: a generator that yields
steps (a call, an upload, work that blocks) and is sent their results. One
driver takes the steps in threads, the other in asyncio. So checks, conversion
and what is repeated cannot differ between the two.
"""

from __future__ import annotations

import itertools
import os
import random
import secrets
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, Union

import grpc

from vade import _security, options
from vade._fork import RECONNECT_SECONDS
from vade._proto.vade.client.v1 import wire_pb2
from vade._outage import OutageWatch
from vade._retry import Attempts
from vade.errors import Error, make_error, refuse
from vade.outage import Local, Outage, Wait, outage_of

T = TypeVar("T")


@dataclass
class Call:
    """One request with one answer.

    Attributes:
        rule: A name of the table of repeats; the method stands before "(".
        timeout: Seconds that one attempt may take at most.
        deadline: When the call with all its attempts must be over.
    """

    rule: str
    request: Any
    timeout: float
    deadline: float

    @property
    def method(self) -> str:
        """The name of the RPC."""
        return self.rule.partition("(")[0]


@dataclass
class Upload(Call):
    """A stream of requests, all in memory to be sent again, and one answer."""

    request: Sequence[Any]


@dataclass
class Blocking:
    """Work that may block on a disk: the result is what `work` returns."""

    work: Callable[[], Any]


Step = Union[Call, Upload, Blocking]
Plan = Generator[Step, Any, T]


@dataclass
class Stream:
    """One request with a stream of answers.

    Attributes:
        timeout: Seconds for the whole stream; None: no end.
        resume: Start again after a lost connection though messages came:
            for streams of which each message stands alone.
    """

    rule: str
    request: Any
    timeout: float | None
    resume: bool


@dataclass(frozen=True)
class Settings:
    """All that makes a client, as plain picklable values."""

    address: str
    tls: options.Tls | None
    token: str | None = field(repr=False)
    timeout: float
    retry: options.Retry
    outage: Outage
    max_message_bytes: int

    @staticmethod
    def of(
        address: str | None,
        tls: options.Tls | None,
        token: str | None,
        timeout: options.Duration,
        retry: options.Retry | None,
        on_outage: object,
        max_message_bytes: int,
    ) -> Settings:
        """Checks the arguments of a client."""
        if address is None:
            address = options.default_address()
            tls = tls or options.environment_tls()
        if not isinstance(address, str) or not address:
            raise refuse("address", address, "give host:port or unix:/path")
        if tls is not None and not isinstance(tls, options.Tls):
            raise refuse("tls", tls, "give a vade.Tls")
        if retry is not None and not isinstance(retry, options.Retry):
            raise refuse("retry", retry, "give a vade.Retry")
        if token is not None and not (isinstance(token, str) and token):
            raise refuse("token", "(hidden)", "give a str that is not empty")
        if not 4 << 20 <= max_message_bytes < 1 << 31:
            raise refuse(
                "max_message_bytes",
                max_message_bytes,
                f"give {4 << 20} to {(1 << 31) - 1}",
            )
        return Settings(
            address,
            tls,
            token,
            options.timeout_seconds(timeout, 30.0),
            retry or options.Retry(),
            outage_of(on_outage),
            max_message_bytes,
        )

    def is_local(self) -> bool:
        """The address is on this machine."""
        host = self.address.rpartition(":")[0].strip("[]")
        return self.address.startswith("unix:") or host in (
            "127.0.0.1",
            "localhost",
            "::1",
        )

    def channel_options(self) -> list[tuple[str, Any]]:
        """Arguments of a channel, for either kind."""
        arguments: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", self.max_message_bytes),
            ("grpc.max_send_message_length", self.max_message_bytes),
            # A restarted server should be found again within a second; the
            # library's own pauses would grow to two minutes.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 1000),
            ("grpc.max_reconnect_backoff_ms", int(RECONNECT_SECONDS * 1000)),
            # Clients of one process, and a process and what it forked, would
            # share one connection otherwise.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if self.is_local():
            # A proxy of the site knows nothing of this machine's ports.
            arguments.append(("grpc.enable_http_proxy", 0))
        if self.tls is not None and self.tls.server_name is not None:
            name = self.tls.server_name
            arguments.append(("grpc.ssl_target_name_override", name))
        return arguments

    def credentials(self) -> grpc.ChannelCredentials | None:
        """None: no encryption."""
        if self.tls is None:
            return None
        return _security.credentials(self.tls)

    def call_metadata(self) -> tuple[tuple[str, str], ...]:
        """Headers of every call."""
        if self.token is None:
            return ()
        return (("authorization", f"Bearer {self.token}"),)


class Core:
    """What one client keeps besides its connection. Thread-safe.

    A forked child has random numbers and request ids of its own.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.now = time.monotonic
        self.outage = OutageWatch(settings.outage, settings.address)
        self._start_process()

    def _start_process(self) -> None:
        self._rng = random.Random(self.settings.retry.jitter_seed)
        self._prefix = f"client-{secrets.token_hex(8)}-"
        self._numbers = itertools.count(1)
        self._pid = os.getpid()

    def check_process(self) -> bool:
        """Starts afresh in a forked child; True if that was so."""
        if self._pid == os.getpid():
            return False
        self._start_process()
        self.outage.forget_parent()
        return True

    def new_request_id(self) -> str:
        """Never the same twice, in this process or in another."""
        self.check_process()
        return f"{self._prefix}{next(self._numbers)}"

    def call(
        self,
        rule: str,
        request: Any,
        timeout: options.Duration | None = None,
        *,
        extra: float = 0.0,
        has_substitute: bool = False,
    ) -> Call:
        """A call that starts now.

        Args:
            extra: Seconds by which the client's timeout is longer.
            has_substitute: There is something to do without a server, so that
                a client that may do it does not try for long.
        """
        own = self.settings.timeout + extra
        limit = options.timeout_seconds(timeout, own)
        if has_substitute and isinstance(self.settings.outage, Local):
            limit = min(limit, self.settings.outage.patience + extra)
        return Call(rule, request, limit, self.now() + self._patience(limit))

    def upload(
        self,
        rule: str,
        requests: Sequence[Any],
        timeout: options.Duration | None,
    ) -> Upload:
        """An upload that starts now."""
        limit = options.timeout_seconds(timeout, self.settings.timeout)
        deadline = self.now() + self._patience(limit)
        return Upload(rule, requests, limit, deadline)

    def _patience(self, limit: float) -> float:
        outage = self.settings.outage
        if isinstance(outage, Wait):
            return max(limit, outage.at_most)
        return limit

    def attempts(self, rule: str, deadline: float) -> Attempts:
        """The attempts of a call."""
        return Attempts(
            self.settings.retry, rule, deadline, self._rng, self.now
        )


class StreamAttempts:
    """When a stream is started again. Thread-compatible."""

    def __init__(self, core: Core, stream: Stream) -> None:
        self._core = core
        self._stream = stream
        self._end: float | None = None
        if stream.timeout is not None:
            self._end = core.now() + stream.timeout
        self._any = False
        self._attempts = self._fresh()

    def _fresh(self) -> Attempts:
        call = self._core.call(self._stream.rule, None)
        deadline = call.deadline
        if self._end is not None:
            deadline = min(deadline, self._end)
        return self._core.attempts(self._stream.rule, deadline)

    def timeout(self) -> float | None:
        """Seconds that the stream may still take."""
        if self._end is None:
            return None
        return max(0.0, self._end - self._core.now())

    def got_message(self) -> None:
        """A message came: patience and pauses start afresh."""
        self._any = True
        if self._stream.resume:
            self._attempts = self._fresh()

    def pause_after(self, error: Error) -> float:
        """Seconds until the next start; raises if there is to be none."""
        if self._any and not self._stream.resume:
            error.maybe_applied = False
            raise error
        return self._attempts.pause_after(error)


_DETAILS_KEY = "grpc-status-details-bin"
_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def _error_info(error: Any) -> wire_pb2.ErrorInfo:
    info = wire_pb2.ErrorInfo()
    for key, value in error.trailing_metadata() or ():
        if key != _DETAILS_KEY:
            continue
        for detail in wire_pb2.ErrorStatus.FromString(value).details:
            if detail.type_url == _ERROR_INFO:
                info.ParseFromString(detail.value)
                return info
    return info


def error_of(error: grpc.RpcError, settings: Settings) -> Error:
    """What gRPC raised, as an error of this package."""
    info = _error_info(error)
    code = error.code().name
    message = error.details() or ""
    if not info.reason:
        # The transport's own words; the server's name what they are about.
        message = f"{settings.address}: {message or 'no answer'}"
        if code == "UNAVAILABLE":
            message += f"; {_security.hint(message, settings.tls)}"
    made = make_error(code, message, info.reason, dict(info.metadata))
    return made
