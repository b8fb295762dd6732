from __future__ import annotations

from pathlib import Path

import pytest

from local_runner.serve import logs


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def all_of(log: Path, *, ended: bool = True) -> str:
    """A whole log, read from its beginning piece by piece."""
    out, at = [], 0
    while True:
        piece = logs.after(log, at, ended=ended)
        out.append(piece.text)
        if piece.next == at:
            return "".join(out)
        at = piece.next


@pytest.mark.parametrize(
    "text", ["", "one\n", "no newline", "é" * 100_000, "x\n" * 100_000, "日本語のログ\n" * 20_000, "🙂" * 50_000],
    ids=["empty", "line", "open", "long-line", "many-lines", "wide", "four-bytes"],
)  # fmt: skip
def test_pieces_join_to_the_whole_log(log: Path, text: str) -> None:
    log.write_text(text, encoding="utf-8")
    assert all_of(log) == text


def test_a_piece_is_never_longer_than_its_limit(log: Path) -> None:
    log.write_bytes(b"line\n" * 2_000_000)
    piece = logs.tail(log, ended=True)
    assert piece.next == piece.size == 10_000_000
    assert piece.size - piece.first <= logs.PIECE
    assert piece.text.startswith("line\n")


def test_earlier_pieces_join_to_the_end(log: Path) -> None:
    whole = "".join(f"line {i} äöü\n" for i in range(20_000))
    log.write_text(whole, encoding="utf-8")
    pieces = [logs.tail(log, ended=True)]
    while pieces[0].first:
        pieces.insert(0, logs.before(log, pieces[0].first, ended=True))
    assert "".join(piece.text for piece in pieces) == whole


def test_half_a_line_waits_for_its_end_while_the_task_writes(log: Path) -> None:
    log.write_bytes("whole\nhalf of an ä".encode()[:-1])
    first = logs.after(log, 0, ended=False)
    assert first.text == "whole\n"
    log.write_bytes("whole\nhalf of an ä is done\n".encode())
    assert logs.after(log, first.next, ended=False).text == "half of an ä is done\n"


def test_a_shorter_log_is_a_new_one(log: Path) -> None:
    log.write_text("new\n")
    piece = logs.after(log, 1000, ended=True)
    assert (piece.text, piece.first) == ("new\n", 0)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[31mred\x1b[0m\n", "red\n"),
        (b"1/3\r2/3\r3/3\nnext\n", "3/3\nnext\n"),
        (b"windows\r\n", "windows\n"),
        (b"\x1b]0;title\x07text\n", "text\n"),
        (b"bad \xff byte\n", "bad \ufffd byte\n"),
        (b"nul \x00\n", "nul \ufffd\n"),
        (b"<b>&amp;</b>\n", "<b>&amp;</b>\n"),
    ],
    ids=["colour", "redrawn", "windows", "title", "not-utf8", "nul", "markup"],
)
def test_a_log_reads_as_a_terminal_would_leave_it(raw: bytes, shown: str) -> None:
    assert logs.readable(raw) == shown
