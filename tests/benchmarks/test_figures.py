from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import Figure, show

ROOT = Path(__file__).resolve().parents[2]


def test_a_figure_is_one_json_line_and_its_ratio_is_ours_over_peer(capsys: pytest.CaptureFixture[str]) -> None:
    show([Figure("a", 2.0, 8.0, "ms"), Figure("b", 3.0, 1.0, "s")], peer="other", as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {"name": "a", "ours": 2.0, "peer": 8.0, "ratio": 0.25, "unit": "ms"}
    assert lines[1]["ratio"] == 3.0


def test_people_read_how_much_less_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show([Figure("a", 2.0, 8.0, "ms")], peer="other", as_json=False)
    assert "4.0 x less" in capsys.readouterr().out


@pytest.mark.slow
def test_the_ingest_benchmark_prints_its_figures() -> None:
    # BigQuery's peer needs a package that nothing of ours does.
    sources = ["parquet", "bigquery"] if find_spec("db_dtypes") else ["parquet"]
    command = [sys.executable, "-m", "benchmarks.ingest", "--rows", "50000", "--sources", *sources, "--json"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    names = [json.loads(line)["name"] for line in printed.splitlines()]
    assert names[:2] == ["parquet: peak, pandas", "parquet: speed, pandas"]
    assert len(names) == 2 + 6 * ("bigquery" in sources)


@pytest.mark.slow
def test_the_runner_benchmark_measures_both_sides_of_a_chain(tmp_path: Path) -> None:
    from benchmarks import runner_overhead

    runner_overhead.compile_files(tmp_path, [2, 6])
    ours, peer = (runner_overhead.measure(side, tmp_path, "chain-6")["cpu"] for side in ("ours", "peer"))
    assert 0 < ours < peer
