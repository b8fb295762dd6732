from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from components.ingest import step
from components.ingest.batches import of_size
from components.ingest.config import IngestConfig
from components.ingest.paths import locate
from components.shared.artifacts import Table
from components.shared.errors import InputError
from components.shared.schema import Role, Schema

SAMPLE = {
    "source": {"kind": "parquet", "path": "sample:soybean_oil.parquet"},
    "catalog": "sample:feature_catalog.yaml",
}


def test_the_shipped_table_is_what_its_catalog_says(tmp_path: Path) -> None:
    metadata = step.run(IngestConfig.parse(SAMPLE), tmp_path / "table")
    table = Table.open(tmp_path / "table")
    assert table.schema == Schema.from_yaml(locate("sample:feature_catalog.yaml"))
    assert (table.rows, len(table.schema.columns)) == (2691, 58)
    assert table.schema.one(Role.TARGET).unit == "US cents/lb"
    assert metadata["digest"] == table.digest
    assert (metadata["first_time"], metadata["last_time"]) == ("2000-01-03", "2010-09-07")


def test_columns_that_are_left_out_are_told_while_it_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    texts = [f"t{i}" for i in range(7)]
    lines = [",".join(["day", "x", *texts]), ",".join(["2020-01-01", "1.5", *("up" for _ in texts)])]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    source = {"kind": "csv", "path": str(tmp_path / "t.csv")}
    step.run(IngestConfig.parse({"source": source, "time": "day", "target": "x"}), tmp_path / "table")
    said = [record.message for record in caplog.records if record.name == "tandem.progress"]
    shown = ", ".join(f"{name} (string)" for name in texts[:5])
    assert said == [f"left out: {shown} and 2 more; columns kept 2/9"]


def test_the_catalog_describes_every_column() -> None:
    catalog = Schema.from_yaml(locate("sample:feature_catalog.yaml"))
    features = [column for column in catalog.columns if column.role is not Role.TIME]
    assert len(features) == 57
    assert all(column.unit and column.description and None not in column.range for column in features)
    assert all(column.max_null_share < 0.06 for column in features)


def test_the_same_rows_make_the_same_artifact(tmp_path: Path) -> None:
    digests = {step.run(IngestConfig.parse(SAMPLE), tmp_path / name)["digest"] for name in ("a", "b")}
    assert len(digests) == 1


def test_an_inline_catalog_equals_a_path(tmp_path: Path) -> None:
    inline = Schema.from_yaml(locate("sample:feature_catalog.yaml")).model_dump(mode="json")
    by_path = step.run(IngestConfig.parse(SAMPLE), tmp_path / "a")
    assert step.run(IngestConfig.parse({**SAMPLE, "catalog": inline}), tmp_path / "b") == by_path


def test_a_long_table_is_written_in_shards(tmp_path: Path) -> None:
    config = IngestConfig.parse({**SAMPLE, "batch_rows": 500, "rows_per_shard": 1000})
    assert step.run(config, tmp_path / "table")["shards"] == 3
    assert Table.open(tmp_path / "table").read(["date"]).num_rows == 2691


@pytest.mark.parametrize("sizes", [[3, 1, 9, 0, 2], [1] * 15, [15], []], ids=str)
def test_batches_are_evened_out(sizes: list[int]) -> None:
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    given = [pa.record_batch({"x": list(range(s, s + n))}) for s, n in zip(starts, sizes, strict=True) if n]
    found = list(of_size(4, given))
    assert [b.num_rows for b in found] == ([4, 4, 4, 3] if sizes else [])
    assert [value for b in found for value in b["x"].to_pylist()] == list(range(sum(sizes)))


def test_a_failed_ingest_leaves_the_old_table(tmp_path: Path) -> None:
    step.run(IngestConfig.parse(SAMPLE), tmp_path / "table")
    with pytest.raises(InputError, match="no rows"):
        step.run(IngestConfig.parse({**SAMPLE, "start": "2030-01-01"}), tmp_path / "table")
    assert Table.open(tmp_path / "table").rows == 2691
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def run_python(code: str, *arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3], timeout=120)


RUN = """
import sys
from components.ingest import step
from components.ingest.config import IngestConfig
{before}
step.run(IngestConfig.parse({section!r}), sys.argv[1])
{after}
"""


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    # The operating system refuses to let a file grow, as it does when a quota is used up.
    before = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    result = run_python(RUN.format(section=SAMPLE, before=before, after=""), tmp_path / "table")
    last = result.stderr.strip().splitlines()[-1]
    assert "InputError: no room to write the table" in last
    assert not list(tmp_path.iterdir())


def test_ingest_loads_no_heavy_library() -> None:
    code = RUN.format(
        section=SAMPLE,
        before="",
        after="print([m for m in ('tensorflow', 'keras', 'kfp', 'pipelines.forecasting', 'google.cloud.bigquery', "
        "'duckdb', 'pandas', 'sklearn') if m in sys.modules])",
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        result = run_python(code, Path(folder) / "table")
    assert result.stdout.strip() == "[]", result.stderr
