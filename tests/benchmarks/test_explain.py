from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("shap")

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_explain_benchmark_prints_its_figures_and_says_what_fails() -> None:
    command = [sys.executable, "-m", "benchmarks.explain", "--models", "gru", "--samples", "3", "--baselines", "5"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True, cwd=ROOT)
    figures = {figure["name"]: figure for figure in map(json.loads, done.stdout.splitlines())}
    assert list(figures) == ["gru_residual_pct", "gru_cpu_s", "gru_error_pct"]
    for name in ("gru_residual_pct", "gru_error_pct"):
        assert figures[name]["ours"] < figures[name]["peer"] / 10
    assert "shap.DeepExplainer on 3 forecasts: fails" in done.stderr
