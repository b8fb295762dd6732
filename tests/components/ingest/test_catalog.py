from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from components.ingest.catalog import dtype_of, expected
from components.ingest.config import IngestConfig
from components.shared.errors import InputError

OFFERED = pa.schema(
    [
        ("day", pa.date32()),
        ("price", pa.float32()),
        ("count", pa.uint32()),
        ("money", pa.decimal128(9, 2)),
        ("flag", pa.bool_()),
        ("name", pa.string()),
        ("parts", pa.list_(pa.int64())),
    ]
)


def infer(**section: Any) -> Any:
    section = {"source": {"kind": "csv", "path": "x"}, "time": "day", "target": "price", **section}
    return expected(IngestConfig.parse(section), OFFERED)


def test_numbers_become_features_and_the_rest_is_listed() -> None:
    found = infer()
    assert [(c.name, c.dtype, str(c.role)) for c in found.schema.columns] == [
        ("day", "date", "time"),
        ("price", "float32", "target"),
        ("count", "int64", "feature"),
        ("money", "float64", "feature"),
        ("flag", "bool", "feature"),
    ]
    assert [text.split()[0] for text in found.left_out] == ["name", "parts"]


def test_an_entity_may_be_text() -> None:
    assert infer(entity="name").schema["name"].dtype == "string"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"time": "dya"}, r"ingest\.time: no column 'dya'; nearest: day"),
        ({"time": "name", "target": "day"}, r"ingest\.target: day holds date32\[day\], expected numbers"),
        ({"time": "flag"}, r"ingest\.time: flag holds bool, expected dates or times"),
        ({"entity": "parts"}, r"ingest\.entity: parts holds .* cannot serve"),
        ({"columns": ["cuont"]}, r"ingest\.columns: no column 'cuont'; nearest: count"),
    ],
)
def test_columns_that_cannot_serve_are_named(section: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        infer(**section)


def test_a_catalog_needs_a_time_column_with_times() -> None:
    catalog = {"columns": [{"name": "day", "dtype": "int64", "role": "time"}]}
    with pytest.raises(InputError, match="must have dtype date or timestamp, got int64"):
        infer(catalog=catalog, time=None, target=None)


@pytest.mark.parametrize(
    ("arrow_type", "dtype"),
    [
        (pa.int8(), "int32"),
        (pa.uint64(), "int64"),
        (pa.float16(), "float32"),
        (pa.large_string(), "string"),
        (pa.dictionary(pa.int8(), pa.string()), "string"),
        (pa.timestamp("ns", "UTC"), "timestamp"),
        (pa.binary(), None),
    ],
    ids=str,
)
def test_arrow_types_have_a_catalog_type(arrow_type: pa.DataType, dtype: str | None) -> None:
    assert dtype_of(arrow_type) == dtype
