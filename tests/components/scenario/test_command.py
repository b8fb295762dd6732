"""The command line: files in and out, and what is said when they cannot be."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

SCENARIO = """
name: Meal up
shocks:
  - kind: percent
    features: [meal*]
    amount: 10
    when: [{column: day, op: ">=", value: 2021-11-01}]
derived:
  - {kind: difference, name: spread, of: [price, meal1]}
"""


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "components.scenario", *map(str, arguments)]


@pytest.mark.slow
def test_run_writes_every_file_asked_for(market: Any, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCENARIO)
    outs = [tmp_path / f"out.{ending}" for ending in ("csv", "parquet", "png")]
    asked = command("run", market.model, tmp_path / "s.yaml", "--rows", market.csv, "--passes", "10")
    done = subprocess.run(
        [*asked, *(part for out in outs for part in ("--out", str(out)))], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "oneDNN" not in done.stderr
    assert done.stdout.startswith("Meal up: linear-")
    assert "passes" in done.stdout
    assert "note: Intervals are calibrated on rows that came about by themselves." in done.stdout
    assert all(out.stat().st_size > 100 for out in outs)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shocks:\n  - {kind: percnt, features: [a], amount: 1}\n", ["s.yaml:2: shocks.0.kind: unknown 'percnt'"]),
        ("shock: 1\nname: ''\n", ["s.yaml:1: unknown key shock: did you mean shocks?", "s.yaml:2: name:"]),
    ],
    ids=["kind", "two-problems"],
)
def test_scenario_that_is_none_names_file_and_line(market: Any, tmp_path: Path, text: str, said: list[str]) -> None:
    (tmp_path / "s.yaml").write_text(text)
    asked = command("run", market.model, tmp_path / "s.yaml", "--rows", market.csv)
    done = subprocess.run(asked, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    for words in said:
        assert words in done.stderr


def test_help_imports_no_framework() -> None:
    heavy = "('tensorflow', 'pandas', 'fastapi')"
    code = f"import sys, components.scenario.__main__; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_serve_answers_on_this_machine_alone(market: Any) -> None:
    asked = command("serve", market.model, "--rows", market.table, "--port", "0", "--passes", "5")
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as served:
        try:
            line = served.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+/", line)
            assert address, line
            with urllib.request.urlopen(f"{address[0]}ready", timeout=30) as answer:
                assert answer.status == 200
        finally:
            served.terminate()
        assert served.wait(30) is not None
