"""The report: one self-contained page with what was compared, by which rule, and how it ended."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from local_runner.durations import in_words
from local_runner.parity.comparing import (
    ABSOLUTE,
    DERIVED,
    DIFFERENT,
    IDENTICAL,
    RELATIVE,
    TIMES,
    UNCOMPARED,
    WITHIN,
    Finding,
)
from local_runner.parity.step import TaskParity, sentence
from local_runner.records import RunRecord

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.facts, .rules { color: #5b6775; } .good { color: #1a7f37; } .bad { color: #b42318; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
table.files { table-layout: fixed; } .files th:nth-child(1) { width: 45%; } .files th:nth-child(2) { width: 17%; }
th, td { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #e3e8ee; text-align: left; vertical-align: top; }
th { color: #5b6775; font-weight: 600; } td { overflow-wrap: anywhere; } td.count, th.count { text-align: right; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write(run: RunRecord, place: str, found: Sequence[TaskParity], path: Path) -> Path:
    """Write the page; it appears whole."""
    scratch = path.with_name(f".{path.name}.tmp")
    scratch.write_text(page(run, place, found), encoding="utf-8")
    return scratch.replace(path)


def page(run: RunRecord, place: str, found: Sequence[TaskParity]) -> str:
    """The page as text."""
    title = html.escape(f"Parity · {run.pipeline} · {run.id}")
    good = all(task.good for task in found)
    body = [
        f"<h1>{title}</h1>",
        f'<p class="facts">Every task in this process, and again in {html.escape(place)}, on the same inputs.</p>',
        f'<p class="{"good" if good else "bad"}">{html.escape(sentence(list(found)))}</p>',
        *_summary(found),
        *(line for task in found for line in _task(task)),
        *_rules(),
    ]
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(body) + "\n</body></html>\n"


def _summary(found: Sequence[TaskParity]) -> Iterator[str]:
    kinds = (IDENTICAL, WITHIN, UNCOMPARED, DIFFERENT)
    heads = "".join(f'<th class="count">{kind}</th>' for kind in kinds)
    yield f'<table><tr><th>task</th>{heads}<th class="count">here</th><th class="count">there</th></tr>'
    for task in found:
        counts = "".join(f'<td class="count">{task.count(kind) or ""}</td>' for kind in kinds)
        mark = "good" if task.good else "bad"
        here = in_words(task.task.seconds) if task.task.seconds is not None else ""
        yield (
            f'<tr><td class="{mark}">{html.escape(task.task.path)}</td>{counts}'
            f'<td class="count">{here}</td><td class="count">{in_words(task.there)}</td></tr>'
        )
    yield "</table>"


def _task(task: TaskParity) -> Iterator[str]:
    yield f"<h2>{html.escape(task.task.path)}</h2>"
    yield '<table class="files"><tr><th>what</th><th>how</th><th></th></tr>'
    for finding in sorted(task.findings, key=lambda finding: finding.good):
        yield _row(finding)
    yield "</table>"


def _row(finding: Finding) -> str:
    mark = ' class="bad"' if not finding.good else ""
    what, detail = html.escape(finding.what), html.escape(finding.detail)
    return f"<tr><td>{what}</td><td{mark}>{finding.how}</td><td>{detail}</td></tr>"


def _rules() -> Iterator[str]:
    yield "<h2>Rules</h2>"
    times, derived = ", ".join(sorted(TIMES)), ", ".join(sorted(DERIVED))
    yield (
        '<p class="rules">Files are compared byte by byte. Where bytes differ, the numbers of JSON, CSV, Parquet, '
        f"NumPy and Keras files may differ by {RELATIVE:g} of their size or {ABSOLUTE:g}; all other text must be "
        f"equal. Times ({times}) and what follows from other content ({derived}) are left out. Pages must have the "
        "same text but for numbers. TensorFlow's graph files are not compared.</p>"
    )
