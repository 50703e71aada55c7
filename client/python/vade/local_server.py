"""LocalServer: a vade-server of one's own, for notebooks, tests and one node.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from vade import options
from vade.client import Client
from vade.errors import Error, Unavailable, refuse

__all__ = ["LocalServer", "ServerStartFailed"]

_POLL = 0.01
# The guard's own grace, and a margin.
_STOP_SECONDS = 20.0
_LOG_LINES = 15
_GUARD = Path(__file__).with_name("_guard.py")


class ServerStartFailed(Error):
    """A vade-server was not found, or did not start; the text has its log."""

    code = "FAILED_PRECONDITION"


def find_server(server: str | os.PathLike[str] | None = None) -> Path:
    """The program vade-server.

    Looks at the argument, the environment variable VADE_SERVER, PATH, and the
    build folders of the repository that this package lies in.

    Raises:
        ServerStartFailed: It is nowhere; the text says where it was looked
            for.
    """
    named: list[tuple[str, str | os.PathLike[str] | None]] = [
        ("the argument server", server),
        ("VADE_SERVER", os.environ.get("VADE_SERVER")),
    ]
    for origin, path in named:
        if not path:
            continue
        if not os.access(path, os.X_OK) or Path(path).is_dir():
            raise ServerStartFailed(
                f"{origin} names {os.fspath(path)!r}, which is no program; "
                "give the path of vade-server"
            )
        return Path(path).resolve()
    found = shutil.which("vade-server")
    if found is not None:
        return Path(found).resolve()
    folders = [
        parent / "build"
        for parent in Path(__file__).resolve().parents
        if (parent / "CMakeLists.txt").is_file()
    ]
    for folder in folders:
        for name in ("release", "dev", "*"):
            for program in sorted(folder.glob(f"{name}/bin/vade-server")):
                return program
    looked = ", ".join(map(str, folders)) or "no repository around"
    raise ServerStartFailed(
        "vade-server was not found: not in server= or VADE_SERVER, not on "
        f"PATH, not in a build folder ({looked}); build it with "
        "'cmake --preset release && cmake --build --preset release' in a "
        "clone of the repository, and give its path"
    )


class LocalServer:
    """A vade-server on loopback that ends with this process. Thread-safe.

    Serves once the constructor has returned. It is stopped by `stop`, at the
    end of a `with`, at the end of the program, and also if this process is
    killed. A forked child may use it but does not stop it.

    Args:
        data: Folder of all state; kept. None: a temporary folder that goes
            with the server.
        sync: What an answered change survives: "always" a power cut,
            "interval" all but the newest second of it, "never" a kill -9.
        server: The program. None: VADE_SERVER, PATH, the repository's build.
        port: None: a free one.
        arguments: More arguments of vade-server.
        timeout: Seconds until it must serve.

    Raises:
        ServerStartFailed: With the end of the server's log.
    """

    def __init__(
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        sync: Literal["always", "interval", "never"] = "always",
        server: str | os.PathLike[str] | None = None,
        port: int | None = None,
        arguments: Sequence[str] = (),
        timeout: options.Duration = 60.0,
    ) -> None:
        if sync not in ("always", "interval", "never"):
            raise refuse("sync", sync, "give always, interval or never")
        self._program = find_server(server)
        self._sync = sync
        self._arguments = list(arguments)
        self._timeout = options.timeout_seconds(timeout, 60.0)
        self._mutex = threading.RLock()
        self._guard: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._port = port or 0
        self._owner = os.getpid()
        self._folder = Path(tempfile.mkdtemp(prefix="vade-local-"))
        self._data = self._folder / "data" if data is None else Path(data)
        self._close = weakref.finalize(
            self, _remove_folder, self._folder, self._owner
        )
        atexit.register(_stop_weakly, weakref.ref(self))
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"vade.LocalServer({str(self._data)!r}, {self.address!r})"

    @property
    def address(self) -> str:
        """host:port; the same over `stop` and `start`."""
        return f"127.0.0.1:{self._port}"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self._data

    @property
    def pid(self) -> int | None:
        """The server's process id; None while it is stopped."""
        return self._pid

    @property
    def log(self) -> str:
        """All that the server has logged."""
        try:
            return self._log_file.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    @property
    def _log_file(self) -> Path:
        return self._folder / "vade-server.log"

    def client(self, **settings: Any) -> Client:
        """A client of this server; `settings` as `vade.Client` takes them."""
        return Client(self.address, **settings)

    def start(self) -> None:
        """Starts the server again after `stop` or `kill`, on the same port.

        Raises:
            ServerStartFailed: With the end of the server's log.
        """
        with self._mutex:
            if self._guard is not None and self._guard.poll() is None:
                return
            self._folder.mkdir(exist_ok=True)
            port_file = self._folder / "port"
            port_file.unlink(missing_ok=True)
            (self._folder / "pid").unlink(missing_ok=True)
            command = [
                *(sys.executable, "-I", "-S", str(_GUARD)),
                *(str(self._folder), str(self._program)),
                f"--data={self._data}",
                f"--sync={self._sync}",
                f"--address={self.address}",
                f"--port-file={port_file}",
                *self._arguments,
            ]
            with open(self._log_file, "ab") as log:
                self._guard = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            deadline = time.monotonic() + self._timeout
            self._pid = int(self._await_file("pid", deadline))
            self._port = int(self._await_file("port", deadline))
            self._await_serving(deadline)

    def _await_file(self, name: str, deadline: float) -> str:
        path = self._folder / name
        while not path.exists():
            self._check_alive(deadline, f"has not written its {name}")
            time.sleep(_POLL)
        return path.read_text()

    def _await_serving(self, deadline: float) -> None:
        with self.client() as client:
            while True:
                try:
                    client.wait_until_serving(timeout=0.5)
                    return
                except Unavailable as error:
                    self._check_alive(deadline, error.message)

    def _check_alive(self, deadline: float, missing: str) -> None:
        assert self._guard is not None
        status = self._guard.poll()
        if status is not None:
            raise self._failure(f"ended with exit code {status}")
        if time.monotonic() > deadline:
            raise self._failure(
                f"does not serve after {self._timeout:g} s: {missing}"
            )

    def _failure(self, what: str) -> ServerStartFailed:
        lines = self.log.splitlines()[-_LOG_LINES:]
        end = "\n".join(f"  {line}" for line in lines) or "  (empty)"
        return ServerStartFailed(
            f"{self._program} {what}; the end of its log:\n{end}"
        )

    def kill(self) -> None:
        """Ends the server as kill -9 does, to test what survives that."""
        with self._mutex:
            if self._pid is not None and self._owner == os.getpid():
                try:
                    os.kill(self._pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self._end_guard()

    def stop(self) -> None:
        """Stops the server: what it has accepted is answered, at most 20 s.

        A temporary data folder stays until this object goes, so that `start`
        finds what was there.
        """
        with self._mutex:
            self._end_guard()

    def _end_guard(self) -> None:
        if self._owner != os.getpid():
            return
        guard, self._guard = self._guard, None
        self._pid = None
        if guard is None:
            return
        if guard.stdin is not None:
            guard.stdin.close()
        try:
            guard.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()


def _stop_weakly(reference: weakref.ref[LocalServer]) -> None:
    server = reference()
    if server is not None:
        server.stop()


def _remove_folder(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
