"""What a file is, by its name, by the type of its artifact, or by its first bytes: KFP's artifacts have no suffix."""

from __future__ import annotations

import codecs
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """How a file is shown."""

    PARQUET = "parquet"
    CSV = "csv"
    ARRAY = "array"
    IMAGE = "image"
    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"
    TEXT = "text"
    BINARY = "binary"


_BY_SUFFIX = {
    ".parquet": Kind.PARQUET, ".csv": Kind.CSV, ".tsv": Kind.CSV, ".npy": Kind.ARRAY,
    ".png": Kind.IMAGE, ".jpg": Kind.IMAGE, ".jpeg": Kind.IMAGE, ".gif": Kind.IMAGE, ".webp": Kind.IMAGE,
    ".svg": Kind.IMAGE, ".html": Kind.HTML, ".htm": Kind.HTML, ".md": Kind.MARKDOWN, ".json": Kind.JSON,
    ".txt": Kind.TEXT, ".log": Kind.TEXT, ".yaml": Kind.TEXT, ".yml": Kind.TEXT, ".toml": Kind.TEXT, ".py": Kind.TEXT,
}  # fmt: skip
_BY_TYPE = {"system.HTML": Kind.HTML, "system.Markdown": Kind.MARKDOWN}
_BY_START = (
    (b"PAR1", Kind.PARQUET), (b"\x93NUMPY", Kind.ARRAY), (b"\x89PNG\r\n\x1a\n", Kind.IMAGE),
    (b"\xff\xd8\xff", Kind.IMAGE), (b"GIF8", Kind.IMAGE),
)  # fmt: skip
_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)  # fmt: skip
_START = 4096


def kind(path: Path, artifact_type: str = "") -> Kind:
    """How to show a file that is the whole of an artifact of that type, or one of its files (no type)."""
    if path.suffix.lower() in _BY_SUFFIX:
        return _BY_SUFFIX[path.suffix.lower()]
    if artifact_type in _BY_TYPE:
        return _BY_TYPE[artifact_type]
    with path.open("rb") as stream:
        start = stream.read(_START)
    for magic, found in _BY_START:
        if start.startswith(magic):
            return found
    return _of_text(start)


def _of_text(start: bytes) -> Kind:
    try:
        # The last character of a longer file may be cut in two.
        text = codecs.getincrementaldecoder("utf-8")().decode(start, final=len(start) < _START)
    except UnicodeDecodeError:
        return Kind.BINARY
    if "\0" in text:
        return Kind.BINARY
    if text.lstrip()[:1] in ("{", "["):
        return Kind.JSON
    if text.lstrip().lower().startswith(("<!doctype html", "<html")):
        return Kind.HTML
    commas = {line.count(",") for line in text.splitlines()[:20]}
    return Kind.CSV if len(commas) == 1 and commas != {0} and text.count("\n") > 1 else Kind.TEXT


def is_image(path: Path) -> bool:
    """Whether a file can be shown as an image."""
    return kind(path) == Kind.IMAGE and bool(image_type(path))


def image_type(path: Path) -> str:
    """The media type of an image by its first bytes; empty when a browser is not to be told it is one."""
    if path.suffix.lower() == ".svg":
        return "image/svg+xml"
    with path.open("rb") as stream:
        start = stream.read(16)
    return next((found for magic, found in _IMAGES if start.startswith(magic)), "")
