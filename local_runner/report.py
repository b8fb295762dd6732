"""One HTML page a run, self-contained: the graph with timings, metrics, every HTML artifact, errors, arguments.

The page runs no script and loads nothing. HTML artifacts are shown in sandboxed frames, so what a task wrote can
neither run nor reach the page around it.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_runner import classification
from local_runner.durations import in_words
from local_runner.graph_svg import COLOURS, graph_svg
from local_runner.records import ArtifactRecord, RunRecord, State, TaskKind, TaskRecord
from local_runner.summary import metric_table

if TYPE_CHECKING:
    from local_runner.plan import Pipeline

NAME = "report.html"
LARGEST_FRAME = 8 << 20
"""Bytes of an HTML artifact that are still embedded; a larger one is only named."""

_FRAME_WIDTH, _USUAL_IMAGE = 900, 420
_SVG_IMAGE = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/]{40,2000})")
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } h3 { font-size: .95rem; margin: 1.25rem 0 .4rem; }
.facts { color: #5b6775; margin: .25rem 0 1rem; } .state { font-weight: 600; }
.wide { overflow-x: auto; padding-bottom: .25rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem; border-bottom: 1px solid #e3e8ee; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; } th { color: #5b6775; font-weight: 600; }
td.text { text-align: left; overflow-wrap: anywhere; }
pre { background: #f6f8fa; padding: .75rem; overflow-x: auto; font-size: .85rem; }
iframe { width: 100%; border: 1px solid #e3e8ee; border-radius: 6px; resize: vertical; background: #fff; }
summary { cursor: pointer; font-weight: 600; }
"""


class ReportWriter:
    """An observer that writes the report into the run's folder when the run is over."""

    def __init__(self) -> None:
        self._pipeline: Pipeline | None = None

    def run_started(self, run: RunRecord, pipeline: Pipeline) -> None:  # noqa: ARG002
        self._pipeline = pipeline

    def task_started(self, task: TaskRecord) -> None:
        pass

    def task_progress(self, task: TaskRecord, progress: Mapping[str, Any]) -> None:
        pass

    def task_log(self, task: TaskRecord, text: str) -> None:
        pass

    def task_finished(self, task: TaskRecord) -> None:
        pass

    def run_finished(self, run: RunRecord, tasks: Sequence[TaskRecord]) -> None:
        if self._pipeline is not None:
            write_report(run, tasks, self._pipeline, run.folder / NAME)


def write_report(run: RunRecord, tasks: Sequence[TaskRecord], pipeline: Pipeline, path: Path) -> Path:
    """Write the page of a run; it appears whole.

    Args:
        run: the run's record.
        tasks: records of its tasks, in the order they started.
        pipeline: the plan it ran by.
        path: HTML file to write.
    """
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(page(run, tasks, pipeline))
        Path(scratch).chmod(0o644)
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)
    return path


def page(run: RunRecord, tasks: Sequence[TaskRecord], pipeline: Pipeline) -> str:
    """The page as text."""
    title = html.escape(f"{run.pipeline} · {run.id}")
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
    )
    parts = [
        *_header(run),
        *_errors(tasks),
        "<h2>Graph</h2>",
        f'<div class="wide">{graph_svg(pipeline, tasks)}</div>',
        *_metrics(tasks),
        *_frames(tasks),
        *_arguments(run),
        *_artifacts(tasks),
    ]
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _header(run: RunRecord) -> Iterator[str]:
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.created))
    colour = COLOURS[run.state][1]
    yield f"<h1>{html.escape(run.pipeline)}</h1>"
    yield (
        f'<p class="facts"><span class="state" style="color:{colour}">{run.state.value}</span> in '
        f"{in_words(run.seconds)}, started {started}, run {html.escape(run.id)}</p>"
    )
    if run.outputs:
        yield _pairs(run.outputs)


def _errors(tasks: Sequence[TaskRecord]) -> Iterator[str]:
    for task in tasks:
        if task.state == State.FAILED and (task.traceback or task.error):
            yield f"<h2>{html.escape(task.path)} failed</h2><pre>{html.escape(task.traceback or task.error)}</pre>"


