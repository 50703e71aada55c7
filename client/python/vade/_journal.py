"""Journal: reports kept on disk until a server has answered for them.

One file belongs to one client of one process, which holds a lock on it; a
file without its process is an orphan, and any client of the same server that
has the same folder takes it over. A file is a sequence of records:

    size    u32, little-endian: bytes of the body
    check   u32, little-endian: CRC-32 of the body
    body    the first: "vade-journal 1 ADDRESS"; all others: a
            vade.sampler.v1.ReportRewardsRequest

A record is synced before its report is answered for. So what a crash leaves
half written was never answered for, and is cut off, with a warning.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import struct
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

from vade.errors import ResourceExhausted, StorageFailed

_LOG = logging.getLogger("vade")
_HEAD = struct.Struct("<II")
_SUFFIX = ".journal"


def encode(body: bytes) -> bytes:
    """A record."""
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def decode(data: bytes, start: int) -> tuple[bytes, int] | None:
    """The record at `start` and where it ends; None if it is not whole."""
    if start + _HEAD.size > len(data):
        return None
    size, check = _HEAD.unpack_from(data, start)
    end = start + _HEAD.size + size
    body = data[start + _HEAD.size : end]
    if end > len(data) or zlib.crc32(body) != check:
        return None
    return body, end


@dataclass
class _Own:
    """The file of this client. `end` is where its last record ends."""

    path: Path
    descriptor: int
    end: int


class Journal:
    """The reports of one client. Thread-safe; every method may block."""

    def __init__(self, folder: Path, address: str, max_bytes: int) -> None:
        self._folder = folder
        self._header = f"vade-journal 1 {address}".encode()
        self._max_bytes = max_bytes
        self._mutex = threading.Lock()
        self._own: _Own | None = None
        # Orphans are looked for once, and again whenever asked to.
        self._looked = False

    def forget_parent(self) -> None:
        """In a forked child: the parent's file stays the parent's."""
        self._mutex = threading.Lock()
        own, self._own = self._own, None
        self._looked = False
        if own is not None:
            os.close(own.descriptor)

    def is_empty(self) -> bool:
        """Nothing is known that waits for a server."""
        with self._mutex:
            return self._looked and self._own is None

    def look_again(self) -> None:
        """Lets `is_empty` be false until orphans were looked for again."""
        with self._mutex:
            self._looked = False

    def append(self, body: bytes) -> None:
        """Keeps a report; it is on disk when this returns.

        Raises:
            ResourceExhausted: The file would be larger than allowed.
            StorageFailed: It could not be written.
        """
        record = encode(body)
        with self._mutex:
            try:
                own = self._own or self._create()
                if own.end + len(record) > self._max_bytes:
                    raise ResourceExhausted(
                        f"the journal {own.path} would exceed "
                        f"{self._max_bytes} bytes: a server has to answer "
                        "first, or give a larger max_journal_bytes",
                        reason="JOURNAL_FULL",
                    )
                self._write(own, record)
            except OSError as error:
                raise StorageFailed(
                    f"the journal in {self._folder} cannot be written, so "
                    f"the report is not kept: {error}",
                    reason="JOURNAL_FAILED",
                ) from error

    def _create(self) -> _Own:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(8)}{_SUFFIX}"
        path = self._folder / name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        own = _Own(path, descriptor, 0)
        self._write(own, encode(self._header))
        _sync_folder(self._folder)
        self._own = own
        return own

    def _write(self, own: _Own, record: bytes) -> None:
        try:
            written = 0
            while written < len(record):
                part = memoryview(record)[written:]
                written += os.pwrite(own.descriptor, part, own.end + written)
            os.fsync(own.descriptor)
        except OSError:
            # What is half there must not come before a later record.
            os.ftruncate(own.descriptor, own.end)
            raise
        own.end += len(record)

    def files(self) -> list[JournalFile]:
        """The own file and all orphans, oldest first, to be replayed.

        Each is held until it is closed; whoever asks meanwhile does not get
        the orphans.
        """
        with self._mutex:
            self._looked = True
            found: list[tuple[int, JournalFile]] = []
            own = self._own.path if self._own is not None else None
            for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
                if path == own:
                    continue
                file = _adopt(path, self._header)
                if file is not None:
                    found.append((os.fstat(file.descriptor).st_mtime_ns, file))
            files = [file for _, file in sorted(found, key=lambda f: f[0])]
            if self._own is not None:
                files.append(JournalFile(self._own.path, self._own.descriptor))
            return files

    def finish(self, file: JournalFile) -> bool:
        """Removes a file all of whose records are answered for.

        False if records came meanwhile: then read on.
        """
        with self._mutex:
            own = self._own
            if own is not None and own.descriptor == file.descriptor:
                if own.end > file.position:
                    return False
                self._own = None
            file.path.unlink(missing_ok=True)
            _sync_folder(self._folder)
            os.close(file.descriptor)
            file.closed = True
            return True

    def give_up(self, file: JournalFile) -> None:
        """Lets a file go that could not be replayed to its end."""
        with self._mutex:
            own = self._own
            mine = own is not None and own.descriptor == file.descriptor
            if not mine and not file.closed:
                os.close(file.descriptor)
                file.closed = True
                # It is an orphan again: look for it once more.
                self._looked = False

    def set_aside(self, body: bytes) -> Path:
        """Keeps a report that a server refused, for people to look at."""
        with self._mutex:
            path = self._folder / "refused"
            with open(path, "ab") as file:
                file.write(encode(body))
                file.flush()
                os.fsync(file.fileno())
            return path


class JournalFile:
    """Reads one file record by record. Thread-compatible."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.closed = False
        self.position = 0
        self._data = b""
        self.next()  # The header.

    def next(self) -> bytes | None:
        """The next report; None at the end."""
        found = decode(self._data, self.position)
        if found is None:
            size = os.fstat(self.descriptor).st_size
            self._data = os.pread(self.descriptor, size, 0)
            found = decode(self._data, self.position)
        if found is None:
            return None
        body, self.position = found
        return body


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _adopt(path: Path, header: bytes) -> JournalFile | None:
    """An orphan of the same server, locked; None if it is none."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    first = decode(data, 0)
    other = first is not None and first[0] != header
    # Between being made and being locked, a file is empty.
    if not data or other or not path.exists():
        os.close(descriptor)
        return None
    _cut_torn_end(path, descriptor, data)
    return JournalFile(path, descriptor)


def _cut_torn_end(path: Path, descriptor: int, data: bytes) -> None:
    end = 0
    while (found := decode(data, end)) is not None:
        end = found[1]
    if end == len(data):
        return
    rest = path.with_suffix(".rest")
    rest.write_bytes(data[end:])
    os.ftruncate(descriptor, end)
    os.fsync(descriptor)
    _LOG.warning(
        "the journal %s ends in %d bytes that are no whole record, as a crash "
        "leaves them before a report is answered for; they are kept in %s",
        path,
        len(data) - end,
        rest,
    )
