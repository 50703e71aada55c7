"""Takes the steps of plans in asyncio, over one connection an event loop."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc
import grpc.aio

from vade import _fork
from vade._core import Blocking, Call, Core, Plan, Settings, Step, Stream
from vade._core import StreamAttempts, Upload, error_of
from vade._driver import _HEALTH_PAUSE, _HEALTH_TIMEOUT, check_serving
from vade._driver import Stub, health_method
from vade._proto.vade.client.v1 import wire_pb2
from vade.errors import DeadlineExceeded, Error, Unavailable

T = TypeVar("T")


class Connection:
    """A channel and its stubs; belongs to one event loop of one process."""

    def __init__(self, settings: Settings) -> None:
        arguments = settings.channel_options()
        credentials = settings.credentials()
        if credentials is None:
            self.channel = grpc.aio.insecure_channel(
                settings.address, arguments
            )
        else:
            self.channel = grpc.aio.secure_channel(
                settings.address, credentials, arguments
            )
        self.stub = Stub(self.channel)
        self.health = health_method(self.channel)
        self.pid = os.getpid()


class Driver:
    """Thread-compatible within each event loop."""

    def __init__(self, settings: Settings) -> None:
        self.core = Core(settings)
        self._metadata = settings.call_metadata()
        self._connections: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, Connection
        ] = weakref.WeakKeyDictionary()
        # A parent's connections: closing them would disturb the parent's.
        self._foreign: list[Connection] = []

    def connection(self) -> Connection:
        """The connection of the running event loop."""
        loop = asyncio.get_running_loop()
        current = self._connections.get(loop)
        if current is not None and current.pid == os.getpid():
            return current
        _fork.GATE.check()
        if self.core.check_process():
            self._foreign.extend(self._connections.values())
        made = Connection(self.core.settings)
        _fork.GATE.open_async(made)
        self._connections[loop] = made
        return made

    async def close(self) -> None:
        """Ends the connection of the running event loop."""
        loop = asyncio.get_running_loop()
        current = self._connections.pop(loop, None)
        if current is not None and current.pid == os.getpid():
            await current.channel.close()
            _fork.GATE.close_async(current)

    async def run(self, plan: Plan[T]) -> T:
        """Takes all steps of a plan; returns or raises what it does."""
        self.core.check_process()
        send: Callable[[Any], Step] = plan.send
        value: Any = None
        try:
            while True:
                step = send(value)
                try:
                    value, send = await self._take(step), plan.send
                except Exception as error:
                    value, send = error, plan.throw
        except StopIteration as done:
            result: T = done.value
            return result

    async def _take(self, step: Step) -> Any:
        if isinstance(step, Blocking):
            return await asyncio.to_thread(step.work)
        attempts = self.core.attempts(step.rule, step.deadline)
        while True:
            try:
                return await self._attempt(step, attempts.left())
            except grpc.RpcError as raised:
                error = self._error_of(raised)
            await asyncio.sleep(self.core.outage.pause_after(attempts, error))

    async def _attempt(self, step: Call, left: float) -> Any:
        method = getattr(self.connection().stub, step.method)
        request = step.request
        if isinstance(step, Upload):
            request = iter(step.request)
        answer = await method(
            request,
            timeout=min(step.timeout, max(left, 0.001)),
            metadata=self._metadata,
        )
        self.core.outage.answered()
        return answer

    def _error_of(self, raised: grpc.RpcError) -> Error:
        error = error_of(raised, self.core.settings)
        if isinstance(error, Unavailable):
            _fork.GATE.lost_connection()
        return error

    async def stream(self, stream: Stream) -> AsyncIterator[Any]:
        """The messages of a stream, over lost connections where it may."""
        attempts = StreamAttempts(self.core, stream)
        while True:
            method = getattr(self.connection().stub, stream.rule)
            call = method(
                stream.request,
                timeout=attempts.timeout(),
                metadata=self._metadata,
            )
            try:
                async for message in call:
                    attempts.got_message()
                    yield message
                return
            except grpc.RpcError as raised:
                error = error_of(raised, self.core.settings)
            finally:
                # Also when the reader has had enough.
                call.cancel()
            await asyncio.sleep(attempts.pause_after(error))

    async def check_health(self, timeout: float) -> None:
        """One attempt; raises unless the server serves now."""
        try:
            answer = await self.connection().health(
                wire_pb2.HealthCheckRequest(),
                timeout=timeout,
                metadata=self._metadata,
            )
        except grpc.RpcError as raised:
            raise self._error_of(raised) from None
        check_serving(answer)

    async def wait_until_serving(self, timeout: float) -> None:
        """Returns as soon as check_health passes."""
        deadline = self.core.now() + timeout
        while True:
            left = max(deadline - self.core.now(), 0.001)
            try:
                await self.check_health(min(_HEALTH_TIMEOUT, left))
                return
            except (Unavailable, DeadlineExceeded) as error:
                if self.core.now() + _HEALTH_PAUSE >= deadline:
                    raise Unavailable(
                        error.message, reason=error.reason
                    ) from None
            await asyncio.sleep(_HEALTH_PAUSE)
