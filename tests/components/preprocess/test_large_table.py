"""A table larger than the memory that it may take is prepared within that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from components.shared.artifacts import write_table
from components.shared.schema import Column, Role, Schema

ROWS, FEATURES = 5_000_000, 10
MIB = 1 << 20
LIMIT = 2048 * MIB * ROWS // 50_000_000
"""As much as 2 GiB for 50 million rows, which ``benchmarks/preprocess.py`` measures; beyond what imports take."""

PREPROCESS = """
import sys
import duckdb, numpy, pyarrow.parquet
import components.preprocess.step
from components.preprocess.config import PreprocessConfig

def status(key):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(key))

duckdb.connect(config={"threads": 1}).sql("SELECT 1").fetchall()
before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # forget the peak of importing
components.preprocess.step.run(PreprocessConfig(lookback=60, horizon=21, scaling="robust"), sys.argv[1], sys.argv[2])
print(status("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_a_table_larger_than_memory_streams_through(tmp_path: Path) -> None:
    names = [f"x{position}" for position in range(FEATURES)]
    columns = [
        Column(name="at", dtype="timestamp", role=Role.TIME),
        Column(name="price", dtype="float64", role=Role.TARGET),
    ]
    schema = Schema(columns=(*columns, *(Column(name=name, dtype="float64") for name in names)))
    cells = ", ".join(
        f"CASE WHEN hash(i, {k}) % 100 < {k} THEN NULL ELSE {k} * sin(i / {100.0 * (k + 1)}) END"
        for k in range(FEATURES)
    )
    times = "TIMESTAMP '1990-01-01' + INTERVAL 1 SECOND * i"
    with duckdb.connect(config={"threads": 1}) as database:
        rows = database.sql(
            f"SELECT {times}, 100 + sin(i / 1e6) + hash(i) % 1000 / 1e3, {cells} FROM range({ROWS}) t(i)"
        )
        batches = (batch.rename_columns(schema.names) for batch in rows.to_arrow_reader(65_536))
        table = write_table(tmp_path / "table", schema, batches)
    assert table.rows == ROWS
    command = [sys.executable, "-c", PREPROCESS, str(table.path), str(tmp_path / "prepared")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < LIMIT < ROWS * (FEATURES + 1) * 8
