"""Encrypted connections: real servers, real certificates, both clients."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import Certificates

import vade
import vade.aio
from vade import _security
from vade.adapters._settings import AdapterSettings
from vade.local_server import find_server

# One attempt: what is wrong here stays wrong.
_ONCE = vade.Retry(max_attempts=1)

#: Makes clients and one call of each: "threads" or "asyncio".
Lister = Callable[..., list[str]]


# ---- servers


@pytest.fixture(scope="module")
def start(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., str]]:
    """Starts servers with arguments of their own; gives their addresses."""
    processes = []

    def start(*arguments: str) -> str:
        folder = tmp_path_factory.mktemp("server")
        process = subprocess.Popen(
            [
                *(str(find_server()), "--sync=never", "--log-level=warning"),
                *(f"--data={folder / 'data'}", "--address=localhost:0"),
                *(f"--port-file={folder / 'port'}", *arguments),
            ]
        )
        processes.append(process)
        while not (folder / "port").exists():
            assert process.poll() is None, "the server has ended"
            time.sleep(0.01)
        return f"localhost:{(folder / 'port').read_text().strip()}"

    try:
        yield start
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def serving(address: str, tls: vade.Tls) -> str:
    """The address, once the server there serves."""
    with vade.Client(address, tls=tls) as client:
        client.wait_until_serving()
    return address


@pytest.fixture(scope="module")
def known(certificates: Certificates) -> vade.Tls:
    """The same, with a certificate to show."""
    return vade.Tls(
        ca_file=certificates.path("our-ca.pem"),
        certificate_file=certificates.path("client.pem"),
        key_file=certificates.path("client.key"),
    )


def tls_flags(certificates: Certificates, name: str) -> list[str]:
    return [
        f"--tls-cert={certificates.path(f'{name}.pem')}",
        f"--tls-key={certificates.path(f'{name}.key')}",
    ]


@pytest.fixture(scope="module")
def encrypted(
    start: Callable[..., str], certificates: Certificates, ours: vade.Tls
) -> str:
    """A server that encrypts, and lets anyone in."""
    return serving(start(*tls_flags(certificates, "server")), ours)


@pytest.fixture(scope="module")
def guarded(
    start: Callable[..., str], certificates: Certificates, known: vade.Tls
) -> str:
    """A server that asks for certificates."""
    authority = f"--tls-client-ca={certificates.path('workers-ca.pem')}"
    flags = tls_flags(certificates, "server")
    return serving(start(*flags, authority), known)


# ---- both clients


def list_in_threads(address: str, **settings: Any) -> list[str]:
    with vade.Client(address, **settings) as client:
        return [run.id for run in client.list_runs()]


def list_in_asyncio(address: str, **settings: Any) -> list[str]:
    async def main() -> list[str]:
        async with vade.aio.Client(address, **settings) as client:
            return [run.id async for run in client.list_runs()]

    return asyncio.run(main())


@pytest.fixture(params=["threads", "asyncio"])
def list_runs(request: pytest.FixtureRequest) -> Lister:
    listers = {"threads": list_in_threads, "asyncio": list_in_asyncio}
    return listers[request.param]


def refusal(list_runs: Lister, address: str, tls: vade.Tls | None) -> str:
    """The text of the error that a call ends with."""
    with pytest.raises(vade.Unavailable) as caught:
        list_runs(address, tls=tls, retry=_ONCE)
    assert address in str(caught.value)
    return str(caught.value)


# ---- who may talk to whom


def train_a_step(address: str, tls: vade.Tls, run_id: str) -> vade.RunStats:
    """All kinds of calls: one answer, uploads, streams, a reporter."""
    with vade.Client(address, tls=tls) as client:
        client.check_health()
        run = client.create_run(run_id, group_size=2)
        run.import_prompts(f"p{i}" for i in range(8))
        batch = run.next_batch(4)
        with run.reporter() as reporter:
            for prompt in batch:
                reporter.report(batch, prompt, [1.0, 0.0])
        assert len(list(run.prompts())) == 8
        return next(iter(run.watch()))


def test_a_training_step_over_tls(encrypted: str, ours: vade.Tls) -> None:
    assert train_a_step(encrypted, ours, "step").group_count == 4


def test_a_training_step_with_certificates_on_both_sides(
    guarded: str, known: vade.Tls
) -> None:
    assert train_a_step(guarded, known, "step").group_count == 4


def test_a_training_step_in_asyncio(guarded: str, known: vade.Tls) -> None:
    async def main() -> int:
        async with vade.aio.Client(guarded, tls=known) as client:
            await client.check_health()
            run = await client.create_run("step-aio", group_size=2)
            await run.import_prompts(f"p{i}" for i in range(8))
            batch = await run.next_batch(4)
            async with run.reporter() as reporter:
                for prompt in batch:
                    await reporter.report(batch, prompt, [1.0, 0.0])
            async for stats in run.watch():
                return stats.group_count
        raise AssertionError("no statistics came")

    assert asyncio.run(main()) == 4


def test_a_server_that_someone_else_signed_is_not_trusted(
    encrypted: str, certificates: Certificates, list_runs: Lister
) -> None:
    wrong = certificates.path("workers-ca.pem")
    text = refusal(list_runs, encrypted, vade.Tls(ca_file=wrong))
    assert "has expired, or is not signed by tls.ca_file=" in text
    assert str(wrong) in text
    text = refusal(list_runs, encrypted, vade.Tls())
    assert "no authority of this system signed" in text
    assert "tls=vade.Tls(ca_file=...)" in text


def test_a_health_check_says_so_too(
    encrypted: str, certificates: Certificates
) -> None:
    wrong = vade.Tls(ca_file=certificates.path("workers-ca.pem"))
    with vade.Client(encrypted, tls=wrong) as client:
        with pytest.raises(vade.Unavailable, match="not signed by tls.ca_file"):
            client.check_health()


def test_a_certificate_counts_for_its_name_alone(
    start: Callable[..., str],
    certificates: Certificates,
    ours: vade.Tls,
    list_runs: Lister,
) -> None:
    address = start(*tls_flags(certificates, "far"))
    text = refusal(list_runs, address, ours)
    assert "for another name" in text and "tls.server_name" in text
    named = vade.Tls(ca_file=ours.ca_file, server_name="sampler.example")
    serving(address, named)
    assert list_runs(address, tls=named) == []


def test_a_caller_without_the_certificate_asked_for_is_told(
    guarded: str,
    certificates: Certificates,
    ours: vade.Tls,
    list_runs: Lister,
) -> None:
    text = refusal(list_runs, guarded, ours)
    assert "a certificate of the client (tls.certificate_file" in text
    stranger = vade.Tls(
        ca_file=ours.ca_file,
        certificate_file=certificates.path("stranger.pem"),
        key_file=certificates.path("stranger.key"),
    )
    text = refusal(list_runs, guarded, stranger)
    assert "does its --tls-client-ca have the signer of" in text
    assert "stranger.pem" in text


def test_tls_on_one_side_alone_is_told(
    encrypted: str,
    server: vade.LocalServer,
    ours: vade.Tls,
    list_runs: Lister,
) -> None:
    assert "does it ask for TLS" in refusal(list_runs, encrypted, None)
    text = refusal(list_runs, server.address, ours)
    assert "does not encrypt; start it with --tls-cert" in text


def test_where_nobody_listens_no_certificate_is_blamed(ours: vade.Tls) -> None:
    text = refusal(list_in_threads, "127.0.0.1:1", ours)
    assert "; is a vade-server running there?" in text
    assert "cert" not in text


def test_the_words_of_other_versions_of_grpc_are_known() -> None:
    tls = vade.Tls(ca_file="ca.pem")
    for words, part in (
        ("SSL_ERROR_SSL: CERTIFICATE_VERIFY_FAILED", "tls.ca_file='ca.pem'"),
        ("Hostname Verification Check failed.", "tls.server_name"),
        ("OPENSSL_internal:WRONG_VERSION_NUMBER", "does not encrypt"),
        ("recvmsg:Connection reset by peer", "tls.certificate_file"),
    ):
        assert part in _security.hint(words, tls)


# ---- files


@pytest.fixture
def bad_files(certificates: Certificates) -> dict[str, Path]:
    """No PEM at all, and a key with a password."""
    junk, locked = certificates.path("junk.pem"), certificates.path("lock.key")
    junk.write_text("no certificate\n")
    done = subprocess.run(
        [
            *("openssl", "ec", "-aes256", "-passout", "pass:secret"),
            *("-in", str(certificates.path("client.key"))),
            *("-out", str(locked)),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {"junk": junk, "locked": locked}


def test_a_file_that_cannot_be_used_is_named(
    certificates: Certificates, bad_files: dict[str, Path], list_runs: Lister
) -> None:
    ca, chain, key = map(
        certificates.path, ("our-ca.pem", "client.pem", "client.key")
    )
    junk, locked = bad_files["junk"], bad_files["locked"]
    gone, other = certificates.path("gone.pem"), certificates.path("server.key")
    cases = [
        ((gone,), "tls.ca_file", "can be read (No such file", gone),
        ((junk,), "tls.ca_file", "with BEGIN CERTIFICATE", junk),
        ((ca, junk, key), "tls.certificate_file", "BEGIN CERTIFICATE", junk),
        ((ca, chain, gone), "tls.key_file", "can be read", gone),
        ((ca, chain, junk), "tls.key_file", "without a password", junk),
        ((ca, chain, locked), "tls.key_file", "without a password", locked),
        ((ca, chain, other), "tls.key_file", f"the key of '{chain}'", other),
    ]
    for files, argument, fix, path in cases:
        # Nobody listens there: the files come first.
        with pytest.raises(vade.InvalidArgument) as caught:
            list_runs("127.0.0.1:1", tls=vade.Tls(*files))
        assert caught.value.metadata["field"] == argument
        assert fix in str(caught.value)
        assert path.name in str(caught.value)


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(vade.InvalidArgument, match="together, or neither"):
        vade.Tls(certificate_file="client.pem")


def test_a_renewed_certificate_is_read_after_close(
    guarded: str, certificates: Certificates, known: vade.Tls, tmp_path: Path
) -> None:
    for kind in ("pem", "key"):
        shutil.copy(
            certificates.path(f"stranger.{kind}"), tmp_path / f"c.{kind}"
        )
    tls = vade.Tls(known.ca_file, tmp_path / "c.pem", tmp_path / "c.key")
    with vade.Client(guarded, tls=tls, retry=_ONCE) as client:
        with pytest.raises(vade.Unavailable):
            list(client.list_runs())
        for kind in ("pem", "key"):
            shutil.copy(
                certificates.path(f"client.{kind}"), tmp_path / f"c.{kind}"
            )
        client.close()
        list(client.list_runs())


# ---- other processes


def report_from_elsewhere(run: vade.Run, batch: vade.Batch) -> int:
    """In a spawned process: a report over its own encrypted connection."""
    return run.report(batch, batch[0], [1.0, 0.0]).accepted_count


def test_a_pickled_client_keeps_its_encryption_by_the_files_names(
    guarded: str, certificates: Certificates, known: vade.Tls
) -> None:
    with vade.Client(guarded, tls=known) as client:
        run = client.create_run("pickled", group_size=2)
        run.import_prompts(["p"])
        batch = run.next_batch(1)
        pickled = pickle.dumps((client, vade.aio.Client(guarded, tls=known)))
        secret = certificates.path("client.key").read_bytes().splitlines()[1]
        assert secret not in pickled and b"client.key" in pickled
        for copy in pickle.loads(pickled):
            assert copy._settings.tls == known
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            counted = pool.apply(report_from_elsewhere, (run, batch))
        assert counted == 2 == run.stats().rollout_count


def test_a_pickled_client_without_its_files_names_what_is_missing(
    guarded: str, known: vade.Tls, tmp_path: Path
) -> None:
    moved = tmp_path / "ca.pem"
    shutil.copy(os.fspath(known.ca_file or ""), moved)
    tls = vade.Tls(moved, known.certificate_file, known.key_file)
    client = vade.Client(guarded, tls=tls)
    list(client.list_runs())
    copy = pickle.loads(pickle.dumps(client))
    moved.unlink()
    with pytest.raises(vade.InvalidArgument, match="tls.ca_file.*ca.pem"):
        list(copy.list_runs())


# ---- the environment


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("", "_CA", "_CERT", "_KEY", "_SERVER_NAME"):
        monkeypatch.delenv(f"VADE_TLS{name}", raising=False)
    return monkeypatch


def test_the_environment_says_how_its_server_is_reached(
    environment: pytest.MonkeyPatch, guarded: str, known: vade.Tls
) -> None:
    environment.setenv("VADE_ADDRESS", guarded)
    for name, path in (
        ("CA", known.ca_file),
        ("CERT", known.certificate_file),
        ("KEY", known.key_file),
    ):
        environment.setenv(f"VADE_TLS_{name}", os.fspath(path or ""))
    with vade.Client() as client:
        client.check_health()
    # A trainer's config may name the address.
    adapter = AdapterSettings.of({"run": "r", "address": guarded})
    with adapter.client() as client:
        client.check_health()
    # Another server than that of the environment is reached as the call says.
    assert vade.Client("here:1")._settings.tls is None
    environment.setenv("VADE_TLS", "0")
    assert vade.Client()._settings.tls is None


def test_the_environment_alone_can_ask_for_the_systems_authorities(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("VADE_TLS", "1")
    environment.setenv("VADE_TLS_SERVER_NAME", "sampler.example")
    expected = vade.Tls(server_name="sampler.example")
    assert vade.Client()._settings.tls == expected
    assert vade.aio.Client()._settings.tls == expected
    given = vade.Tls(ca_file="ca.pem")
    assert vade.Client(tls=given)._settings.tls == given


@pytest.mark.parametrize(
    ("name", "value"), [("VADE_TLS", "maybe"), ("VADE_TLS_CERT", "c.pem")]
)
def test_what_the_environment_cannot_mean_is_refused(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(vade.InvalidArgument, match=f"{name}: set it"):
        vade.Client()
