"""Peak memory and speed of ingest on a large Parquet file, beside pandas reading and writing the same file.

    python -m benchmarks.ingest_memory [--rows 5000000] [--json]

Ingest also casts and validates every cell, which pandas here does not. Each side runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import Figure, show
from benchmarks.memory import peak_mib

ROWS, COLUMNS = 5_000_000, 58
# pandas and pyarrow write row groups of this many rows unless told otherwise.
ROW_GROUP = 1 << 20
MIB = 1 << 20
PEER_LIMIT_MIB = 12 * 1024
# Decoded Arrow columns, the data frame made from them, and what writing needs beside it.
PEER_COPIES = 3


def generate(path: str, rows: str) -> None:
    """Write a Parquet file of one timestamp and 57 random walks (float64, two decimals), one row group at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    names = ["time", *(f"price_{i}" for i in range(COLUMNS - 2)), "target"]
    schema = pa.schema([pa.field(n, pa.timestamp("us") if n == "time" else pa.float64()) for n in names])
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=False) as writer:
        for start in range(0, int(rows), ROW_GROUP):
            size = min(ROW_GROUP, int(rows) - start)
            seconds = np.arange(start, start + size).astype("datetime64[s]").astype("datetime64[us]")
            walks = [100 + np.round(rng.standard_normal(size).cumsum() * 0.01, 2) for _ in names[1:]]
            writer.write_table(pa.table([seconds, *walks], schema=schema), row_group_size=ROW_GROUP)


def ingest(source: str, target: str) -> None:
    """The stage itself, with a catalog whose ranges and null shares are checked."""
    from components.ingest import step
    from components.ingest.config import IngestConfig

    names = [f"price_{i}" for i in range(COLUMNS - 2)]
    columns = [{"name": "time", "dtype": "timestamp", "role": "time"}]
    columns += [{"name": n, "dtype": "float64", "range": [-1e6, 1e6], "max_null_share": 0.0} for n in names]
    columns += [{"name": "target", "dtype": "float64", "role": "target", "range": [-1e6, 1e6], "max_null_share": 0.0}]
    config = {"source": {"kind": "parquet", "path": source}, "catalog": {"columns": columns}}
    step.run(IngestConfig.parse(config, section="ingest"), target)


def pandas(source: str, target: str) -> None:
    import pandas as pd

    pd.read_parquet(source).to_parquet(f"{target}.parquet")


TASKS: dict[str, Callable[[str, str], None]] = {"generate": generate, "ingest": ingest, "pandas": pandas}


def run_task(name: str, first: str, second: str) -> None:
    """Run one task in this process and print its seconds and peak resident memory."""
    started = time.perf_counter()
    TASKS[name](first, second)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib()}))


def measure(name: str, first: Path | str, second: Path | str) -> dict[str, float]:
    # A new interpreter a task: peak memory is counted over a process's life.
    command = [sys.executable, "-m", "benchmarks.ingest_memory", "--task", name, str(first), str(second)]
    root = Path(__file__).resolve().parent.parent
    result = subprocess.run(command, capture_output=True, text=True, cwd=root)
    if result.returncode:
        sys.exit(f"{name} failed:\n{result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


def peer_rows(rows: int) -> int:
    """Rows pandas is given: all, or as many as should fit in 12 GiB."""
    return min(rows, PEER_LIMIT_MIB * MIB // (COLUMNS * 8 * PEER_COPIES))


def figures(rows: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        source = Path(folder) / "source.parquet"
        measure("generate", source, rows)
        ours = measure("ingest", source, Path(folder) / "table")
        given = peer_rows(rows)
        if given < rows:
            print(f"pandas gets {given:,} of {rows:,} rows: all would need more than 12 GiB", file=sys.stderr)
            measure("generate", source, given)
        peer = measure("pandas", source, Path(folder) / "copy")
    yield Figure("ingest_peak_mib", ours["peak_mib"], peer["peak_mib"], "MiB")
    yield Figure("ingest_rows_per_s", rows / ours["seconds"], given / peer["seconds"], "rows/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--json", action="store_true", help="one line a figure; ratio is ours / peer")
    parser.add_argument("--task", nargs=3, metavar=("NAME", "FROM", "TO"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        run_task(*arguments.task)
        return
    show(figures(arguments.rows), peer="pandas", as_json=arguments.json)


if __name__ == "__main__":
    main()
