"""A server of one's own, which ends with whoever asked for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

import vade
from vade.local_server import find_server


def is_alive(pid):
    """Whether a process runs; one that was waited for by init does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_server_serves_and_stops_and_keeps_its_data(tmp_path):
    data = tmp_path / "data"
    with vade.LocalServer(data) as server:
        pid, folder = server.pid, server._folder
        assert is_alive(pid) and "listening" in server.log
        with server.client() as client:
            client.check_health()
            client.create_run("kept")
    assert not is_alive(pid) and server.pid is None
    with vade.LocalServer(data) as again, again.client() as client:
        assert [info.id for info in client.list_runs()] == ["kept"]
    del server
    assert data.is_dir() and not folder.exists()


def test_a_server_starts_again_on_its_port_after_a_kill():
    with vade.LocalServer() as server, server.client() as client:
        client.create_run("kept")
        address = server.address
        server.kill()
        with pytest.raises(vade.Unavailable):
            client.check_health()
        server.start()
        assert server.address == address
        assert client.get_run("kept").id == "kept"
        server.start()


CHILD = """
import os, signal, sys, vade
server = vade.LocalServer()
child = {fork}
if child == 0:
    os.setsid()
    signal.pause()
print(server.pid, server.address, child, flush=True)
{end}
"""


@pytest.mark.parametrize(
    ("fork", "end"),
    [
        ("None", "os.kill(os.getpid(), signal.SIGKILL)"),
        ("None", "sys.exit(0)"),
        # A child that lives on keeps no server alive.
        ("os.fork()", "os.kill(os.getpid(), signal.SIGKILL)"),
    ],
)
def test_a_server_ends_with_the_process_that_asked_for_it(fork, end):
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(fork=fork, end=end)],
        stdout=subprocess.PIPE,
    )
    pid, address, child = process.stdout.readline().decode().split()
    process.wait(60)
    process.stdout.close()
    try:
        # The guard's own grace bounds this.
        with vade.Client(address) as client:
            while is_alive(int(pid)):
                try:
                    client.check_health(timeout=1)
                except vade.Error:
                    pass
    finally:
        if child != "None":
            os.kill(int(child), signal.SIGKILL)


def test_a_forked_child_uses_the_server_and_does_not_stop_it():
    with vade.LocalServer() as server:
        child = os.fork()
        if child == 0:
            try:
                with server.client() as client:
                    client.create_run("of-the-child")
                server.stop()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        with server.client() as client:
            assert client.get_run("of-the-child").id == "of-the-child"


def test_a_server_that_fails_shows_the_end_of_its_log(tmp_path):
    with vade.LocalServer(tmp_path / "data"):
        with pytest.raises(vade.ServerStartFailed) as caught:
            vade.LocalServer(tmp_path / "data")
    assert "ended with exit code 1; the end of its log" in str(caught.value)
    assert str(tmp_path / "data") in str(caught.value)


def test_a_wrong_argument_of_the_server_is_said():
    with pytest.raises(vade.ServerStartFailed, match="no-such-flag"):
        vade.LocalServer(arguments=["--no-such-flag"])
    with pytest.raises(vade.InvalidArgument, match="always, interval"):
        vade.LocalServer(sync="often")


def test_a_server_is_found_in_the_order_that_is_documented(
    monkeypatch, tmp_path
):
    def program(name):
        path = tmp_path / name / "vade-server"
        path.parent.mkdir()
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    argument, variable, on_path = map(program, ("a", "b", "c"))
    monkeypatch.setenv("VADE_SERVER", str(variable))
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert find_server(argument) == argument
    assert find_server() == variable
    monkeypatch.delenv("VADE_SERVER")
    assert find_server() == on_path
    with pytest.raises(vade.ServerStartFailed, match="the argument server"):
        find_server(tmp_path)
    monkeypatch.setenv("VADE_SERVER", str(tmp_path / "gone"))
    with pytest.raises(vade.ServerStartFailed, match="VADE_SERVER names"):
        find_server()
