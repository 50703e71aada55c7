"""One vade-server for all tests that need no server of their own."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator

import pytest
from certificates import Certificates

import vade

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[vade.LocalServer]:
    """Shared: tests make runs of their own in it, and leave it running."""
    with vade.LocalServer(sync="never") as server:
        yield server


@pytest.fixture
def own_server() -> Iterator[vade.LocalServer]:
    """For a test that stops or kills it."""
    with vade.LocalServer() as server:
        yield server


@pytest.fixture
def client(server: vade.LocalServer) -> Iterator[vade.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def new_run(client: vade.Client) -> Callable[..., vade.Run]:
    """Makes a run with prompts p0, p1, ... that no other test has."""

    def make(prompts: int = 100, **settings: object) -> vade.Run:
        run_id = f"run-{next(_numbers)}"
        settings.setdefault("seed", 1)
        run = client.create_run(run_id, **settings)  # type: ignore[arg-type]
        run.import_prompts(f"p{i}" for i in range(prompts))
        return run

    return make


@pytest.fixture
def run(new_run: Callable[..., vade.Run]) -> vade.Run:
    """A run of 100 prompts, group size 8."""
    return new_run()


@pytest.fixture(scope="session")
def certificates(
    tmp_path_factory: pytest.TempPathFactory,
) -> Certificates:
    assert shutil.which("openssl"), "install Debian's package openssl"
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.signed("server", "localhost", "our-ca")
    made.signed("far", "sampler.example", "our-ca")
    made.signed("client", "worker", "workers-ca")
    made.signed("stranger", "worker", "strangers-ca")
    return made


@pytest.fixture(scope="session")
def ours(certificates: Certificates) -> vade.Tls:
    """Trusts the signer of the servers' certificates."""
    return vade.Tls(ca_file=certificates.path("our-ca.pem"))
