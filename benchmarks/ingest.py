"""Peak memory and speed of ingest from a Parquet file and from BigQuery's stand-in, each beside its usual way.

    python -m benchmarks.ingest [--rows 2000000] [--sources parquet bigquery] [--json]

Parquet's peer is pandas, which reads and writes the same file. BigQuery's is the client's own ``to_dataframe()`` by the
Storage Read API, once alone and once with what makes the same of it: rows in order, in a Parquet file. Ingest also
casts and validates every cell, which none of the peers does. The stand-in serves both sides from a process of its own
on this machine; it hands blocks to four streams in turns. BigQuery itself was not measured. Each side runs in a process
of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import Figure, show
from benchmarks.memory import peak_mib

if TYPE_CHECKING:
    import pandas as pd

ROWS, COLUMNS = 2_000_000, 58
# pandas and pyarrow write row groups of this many rows unless told otherwise.
ROW_GROUP = 1 << 20
MIB = 1 << 20
PEER_LIMIT_MIB = 12 * 1024
# Decoded Arrow columns, the data frame made from them, and what writing needs beside it.
PEER_COPIES = 3
TABLE = "my-project.market.prices"
ROOT = Path(__file__).resolve().parent.parent


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
    """The stage itself, with a catalog whose ranges and null shares are checked; ``source`` is a section as JSON."""
    from components.ingest import step
    from components.ingest.config import IngestConfig

    names = [f"price_{i}" for i in range(COLUMNS - 2)]
    columns = [{"name": "time", "dtype": "timestamp", "role": "time"}]
    columns += [{"name": n, "dtype": "float64", "range": [-1e6, 1e6], "max_null_share": 0.0} for n in names]
    columns += [{"name": "target", "dtype": "float64", "role": "target", "range": [-1e6, 1e6], "max_null_share": 0.0}]
    config = {"source": json.loads(source), "catalog": {"columns": columns}}
    step.run(IngestConfig.parse(config, section="ingest"), target)


def pandas(source: str, target: str) -> None:
    import pandas as pd

    pd.read_parquet(json.loads(source)["path"]).to_parquet(f"{target}.parquet")


def frame(source: str, _: str = "") -> pd.DataFrame:
    """The client's own way into memory: all streams at once, the rows as they come."""
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient

    from components.shared.bigquery import client_of, read_client_of

    place = json.loads(source)
    transport = read_client_of(place["storage_endpoint"]).transport
    with client_of(place["project"], None, place["api_endpoint"]) as client:
        return client.list_rows(TABLE).to_dataframe(bqstorage_client=BigQueryReadClient(transport=transport))


def frame_to_parquet(source: str, target: str) -> None:
    """What makes of it what ingest makes, without its checks."""
    frame(source).sort_values("time").to_parquet(f"{target}.parquet")


def serve(source: str, _: str) -> None:
    """Serve a Parquet file as a table until the standard input closes; print where."""
    sys.path.insert(0, str(ROOT / "tests"))
    import pyarrow.parquet as pq
    from cloud.bigquery.server import BigQuery

    server = BigQuery()
    server.warehouse.add(TABLE, pq.read_table(source))
    print(json.dumps(server.source(table=TABLE)), flush=True)
    sys.stdin.read()
    server.close()


TASKS: dict[str, Callable[[str, str], object]] = {
    "generate": generate, "ingest": ingest, "pandas": pandas, "frame": frame, "frame_to_parquet": frame_to_parquet
}  # fmt: skip


def run_task(name: str, first: str, second: str) -> None:
    """Run one task in this process and print its seconds and peak resident memory."""
    if name == "serve":
        serve(first, second)
        return
    # What is imported once is no part of what a row costs.
    import google.cloud.bigquery
    import google.cloud.bigquery_storage_v1  # noqa: F401

    started, spent = time.perf_counter(), time.process_time()
    kept = TASKS[name](first, second)
    seconds, cpu = time.perf_counter() - started, time.process_time() - spent
    del kept
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mib": peak_mib()}))


def command(name: str, first: Path | str, second: Path | str = "") -> list[str]:
    # A new interpreter a task: peak memory is counted over a process's life.
    return [sys.executable, "-m", "benchmarks.ingest", "--task", name, str(first), str(second)]


def measure(name: str, first: Path | str, second: Path | str = "") -> dict[str, float]:
    result = subprocess.run(command(name, first, second), capture_output=True, text=True, cwd=ROOT)
    if result.returncode:
        sys.exit(f"{name} failed:\n{result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


@contextmanager
def served(source: Path) -> Iterator[str]:
    """The stand-in in a process of its own; gives the section that says how to reach it."""
    with subprocess.Popen(
        command("serve", source), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as server:
        assert server.stdin is not None and server.stdout is not None  # noqa: PT018  both are pipes
        yield server.stdout.readline().strip()
        server.stdin.close()


def peer_rows(rows: int) -> int:
    """Rows pandas is given: all, or as many as should fit in 12 GiB."""
    return min(rows, PEER_LIMIT_MIB * MIB // (COLUMNS * 8 * PEER_COPIES))


def parquet_figures(folder: Path, source: Path, rows: int) -> Iterator[Figure]:
    section = json.dumps({"kind": "parquet", "path": str(source)})
    ours = measure("ingest", section, folder / "table")
    given = peer_rows(rows)
    if given < rows:
        print(f"pandas gets {given:,} of {rows:,} rows: all would need more than 12 GiB", file=sys.stderr)
        measure("generate", source, given)
    peer = measure("pandas", section, folder / "copy")
    yield Figure("parquet: peak, pandas", ours["peak_mib"], peer["peak_mib"], "MiB")
    yield Figure("parquet: speed, pandas", rows / ours["seconds"], given / peer["seconds"], "rows/s")


def bigquery_figures(folder: Path, source: Path, rows: int) -> Iterator[Figure]:
    with served(source) as section:
        ours = measure("ingest", section, folder / "bigquery")
        for task, called in (("frame", "to_dataframe"), ("frame_to_parquet", "to_dataframe, sort, Parquet")):
            peer = measure(task, section, folder / "frame")
            yield Figure(f"bigquery: peak, {called}", ours["peak_mib"], peer["peak_mib"], "MiB")
            yield Figure(f"bigquery: speed, {called}", rows / ours["seconds"], rows / peer["seconds"], "rows/s")
            yield Figure(f"bigquery: CPU, {called}", ours["cpu"], peer["cpu"], "s")


def figures(rows: int, sources: list[str]) -> Iterator[Figure]:
    measured = {"parquet": parquet_figures, "bigquery": bigquery_figures}
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        source = Path(folder) / "source.parquet"
        measure("generate", source, rows)
        for name in sources:
            yield from measured[name](Path(folder), source, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--sources", nargs="+", choices=["parquet", "bigquery"], default=["parquet", "bigquery"])
    parser.add_argument("--json", action="store_true", help="one line a figure; ratio is ours / peer")
    parser.add_argument("--task", nargs=3, metavar=("NAME", "FROM", "TO"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        run_task(*arguments.task)
        return
    if "bigquery" in arguments.sources and importlib.util.find_spec("db_dtypes") is None:
        sys.exit("the client's to_dataframe() needs db-dtypes: pip install db-dtypes, or add --sources parquet")
    show(figures(arguments.rows, arguments.sources), peer="peer", as_json=arguments.json)


if __name__ == "__main__":
    main()
