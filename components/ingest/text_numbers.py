"""Text columns that are really numbers with a few bad cells: leaving one out as text would hide the mistake."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.casting import SEARCH_LIMIT, convert_piecewise
from components.ingest.validation import FIRST_ROWS, Finding

# Also 1,234.5 and 1 234 and 12.5% and 1,5: numbers to a person, text to a reader of CSV.
NUMBER_LIKE = (
    r"^\s*[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+|[0-9]{1,3}(?:[,.' ][0-9]{3})+(?:[.,][0-9]+)?)"
    r"(?:[eE][+-]?[0-9]+)?\s*%?\s*$"
)
MOSTLY = 0.5


@dataclass(frozen=True)
class TextColumn:
    """``unreadable`` describes the cells that are no plain numbers, by row from 1."""

    mostly_numbers: bool
    unreadable: Finding


def judge(rows: pa.RecordBatch) -> dict[str, TextColumn]:
    """Look at the first rows of text columns; a column counts as numbers if half of its cells with a value do."""
    return {name: _judge(name, rows.column(name)) for name in rows.schema.names}


def _judge(name: str, cells: pa.Array) -> TextColumn:
    like = pc.match_substring_regex(cells, NUMBER_LIKE).true_count
    _, bad = convert_piecewise(cells, pa.float64(), SEARCH_LIMIT)
    first = [(row + 1, cells[row].as_py()) for row in bad[:FIRST_ROWS]]
    finding = Finding(name, "that cannot be read as numbers", len(bad), first, SEARCH_LIMIT)
    return TextColumn(like > 0 and like >= MOSTLY * (len(cells) - cells.null_count), finding)
