"""Tokens, for a proxy that stands in front of the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from certificates import Certificates

import vade
import vade.aio
from vade._proto.vade.sampler.v1 import run_pb2


class Proxy(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Lets calls with one token through, to answers that it makes itself."""

    def __init__(self, token: str) -> None:
        self._wanted = ("authorization", f"Bearer {token}")
        self.methods: set[str] = set()

    def service(self, details: Any) -> Any:
        """gRPC asks here for who answers a call."""
        admitted = self._wanted in details.invocation_metadata
        name = details.method.rpartition("/")[2]

        def answer(request: bytes, context: Any) -> bytes:
            if not admitted:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")
            self.methods.add(name)
            return run_pb2.Run(name="runs/r").SerializeToString()

        def stream(request: bytes, context: Any) -> Iterator[bytes]:
            answer(request, context)
            return iter(())

        if name == "ExportPrompts":
            return grpc.unary_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
def proxy(certificates: Certificates) -> Iterator[tuple[Proxy, str]]:
    """A proxy over TLS, and its address."""
    pem, key = map(certificates.path, ("server.pem", "server.key"))
    handler = Proxy("secret")
    grpc_server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    pair = (key.read_bytes(), pem.read_bytes())
    credentials = grpc.ssl_server_credentials([pair])
    port = grpc_server.add_secure_port("localhost:0", credentials)
    grpc_server.start()
    yield handler, f"localhost:{port}"
    stopped: threading.Event = grpc_server.stop(None)
    assert stopped.wait(10)


def test_a_token_goes_with_every_kind_of_call(
    proxy: tuple[Proxy, str], ours: vade.Tls
) -> None:
    handler, address = proxy
    with vade.Client(address, tls=ours, token="secret") as client:
        assert client.run("r").info().id == "r"
        assert list(client.run("r").prompts()) == []

    async def main() -> None:
        async with vade.aio.Client(address, tls=ours, token="secret") as client:
            assert (await client.run("r").info()).id == "r"
            assert [p async for p in client.run("r").prompts()] == []

    assert handler.methods == {"GetRun", "ExportPrompts"}
    handler.methods.clear()
    asyncio.run(main())
    assert handler.methods == {"GetRun", "ExportPrompts"}


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_caller_without_the_token_is_refused_at_once(
    proxy: tuple[Proxy, str], ours: vade.Tls, token: str | None
) -> None:
    handler, address = proxy
    with vade.Client(address, tls=ours, token=token) as client:
        with pytest.raises(vade.Unauthenticated, match="no token"):
            client.run("r").info()
    assert handler.methods == set()
