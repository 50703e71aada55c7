"""Takes the steps of plans in threads, over one connection."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import grpc

from vade import _fork
from vade._core import Blocking, Call, Core, Plan, Settings, Step, Stream
from vade._core import StreamAttempts, Upload, error_of
from vade._proto.vade.client.v1 import wire_pb2
from vade._proto.vade.sampler.v1.sampler_pb2_grpc import SamplerStub
from vade.errors import Cancelled, DeadlineExceeded, Error, Unavailable

T = TypeVar("T")

# What gRPC generates has no types.
Stub: Any = SamplerStub

# Long enough to connect over a continent, short beside any pause.
_CONNECTING_SLICE = 0.2
_HEALTH_PAUSE = 0.05
# One probe of a server that accepts the connection and says nothing.
_HEALTH_TIMEOUT = 2.0


class Connection(_fork.Connection):
    """A channel and its stubs, up to the next fork."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        arguments = settings.channel_options()
        credentials = settings.credentials()
        with _fork.GATE.opening(self):
            if credentials is None:
                self.channel = grpc.insecure_channel(
                    settings.address, arguments
                )
            else:
                self.channel = grpc.secure_channel(
                    settings.address, credentials, arguments
                )
        self.stub = Stub(self.channel)
        self.health = health_method(self.channel)
        # A channel that is only forgotten stays open, and no fork of this
        # process would ever work again.
        weakref.finalize(self, self.channel.close).atexit = False

    def close_channel(self) -> None:
        self.channel.close()


def health_method(channel: Any) -> Any:
    """The health check of a channel of either kind."""
    return channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=wire_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=wire_pb2.HealthCheckResponse.FromString,
    )


def check_serving(answer: wire_pb2.HealthCheckResponse) -> None:
    """Raises unless the answer says SERVING."""
    if answer.status != wire_pb2.HealthCheckResponse.SERVING:
        raise Unavailable(
            "the server is up but does not serve: it loads or drains"
        )


class Driver:
    """Thread-safe. The connection is made at the first call of a process, and
    made anew after a fork."""

    def __init__(self, settings: Settings) -> None:
        self.core = Core(settings)
        self._metadata = settings.call_metadata()
        self._mutex = threading.Lock()
        self._connection: Connection | None = None
        self._pid = os.getpid()

    def connection(self) -> Connection:
        """The connection of this process."""
        if self._pid != os.getpid():
            # Another thread may have held the lock at the fork.
            self._mutex = threading.Lock()
            self._pid = os.getpid()
        with self._mutex:
            current = self._connection
            if current is not None and not current.forked:
                return current
            self.core.check_process()
            self._connection = Connection(self.core.settings)
            return self._connection

    def close(self) -> None:
        """Ends the connection; a later call makes a new one."""
        with self._mutex:
            current, self._connection = self._connection, None
        if current is not None:
            current.channel.close()

    def run(self, plan: Plan[T]) -> T:
        """Takes all steps of a plan; returns or raises what it does."""
        self.core.check_process()
        send: Callable[[Any], Step] = plan.send
        value: Any = None
        try:
            while True:
                step = send(value)
                try:
                    value, send = self._take(step), plan.send
                except Exception as error:
                    value, send = error, plan.throw
        except StopIteration as done:
            result: T = done.value
            return result

    def _take(self, step: Step) -> Any:
        if isinstance(step, Blocking):
            return step.work()
        attempts = self.core.attempts(step.rule, step.deadline)
        while True:
            try:
                return self._attempt(step, attempts.left())
            except Cancelled as forked:
                time.sleep(attempts.pause_after(forked))
                continue
            except grpc.RpcError as raised:
                error = error_of(raised, self.core.settings)
            time.sleep(self.core.outage.pause_after(attempts, error))
            self._drive_connecting(attempts.left())

    def _attempt(self, step: Call, left: float) -> Any:
        request = step.request
        if isinstance(step, Upload):
            request = iter(step.request)
        with self._connected() as connection:
            answer = getattr(connection.stub, step.method)(
                request,
                timeout=min(step.timeout, max(left, 0.001)),
                metadata=self._metadata,
            )
        self.core.outage.answered()
        return answer

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Around one use of the connection; raises as ForkGate.call does."""
        _fork.GATE.wait()
        connection = self.connection()
        with _fork.GATE.call(connection):
            yield connection

    def _drive_connecting(self, left: float) -> None:
        """Waits a moment if there is no connection.

        The library connects only while some thread waits in it; between
        attempts that fail at once nobody would.
        """
        # The attempt that follows tells what is wrong.
        with suppress(grpc.RpcError, Cancelled), self._connected() as current:
            current.health(
                wire_pb2.HealthCheckRequest(),
                timeout=max(min(_CONNECTING_SLICE, left), 0.001),
                metadata=self._metadata,
                wait_for_ready=True,
            )

    def stream(self, stream: Stream) -> Iterator[Any]:
        """The messages of a stream, over lost connections where it may."""
        attempts = StreamAttempts(self.core, stream)
        while True:
            error: Error
            try:
                yield from self._messages(stream, attempts)
                return
            except Cancelled as forked:
                error = forked
            except grpc.RpcError as raised:
                error = error_of(raised, self.core.settings)
            time.sleep(attempts.pause_after(error))
            self._drive_connecting(_CONNECTING_SLICE)

    def _messages(
        self, stream: Stream, attempts: StreamAttempts
    ) -> Iterator[Any]:
        with self._connected() as connection:
            call = getattr(connection.stub, stream.rule)(
                stream.request,
                timeout=attempts.timeout(),
                metadata=self._metadata,
            )
        try:
            while True:
                # Not in flight while the reader is about something else.
                with _fork.GATE.call(connection):
                    message = next(call, None)
                if message is None:
                    return
                attempts.got_message()
                yield message
        finally:
            # Also when the reader has had enough.
            call.cancel()

    def check_health(self, timeout: float) -> None:
        """One attempt; raises unless the server serves now."""
        try:
            with self._connected() as connection:
                answer = connection.health(
                    wire_pb2.HealthCheckRequest(),
                    timeout=timeout,
                    metadata=self._metadata,
                )
        except grpc.RpcError as raised:
            raise error_of(raised, self.core.settings) from None
        check_serving(answer)

    def wait_until_serving(self, timeout: float) -> None:
        """Returns as soon as check_health passes."""
        deadline = self.core.now() + timeout
        while True:
            left = max(deadline - self.core.now(), 0.001)
            try:
                self.check_health(min(_HEALTH_TIMEOUT, left))
                return
            except (Unavailable, DeadlineExceeded, Cancelled) as error:
                if self.core.now() + _HEALTH_PAUSE >= deadline:
                    raise Unavailable(
                        error.message, reason=error.reason
                    ) from None
            time.sleep(_HEALTH_PAUSE)
            self._drive_connecting(_CONNECTING_SLICE)
