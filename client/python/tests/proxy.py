"""A TCP proxy that loses answers and cuts connections when told to."""

from __future__ import annotations

import socket
import threading


class Proxy:
    """Between a client and a server on loopback. Thread-safe."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._mutex = threading.Lock()
        self._sockets: list[socket.socket] = []
        # What the server says is read and goes nowhere.
        self.lose_answers = False
        # New connections are closed at once.
        self.refuse = False
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Ends all connections."""
        with self._mutex:
            sockets, self._sockets = self._sockets, []
        for end in sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.refuse:
                    raise ConnectionRefusedError
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            with self._mutex:
                self._sockets += [near, far]
            for pair in ((near, far, False), (far, near, True)):
                threading.Thread(
                    target=self._pump, args=pair, daemon=True
                ).start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, answers: bool
    ) -> None:
        try:
            while data := source.recv(1 << 16):
                if not (answers and self.lose_answers):
                    sink.sendall(data)
        except OSError:
            pass
        self._end(source)
        self._end(sink)

    @staticmethod
    def _end(end: socket.socket) -> None:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
