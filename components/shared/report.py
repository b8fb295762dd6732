"""One self-contained HTML page an artifact: sections of text, tables and Matplotlib figures, no script, opens offline."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from components.shared.files import new_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; background: #fff; margin: 0 auto; max-width: 60rem; padding: 1.5rem; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
p.lead { font-size: 1.05rem; } p.note { color: #5b6775; font-size: .9rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #e3e8ee; text-align: right; }
th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; color: #5b6775; } tr.strong td { font-weight: 600; background: #f2f7fd; }
img { max-width: 100%; height: auto; }
"""


class Page:
    """Collects sections and writes them as one page."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts: list[str] = [f"<h1>{html.escape(title)}</h1>"]

    def text(self, words: str, *, kind: str = "") -> Page:
        """Add a paragraph; ``kind`` is empty, ``lead`` or ``note``."""
        self._parts.append(f'<p class="{html.escape(kind)}">{html.escape(words)}</p>')
        return self

    def heading(self, words: str) -> Page:
        self._parts.append(f"<h2>{html.escape(words)}</h2>")
        return self

    def table(self, header: Sequence[str], rows: Mapping[str, Sequence[object]], *, strong: Sequence[str] = ()) -> Page:
        """Add a table; ``rows`` maps the first column to the others, rows named in ``strong`` stand out."""
        lines = ["".join(f"<th>{html.escape(name)}</th>" for name in header)]
        body = []
        for name, values in rows.items():
            cells = "".join(f"<td>{html.escape(show(value))}</td>" for value in (name, *values))
            body.append(f'<tr class="strong">{cells}</tr>' if name in strong else f"<tr>{cells}</tr>")
        self._parts.append(f"<table><thead><tr>{lines[0]}</tr></thead><tbody>{''.join(body)}</tbody></table>")
        return self

    def figure(self, figure: Figure, caption: str) -> Page:
        """Add a Matplotlib figure as an embedded SVG image; ``caption`` is also its alternative text."""
        import matplotlib

        buffer = io.BytesIO()
        # Without a salt the ids inside an SVG are random, and the same figure would never have the same bytes.
        with matplotlib.rc_context({"svg.hashsalt": "tandem"}):
            figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
        encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
        words = html.escape(caption)
        self._parts.append(f'<img src="data:image/svg+xml;base64,{encoded}" alt="{words}"><p class="note">{words}</p>')
        return self

    def html(self) -> str:
        title = html.escape(self.title)
        head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
        body = "\n".join(self._parts)
        return f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head><body>\n{body}\n</body></html>\n'

    def write(self, path: str | Path) -> None:
        with new_file(path) as scratch:
            scratch.write_text(self.html(), encoding="utf-8")


def new_figure(width: float = 8.5, height: float = 3.2) -> Figure:
    """An empty figure that needs no display and leaves Matplotlib's global state alone; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def show(value: object) -> str:
    """A cell as text: four significant digits, a dash for missing."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:,.4g}"
    return str(value)
