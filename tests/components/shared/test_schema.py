from __future__ import annotations

from pathlib import Path

import pytest

from components.shared.errors import InputError
from components.shared.schema import Role, Schema

CATALOG = """
columns:
  - {name: day, dtype: date, role: time}
  - {name: price, dtype: float64, role: target, unit: USD, range: [0, null]}
  - {name: volume, dtype: int64, max_null_share: 0.1}
"""


def catalog(folder: Path, text: str = CATALOG) -> Path:
    path = folder / "catalog.yaml"
    path.write_text(text)
    return path


def test_a_catalog_reads_into_a_schema(tmp_path: Path) -> None:
    schema = Schema.from_yaml(catalog(tmp_path))
    assert schema.names == ["day", "price", "volume"]
    assert schema.one(Role.TARGET).range == (0, None)
    assert [column.name for column in schema.with_role(Role.FEATURE)] == ["volume"]
    assert [str(field.type) for field in schema.arrow()] == ["date32[day]", "double", "int64"]
    assert schema.select(["volume", "day"]).names == ["day", "volume"]


@pytest.mark.parametrize(
    ("written", "ends", "dumped"),
    [
        ("[0, 1]", (0, 1), {"min": 0, "max": 1}),
        ("[0, null]", (0, None), {"min": 0}),
        ("{max: 3}", (None, 3), {"max": 3}),
        ("[null, null]", (None, None), None),
    ],
)
def test_a_range_reads_both_ways_and_is_written_without_nulls(
    written: str, ends: tuple[float | None, float | None], dumped: dict[str, float] | None, tmp_path: Path
) -> None:
    schema = Schema.from_yaml(catalog(tmp_path, f"columns:\n  - {{name: a, dtype: float64, range: {written}}}\n"))
    assert schema["a"].range == ends
    plain = schema.model_dump(mode="json")
    assert plain["columns"][0].get("range") == dumped
    assert Schema.model_validate(plain) == schema


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("columns:\n  - {name: a, dtype: flaot}\n", "catalog.yaml:2: columns.0.dtype"),
        ("columns:\n  - {name: a, dtype: int64}\n  - {name: a, dtype: int64}\n", "column names repeat: a"),
        (
            "columns:\n  - {name: a, dtype: date, role: time}\n  - {name: b, dtype: date, role: time}\n",
            "at most one time column",
        ),
        ("columns:\n  - {name: a, dtype: int64, rnage: [0, 1]}\n", "did you mean range?"),
    ],
    ids=["dtype", "repeated-name", "two-time-columns", "misspelt-key"],
)
def test_a_bad_catalog_is_refused_with_its_place(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Schema.from_yaml(catalog(tmp_path, text))
    assert expected in str(caught.value)


def test_a_missing_role_is_named(tmp_path: Path) -> None:
    schema = Schema.from_yaml(catalog(tmp_path, "columns:\n  - {name: a, dtype: int64}\n"))
    with pytest.raises(InputError, match="no time column"):
        schema.one(Role.TIME)
