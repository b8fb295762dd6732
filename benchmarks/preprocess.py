"""A table far larger than memory: ingest from DuckDB and preprocess, beside pandas and scikit-learn.

    python -m benchmarks.preprocess [--rows 50000000] [--limit-mib 2048] [--json]

Each stage runs in a process of its own, whose peak of resident memory must stay within the limit. The peer reads the
table that ingest wrote, fills forward, scales robustly (medians and quartiles, as ours) and saves float32; it holds all
in memory, so it gets at most 5 million rows. The table has ten features with gaps, one row a second.
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

ROWS, FEATURES, PEER_ROWS = 50_000_000, 10, 5_000_000
ROOT = Path(__file__).resolve().parent.parent


def generate(folder: str, rows: int) -> None:
    """A DuckDB file with one table; a feature has gaps in up to 5 % of its rows."""
    import duckdb

    columns = ", ".join(
        f"CASE WHEN hash(i, {k}) % 1000 < {5 * k} THEN NULL "
        f"ELSE round({10 * k} + {k} * sin(i / {100.0 * k}) + hash(i, {k}, 7) % 100000 / 10000.0, 4) END AS x{k}"
        for k in range(1, FEATURES + 1)
    )
    with duckdb.connect(f"{folder}/market.duckdb", config={"memory_limit": "2GiB"}) as database:
        database.execute(
            "CREATE TABLE prices AS SELECT TIMESTAMP '1990-01-01' + INTERVAL 1 SECOND * i AS at, "
            f"100 + 10 * sin(i / 1e6) + hash(i) % 10000 / 1000.0 AS price, {columns} FROM range({rows}) t(i)"
        )


def ingest(folder: str, rows: int) -> None:
    from components.ingest import step
    from components.ingest.config import IngestConfig

    source = {"kind": "duckdb", "database": f"{folder}/market.duckdb", "table": "prices"}
    step.run(IngestConfig.parse({"source": source, "time": "at", "target": "price"}), f"{folder}/table-{rows}")


def preprocess(folder: str, rows: int) -> None:
    from components.preprocess import step
    from components.preprocess.config import PreprocessConfig

    config = PreprocessConfig(lookback=60, horizon=21, scaling="robust")
    step.run(config, f"{folder}/table-{rows}", f"{folder}/prepared")


def peer(folder: str, rows: int) -> None:
    """The same features, windowless: what pandas and scikit-learn make of the table in memory."""
    import numpy as np
    import pandas as pd
    from sklearn.preprocessing import RobustScaler

    shards = sorted(Path(folder, f"table-{rows}").glob("part-*.parquet"))
    frame = pd.concat([pd.read_parquet(shard) for shard in shards]).drop(columns="at").ffill()
    train = frame.iloc[: int(0.65 * len(frame))]
    filled = frame.fillna(train.median())
    scaler = RobustScaler().fit(filled.iloc[: len(train)])
    np.save(f"{folder}/peer.npy", scaler.transform(filled).astype(np.float32))


TASKS: dict[str, Callable[[str, int], None]] = {
    "generate": generate, "ingest": ingest, "preprocess": preprocess, "peer": peer
}  # fmt: skip


def run_task(name: str, folder: str, rows: int) -> None:
    """Run one task in this process and print its seconds and peak resident memory."""
    started, spent = time.perf_counter(), time.process_time()
    TASKS[name](folder, rows)
    seconds, cpu = time.perf_counter() - started, time.process_time() - spent
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mib": peak_mib()}))


def measure(name: str, folder: str, rows: int) -> dict[str, float]:
    task = ["--task", name, "--folder", folder, "--rows", str(rows)]
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.preprocess", *task], capture_output=True, text=True, cwd=ROOT
    )
    if result.returncode:
        sys.exit(f"{name} failed:\n{result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


def figures(rows: int, limit_mib: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        measure("generate", folder, rows)
        found = {name: measure(name, folder, rows) for name in ("ingest", "preprocess")}
        for name, ours in found.items():
            yield Figure(f"{name}: peak, of the limit", ours["peak_mib"], limit_mib, "MiB")
            if ours["peak_mib"] > limit_mib:
                sys.exit(f"{name} held {ours['peak_mib']:,.0f} MiB, more than {limit_mib:,}")
        given = min(rows, PEER_ROWS)
        if given < rows:
            print(f"pandas gets {given:,} of {rows:,} rows", file=sys.stderr)
            Path(folder, "market.duckdb").unlink()
            measure("generate", folder, given)
            measure("ingest", folder, given)
        theirs = measure("peer", folder, given)
        yield Figure("preprocess: peak, pandas", found["preprocess"]["peak_mib"], theirs["peak_mib"], "MiB")
        yield Figure(
            "preprocess: speed, pandas", rows / found["preprocess"]["cpu"], given / theirs["cpu"], "rows/CPU s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--limit-mib", type=int, default=2048)
    parser.add_argument("--json", action="store_true", help="one line a figure; ratio is ours / peer")
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        run_task(arguments.task, arguments.folder, arguments.rows)
        return
    show(figures(arguments.rows, arguments.limit_mib), peer="peer", as_json=arguments.json)


if __name__ == "__main__":
    main()
