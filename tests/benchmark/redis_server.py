"""A Redis of our own: on a free port of the loopback, in a folder of its own,
ended with the `with` block. redis-tools has the server under another name.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import time

import redis


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RedisServer:
    """`fsync` is "always" or "everysec"."""

    def __init__(self, folder, fsync):
        self._folder = pathlib.Path(folder)
        self._fsync = fsync
        self._port = free_port()

    def __enter__(self):
        self._folder.mkdir(parents=True)
        # One program, which looks at the name it is called by.
        self._program = self._folder / "redis-server"
        self._program.symlink_to(shutil.which("redis-check-rdb"))
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        """Starts it and waits until it has loaded what it had written."""
        self._process = subprocess.Popen(
            [str(self._program), "--port", str(self._port), "--bind",
             "127.0.0.1", "--dir", str(self._folder), "--appendonly", "yes",
             "--appendfsync", self._fsync, "--save", ""],
            stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=self._port)
        deadline = time.monotonic() + 300
        while True:
            try:
                self.client.ping()
                return
            except redis.RedisError:
                if (self._process.poll() is not None
                        or time.monotonic() > deadline):
                    raise
                time.sleep(0.005)

    def kill(self):
        self.client.close()
        self._process.kill()
        self._process.wait()

    def resident_bytes(self):
        return resident_bytes(self._process.pid)


def resident_bytes(pid):
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
