"""Takes the steps of plans in asyncio, over one connection an event loop."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import grpc
import grpc.aio

from vade import _fork
from vade._core import Blocking, Call, Core, Plan, Settings, Step, Stream
from vade._core import StreamAttempts, Upload, error_of
from vade._driver import _HEALTH_PAUSE, _HEALTH_TIMEOUT, check_serving
from vade._driver import Stub, health_method
from vade._proto.vade.client.v1 import wire_pb2
from vade.errors import DeadlineExceeded, Unavailable

T = TypeVar("T")

_FORK_PAUSE = 0.001


class Connection(_fork.Connection):
    """A channel and its stubs; belongs to one event loop, up to the next
    fork."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        arguments = settings.channel_options()
        credentials = settings.credentials()
        with _fork.GATE.opening(self):
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
        self._loop = asyncio.get_running_loop()

    def ends_calls(self) -> bool:
        # They end in their event loop, which may be what forks.
        return False

    def may_fall_idle(self) -> bool:
        try:
            return asyncio.get_running_loop() is not self._loop
        except RuntimeError:
            return True  # This thread has none.

    def close_channel(self) -> None:
        # What is forgotten closes at once; its own close() needs the loop.
        self.channel = self.stub = self.health = None


class Driver:
    """Thread-compatible within each event loop."""

    def __init__(self, settings: Settings) -> None:
        self.core = Core(settings)
        self._metadata = settings.call_metadata()
        self._connections: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, Connection
        ] = weakref.WeakKeyDictionary()

    def connection(self) -> Connection:
        """The connection of the running event loop."""
        loop = asyncio.get_running_loop()
        current = self._connections.get(loop)
        if current is not None and not current.forked:
            return current
        self.core.check_process()
        made = Connection(self.core.settings)
        self._connections[loop] = made
        return made

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        """Around one use of the connection."""
        while _fork.GATE.forking:
            await asyncio.sleep(_FORK_PAUSE)
        connection = self.connection()
        with _fork.GATE.call(connection):
            yield connection

    async def close(self) -> None:
        """Ends the connection of the running event loop."""
        loop = asyncio.get_running_loop()
        current = self._connections.pop(loop, None)
        if current is not None and not current.forked:
            await current.channel.close()

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
                error = error_of(raised, self.core.settings)
            await asyncio.sleep(self.core.outage.pause_after(attempts, error))

    async def _attempt(self, step: Call, left: float) -> Any:
        request = step.request
        if isinstance(step, Upload):
            request = iter(step.request)
        async with self._connected() as connection:
            answer = await getattr(connection.stub, step.method)(
                request,
                timeout=min(step.timeout, max(left, 0.001)),
                metadata=self._metadata,
            )
        self.core.outage.answered()
        return answer

    async def stream(self, stream: Stream) -> AsyncIterator[Any]:
        """The messages of a stream, over lost connections where it may."""
        attempts = StreamAttempts(self.core, stream)
        while True:
            try:
                async with self._connected() as connection:
                    async for message in self._messages(
                        connection, stream, attempts
                    ):
                        yield message
                return
            except grpc.RpcError as raised:
                error = error_of(raised, self.core.settings)
            await asyncio.sleep(attempts.pause_after(error))

    async def _messages(
        self,
        connection: Connection,
        stream: Stream,
        attempts: StreamAttempts,
    ) -> AsyncIterator[Any]:
        call = getattr(connection.stub, stream.rule)(
            stream.request,
            timeout=attempts.timeout(),
            metadata=self._metadata,
        )
        try:
            async for message in call:
                attempts.got_message()
                yield message
        finally:
            # Also when the reader has had enough.
            call.cancel()

    async def check_health(self, timeout: float) -> None:
        """One attempt; raises unless the server serves now."""
        try:
            async with self._connected() as connection:
                answer = await connection.health(
                    wire_pb2.HealthCheckRequest(),
                    timeout=timeout,
                    metadata=self._metadata,
                )
        except grpc.RpcError as raised:
            raise error_of(raised, self.core.settings) from None
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
