"""A log in pieces by byte offset: a page holds the end of a log of megabytes and asks for more of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PIECE = 64 << 10
"""Most bytes of one answer."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")


@dataclass(frozen=True)
class Piece:
    """Text of the bytes ``first`` to ``next`` of a log of ``size`` bytes."""

    text: str
    first: int
    next: int
    size: int


def after(log: Path, start: int, *, ended: bool) -> Piece:
    """What follows byte ``start``; whole lines only while the task still writes.

    A log shorter than ``start`` is a new one and is read from its beginning.
    """
    size = log.stat().st_size
    start = start if 0 <= start <= size else 0
    data = _bytes(log, start, PIECE)
    end = start + _whole(data, ended=ended and start + len(data) >= size)
    return Piece(readable(data[: end - start]), start, end, size)


def before(log: Path, end: int, *, ended: bool) -> Piece:
    """The lines that end at byte ``end``."""
    size = log.stat().st_size
    end = min(max(end, 0), size)
    start = max(end - PIECE, 0)
    data = _bytes(log, start, end - start)
    skipped = data.find(b"\n", 0, len(data) - 1) + 1 if start else 0  # the line before is only there in part
    data = data[skipped:]
    kept = _whole(data, ended=ended or end < size)
    return Piece(readable(data[:kept]), start + skipped, start + skipped + kept, size)


def tail(log: Path, *, ended: bool) -> Piece:
    """The end of a log."""
    return before(log, log.stat().st_size, ended=ended)


def readable(data: bytes) -> str:
    """Text as a terminal would leave it: no escape sequences, and of a line drawn over itself the last drawing."""
    text = _ESCAPES.sub("", data.decode("utf-8", errors="replace")).replace("\x08", "").replace("\0", "\ufffd")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _bytes(log: Path, start: int, count: int) -> bytes:
    with log.open("rb") as stream:
        stream.seek(start)
        return stream.read(count)


def _whole(data: bytes, *, ended: bool) -> int:
    """How many bytes are whole lines; a line longer than a piece is cut between two characters."""
    if ended:
        return len(data)
    lines = data.rfind(b"\n") + 1
    if lines or len(data) < PIECE:
        return lines
    end = len(data)
    while end > len(data) - 4 and data[end - 1] & 0xC0 == 0x80:
        end -= 1
    return end - 1 if data[end - 1] & 0xC0 == 0xC0 else end
