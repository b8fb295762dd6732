"""One artifact: what is in it, shown by its kind, where it came from and who read it; and its files as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse
from markupsafe import Markup

from local_runner.records import ArtifactRecord
from local_runner.serve import kinds, lineage, links, metrics, pages, places, security, tables
from local_runner.serve.kinds import Kind
from local_runner.serve.requests import Index, Name, NamedArtifact, NamedRun, NamedTask, OpenStore, Page

MOST_TEXT = 256 << 10
"""Bytes of a text that are shown."""
MOST_IMAGES = 24

router = APIRouter()


@router.get("/runs/{run}/artifact")
def artifact_page(
    request: Request, store: OpenStore, run: NamedRun, task: NamedTask, artifact: NamedArtifact, name: Name,
    index: Index = 0, file: Name = "", page: Page = 0,
) -> HTMLResponse:  # fmt: skip
    """The artifact as a page; of a folder, its table of Parquet files or the named file."""
    content = places.content(store.root, artifact)
    place = (run.id, task.path, name, index)
    return pages.page(
        request, "artifact.html", run=run, task=task, name=name, index=index, artifact=artifact, content=content,
        file=file, page=page, view=_view(content, artifact, file, page),
        here=partial(links.artifact, *place), raw=partial(links.raw, *place),
        block=metrics.block("", artifact) if artifact.metadata else None,
        writers=lineage.writers(store, artifact), readers=lineage.readers(store, artifact),
    )  # fmt: skip


@router.get("/runs/{run}/raw")
def raw(store: OpenStore, artifact: NamedArtifact, file: Name = "", keep: bool = False) -> FileResponse:
    """One file: HTML and images to be shown, in a sandbox; everything else, or with ``keep``, to be saved."""
    found = places.content(store.root, artifact).file(file)
    if found is None or found.path is None:
        raise HTTPException(404, f"artifact {artifact.name} shows no file {file!r}")
    kind = kinds.kind(found.path, "" if file else artifact.type)
    types = {Kind.HTML: "text/html; charset=utf-8", Kind.IMAGE: kinds.image_type(found.path)}
    media_type = types.get(kind, "")
    headers = {"Content-Security-Policy": security.ARTIFACT_POLICY}
    if keep or not media_type:
        name = found.path.name
        return FileResponse(found.path, media_type="application/octet-stream", filename=name, headers=headers)
    return FileResponse(found.path, media_type=media_type, headers=headers)


def _view(content: places.Content, artifact: ArtifactRecord, name: str, page: int) -> dict[str, Any]:
    """What to show: ``kind`` and what that kind needs, or ``problem``; empty when there is only a list of files."""
    if content.absent:
        return {}
    if content.folder and not name:
        return _folder(content, page)
    file = content.file(name)
    if file is None or file.path is None:
        return {"problem": f"There is no file {name!r} in it that can be shown."}
    try:
        return _file(name, file.path, kinds.kind(file.path, "" if name else artifact.type), page)
    except (tables.UnreadableTable, OSError) as error:
        return {"problem": str(error)}


def _folder(content: places.Content, page: int) -> dict[str, Any]:
    """A folder's Parquet files are one table; its images are shown; else its files are only listed."""
    parts = [file.path for file in content.files if file.path and file.name.endswith(".parquet")]
    if parts:
        try:
            return {"kind": "table", "table": tables.parquet(parts, page)}
        except tables.UnreadableTable as error:
            return {"problem": str(error)}
    images = [file.name for file in content.files if file.path and kinds.is_image(file.path)]
    return {"kind": "images", "images": images[:MOST_IMAGES]} if images else {}


def _file(name: str, path: Path, kind: Kind, page: int) -> dict[str, Any]:
    if kind in _TABLES:
        return {"kind": "table", "table": _TABLES[kind](path, page)}
    if kind == Kind.IMAGE:
        return {"kind": "images", "images": [name]}
    if kind in (Kind.HTML, Kind.BINARY):
        return {"kind": kind.value}
    with path.open("rb") as stream:
        text = stream.read(MOST_TEXT).decode("utf-8", errors="replace")
    cut = path.stat().st_size > MOST_TEXT
    if kind == Kind.MARKDOWN:
        return {"kind": "markdown", "html": _markdown(text), "cut": cut}
    return {"kind": "text", "text": text if kind == Kind.TEXT or cut else _indented(text), "cut": cut}


_TABLES: dict[Kind, Callable[[Path, int], tables.Table]] = {
    Kind.PARQUET: lambda path, page: tables.parquet([path], page),
    Kind.CSV: tables.delimited,
    Kind.ARRAY: tables.array,
}


def _markdown(text: str) -> Markup:
    """Markdown as HTML; HTML in it is shown as text, and links that run scripts stay text."""
    from markdown_it import MarkdownIt

    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


def _indented(text: str) -> str:
    """JSON with one value a line; anything else as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