def _metrics(tasks: Sequence[TaskRecord]) -> Iterator[str]:
    found = [(task, name, artifact) for task, name, artifact in _outputs(tasks) if artifact.type.endswith("Metrics")]
    if found:
        yield "<h2>Metrics</h2>"
    for task, name, artifact in found:
        yield f"<h3>{html.escape(task.path)}/{html.escape(name)}</h3>"
        table = metric_table(artifact.metadata)
        if table:
            columns = list(dict.fromkeys(column for row in table.values() for column in row))
            yield _table(
                ["", *columns], [[row, *(values.get(c, "") for c in columns)] for row, values in table.items()]
            )
        drawn = classification.drawings(artifact.metadata)
        yield from (f'<div class="wide">{drawing}</div>' for drawing in drawn)
        hidden = classification.KEYS if drawn else ()
        plain = {key: value for key, value in artifact.metadata.items() if "/" not in key and key not in hidden}
        if plain:
            yield _pairs(plain)


def _frames(tasks: Sequence[TaskRecord]) -> Iterator[str]:
    for task, name, artifact in _outputs(tasks):
        if not artifact.type.endswith("HTML") or not artifact.path.is_file():
            continue
        anchor = html.escape(f"{task.path}-{name}".replace("/", "-"))
        yield f'<h2 id="{anchor}">{html.escape(task.path)}: {html.escape(name)}</h2>'
        if artifact.path.stat().st_size > LARGEST_FRAME:
            yield f"<p>Too large to be shown here: {html.escape(artifact.uri)}</p>"
            continue
        text = artifact.path.read_text(encoding="utf-8", errors="replace")
        words = html.escape(f"{task.path} {name}")
        yield f'<iframe sandbox title="{words}" srcdoc="{html.escape(text)}" style="height:{_height(text)}px"></iframe>'


def _height(text: str) -> int:
    """A guess, in pixels: a frame cannot tell its height without a script. People can drag the frame's edge."""
    lower = re.sub(r"base64,[^\"']*", "", text).lower()
    images = [_image_height(found) for found in _SVG_IMAGE.findall(text)]
    images += [_USUAL_IMAGE] * (lower.count("<img") - len(images))
    words = 34 * lower.count("<tr") + 52 * lower.count("<h2") + 48 * lower.count("<p")
    return max(240, min(130 + sum(images) + words, 2400))


def _image_height(encoded: str) -> int:
    """Height in pixels of an SVG image that gives its size in points, as Matplotlib's do, in a frame of this page."""
    head = base64.b64decode(encoded[: len(encoded) // 4 * 4]).decode("utf-8", errors="replace")
    width, height = (re.search(rf'<svg[^>]*?\b{side}="([\d.]+)pt"', head) for side in ("width", "height"))
    if width is None or height is None:
        return _USUAL_IMAGE
    return round(float(height[1]) * min(4 / 3, _FRAME_WIDTH / float(width[1])))


def _arguments(run: RunRecord) -> Iterator[str]:
    if run.arguments:
        text = html.escape(json.dumps(run.arguments, indent=1, ensure_ascii=False))
        summary = f"<summary>{len(run.arguments)} parameters</summary>"
        yield f"<h2>Arguments</h2><details>{summary}<pre>{text}</pre></details>"


def _artifacts(tasks: Sequence[TaskRecord]) -> Iterator[str]:
    rows = [
        [f"{task.path}/{name}", artifact.type.removeprefix("system."), artifact.uri]
        for task, name, artifact in _outputs(tasks)
    ]
    if rows:
        table = _table(["", "type", "where"], rows)
        yield f"<h2>Artifacts</h2><details><summary>{len(rows)} artifacts</summary>{table}</details>"


def _outputs(tasks: Sequence[TaskRecord]) -> Iterator[tuple[TaskRecord, str, ArtifactRecord]]:
    """Every artifact that a leaf task wrote or took over."""
    for task in tasks:
        if task.kind not in (TaskKind.DAG, TaskKind.LOOP):
            for name, artifacts in task.artifacts.items():
                for artifact in artifacts:
                    yield task, name, artifact


def _pairs(values: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><td>{html.escape(str(key))}</td><td class="text">{_cell(value)}</td></tr>'
        for key, value in values.items()
    )
    return f"<table>{rows}</table>"


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in header)
    body = "".join("<tr>" + "".join(_td(value) for value in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _td(value: Any) -> str:
    return f'<td class="text">{_cell(value)}</td>' if isinstance(value, str) else f"<td>{_cell(value)}</td>"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return html.escape(value if isinstance(value, str) else json.dumps(value, default=str))
