"""Text columns that are really numbers with a few bad cells: leaving one out as text would hide the mistake."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from components.ingest.casting import SEARCH_LIMIT, convert_piecewise
from components.ingest.notation import Notation, has_marks
from components.ingest.validation import FIRST_ROWS, Finding

# Also 1,234.5 and 1 234 and 12.5% and 1,5: numbers to a person, text to a reader of CSV.
NUMBER_LIKE = (
    r"^\s*[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+|[0-9]{1,3}(?:[,.' ][0-9]{3})+(?:[.,][0-9]+)?)"
    r"(?:[eE][+-]?[0-9]+)?\s*%?\s*$"
)
MOSTLY = 0.5


@dataclass(frozen=True)
class TextColumn:
    """``unreadable`` describes the cells that are no plain numbers, by row from 1; ``remedy`` what to do about them."""

    mostly_numbers: bool
    unreadable: Finding
    remedy: str


def judge(rows: pa.RecordBatch, notation: Notation) -> dict[str, TextColumn]:
    """Look at the first rows of text columns; a column counts as numbers if half of its cells with a value do."""
    return {name: _judge(name, rows.column(name), notation) for name in rows.schema.names}


def _judge(name: str, cells: pa.Array, notation: Notation) -> TextColumn:
    like = pc.match_substring_regex(cells, NUMBER_LIKE).true_count
    _, bad = convert_piecewise(notation.numbers(cells), pa.float64(), SEARCH_LIMIT)
    first = [(row + 1, cells[row].as_py()) for row in bad[:FIRST_ROWS]]
    finding = Finding(name, "that cannot be read as numbers", len(bad), first, SEARCH_LIMIT)
    spoilt, remedy = cells.take(pa.array(bad, pa.int64())), "fix the values"
    if has_marks(spoilt):
        remedy += ", say how they are written with source.decimal and source.thousands"
    if pc.match_substring_regex(spoilt, NUMBER_LIKE).false_count:
        remedy += ", name those that mean a missing value in source.null_values"
    return TextColumn(like > 0 and like >= MOSTLY * (len(cells) - cells.null_count), finding, remedy)
