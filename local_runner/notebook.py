"""What a notebook shows of a :class:`~local_runner.api.Run`: one self-contained piece of HTML, everything escaped."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local_runner import classification, plan
from local_runner.durations import in_words
from local_runner.errors import PlanError
from local_runner.graph_svg import COLOURS, graph_svg
from local_runner.records import RunRecord, State, TaskKind, TaskRecord
from local_runner.report import NAME
from local_runner.summary import metric_table

if TYPE_CHECKING:
    from local_runner.api import Run

FEW_TASKS, MOST_TASKS = 12, 50
_CELL = 'style="text-align:left;padding:2px 14px 2px 0;vertical-align:top"'
_NUMBER = 'style="text-align:right;padding:2px 14px 2px 0"'


def run_html(run: Run) -> str:
    """State, graph, tasks with their times, metrics, error, and where the report is."""
    tasks = list(run.tasks.values())
    leaves = [task for task in tasks if task.kind not in (TaskKind.DAG, TaskKind.LOOP)]
    parts = [
        _header(run.record),
        _graph(run.record, tasks),
        _tasks(leaves),
        *_errors(run),
        *_metrics(leaves),
        _places(run),
    ]
    return f'<div style="font-family:system-ui,sans-serif;font-size:13px;line-height:1.45">{"".join(parts)}</div>'


def _header(run: RunRecord) -> str:
    colour = COLOURS[run.state][1]
    outputs = "".join(f" · {html.escape(name)}: {_shown(value)}" for name, value in run.outputs.items())
    return (
        f'<p style="margin:4px 0"><b>{html.escape(run.pipeline)}</b> <b style="color:{colour}">{run.state.value}</b> '
        f"in {in_words(run.seconds)}{outputs}</p>"
    )


def _graph(run: RunRecord, tasks: Sequence[TaskRecord]) -> str:
    try:
        drawn = graph_svg(plan.read(run.spec), tasks)
    except PlanError:  # the run's folder was removed since
        return ""
    return f'<div style="overflow-x:auto;background:#fff;padding:8px;border-radius:6px">{drawn}</div>'


def _tasks(leaves: Sequence[TaskRecord]) -> str:
    rows = "".join(
        f"<tr><td {_CELL}>{html.escape(task.path)}</td>"
        f'<td {_CELL}><span style="color:{COLOURS[task.state][1]}">{task.state.value}</span></td>'
        f"<td {_NUMBER}>{in_words(task.seconds)}</td></tr>"
        for task in leaves[:MOST_TASKS]
    )
    head = f"<tr><th {_CELL}>task</th><th {_CELL}>state</th><th {_NUMBER}>took</th></tr>"
    more = f"<p>and {len(leaves) - MOST_TASKS} more tasks</p>" if len(leaves) > MOST_TASKS else ""
    opened = " open" if len(leaves) <= FEW_TASKS else ""
    words = f"{len(leaves)} task{'s' if len(leaves) != 1 else ''}"
    return f"<details{opened}><summary>{words}</summary>{_table(head, rows)}{more}</details>"


def _errors(run: Run) -> Iterator[str]:
    for task in run.failed()[:3]:
        yield (
            f'<p style="margin:6px 0 2px"><b>{html.escape(task.path)} failed</b></p>'
            f'<pre style="white-space:pre-wrap">{html.escape((task.traceback or task.error)[-4000:])}</pre>'
        )
    if run.state in (State.FAILED, State.INTERRUPTED):
        yield f"<p>Continue with <code>python -m local_runner resume {html.escape(run.id)}</code></p>"


def _metrics(leaves: Sequence[TaskRecord]) -> Iterator[str]:
    for task in leaves:
        for name, found in task.artifacts.items():
            for artifact in found:
                if artifact.type.endswith("Metrics") and artifact.metadata:
                    title = html.escape(f"{task.path}/{name}")
                    yield f"<details open><summary>{title}</summary>{_figures(artifact.metadata)}</details>"


def _figures(metadata: Mapping[str, Any]) -> str:
    table, drawn = metric_table(metadata), classification.drawings(metadata)
    hidden = classification.KEYS if drawn else ()
    single = {key: value for key, value in metadata.items() if "/" not in key and key not in hidden}
    columns = list(dict.fromkeys(column for row in table.values() for column in row))
    rows = "".join(
        f"<tr><td {_CELL}>{html.escape(name)}</td>"
        + "".join(f"<td {_NUMBER}>{_shown(values.get(column, ''))}</td>" for column in columns)
        + "</tr>"
        for name, values in table.items()
    )
    head = "<tr><th></th>" + "".join(f"<th {_NUMBER}>{html.escape(column)}</th>" for column in columns) + "</tr>"
    words = " · ".join(f"{html.escape(key)} <b>{_shown(value)}</b>" for key, value in single.items())
    pictures = "".join(f'<div style="background:#fff;display:inline-block">{drawing}</div>' for drawing in drawn)
    return f"<p>{words}</p>{pictures}{_table(head, rows) if table else ''}"


def _places(run: Run) -> str:
    report = run.folder / NAME
    if not report.is_file():
        return f"<p>Folder <code>{html.escape(str(run.folder))}</code></p>"
    # A notebook opens links beside it; an address of another kind would be refused by the browser.
    link = html.escape(quote(Path(os.path.relpath(report)).as_posix()))
    return f'<p><a href="{link}" target="_blank" rel="noopener">Report</a> <code>{html.escape(str(report))}</code></p>'


def _table(head: str, rows: str) -> str:
    return f'<table style="border-collapse:collapse"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _shown(value: Any) -> str:
    return html.escape(f"{value:.4g}" if isinstance(value, float) else str(value)[:200])
