from __future__ import annotations

from pathlib import Path

import pytest

from local_runner.serve.kinds import Kind, image_type, kind

PNG = b"\x89PNG\r\n\x1a\n0000"


@pytest.mark.parametrize(
    ("name", "content", "type_", "found"),
    [
        ("a.parquet", b"", "", Kind.PARQUET),
        ("A.CSV", b"", "", Kind.CSV),
        ("out", b"<p>", "system.HTML", Kind.HTML),
        ("out", b"# x", "system.Markdown", Kind.MARKDOWN),
        ("out", b"PAR1....", "", Kind.PARQUET),
        ("out", PNG, "", Kind.IMAGE),
        ("out", b'{"a": 1}', "", Kind.JSON),
        ("out", b"<!DOCTYPE html><p>", "", Kind.HTML),
        ("out", b"a,b\n1,2\n3,4\n", "", Kind.CSV),
        ("out", b"words, and words\n", "", Kind.TEXT),
        ("out", b"", "", Kind.TEXT),
        ("out", b"\x00\x01\x02", "", Kind.BINARY),
        ("out", "ä".encode() * 5000, "", Kind.TEXT),
        ("model.keras", b"PK\x03\x04\xff\xfe", "", Kind.BINARY),
    ],
)
def test_kind(tmp_path: Path, name: str, content: bytes, type_: str, found: Kind) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert kind(path, type_) == found


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.png", PNG, "image/png"), ("a.png", b"<script>", ""), ("a.jpg", PNG, "image/png"),
        ("a.svg", b"<svg/>", "image/svg+xml"),
    ],
)  # fmt: skip
def test_an_image_is_what_its_first_bytes_say(tmp_path: Path, name: str, content: bytes, found: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert image_type(path) == found
