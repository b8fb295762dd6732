"""A wire that breaks: forwards TCP to a port of this machine, and resets or forgets a connection after some bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)
"""A linger of zero seconds makes close send a reset, as a broken network does."""


class Wire:
    """Forwards connections to ``port``; each of the first ``len(cuts)`` is cut after so many bytes of answer.

    A connection that is cut is reset, or with ``silent`` left open while nothing more comes through.
    """

    def __init__(self, port: int, cuts: list[int], *, silent: bool = False) -> None:
        self.cuts = list(cuts)
        self.done = 0
        self._silent = silent
        self._closed = threading.Event()
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        self._closed.set()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                cut = self.cuts.pop(0) if self.cuts else None
                threading.Thread(target=self._forward, args=(client, server, None), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client, cut), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, cut: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):  # the other direction was cut
            while content := source.recv(65_536):
                passed += len(content)
                if cut is not None and passed > cut:
                    self.done += 1
                    if self._silent:
                        self._closed.wait()
                    target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    break
                target.sendall(content)
        for end in (target, source):
            with contextlib.suppress(OSError):
                # Wakes the thread that waits for it in the other direction; the kernel resets nothing before.
                end.shutdown(socket.SHUT_RD)
            end.close()
