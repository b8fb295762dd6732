from __future__ import annotations

import subprocess
import sys

import pytest

from components.preprocess.config import PreprocessConfig
from components.shared.errors import InputError


@pytest.mark.parametrize(
    ("horizon", "rows"),
    [("1m", 21), ("3m", 63), ("6m", 126), ("12m", 252), (5, 5), (5.0, 5), ("5", 5)],
    ids=["1m", "3m", "6m", "12m", "rows", "rows-as-json-double", "rows-as-text"],
)
def test_a_horizon_is_a_name_or_a_number_of_rows(horizon: object, rows: int) -> None:
    assert PreprocessConfig.parse({"horizon": horizon}).horizon_rows == rows


@pytest.mark.parametrize("horizon", ["12n", "1y", 0, -3, 2.5, True, None, "", [21]], ids=repr)
def test_a_wrong_horizon_lists_the_valid_ones(horizon: object) -> None:
    with pytest.raises(InputError) as caught:
        PreprocessConfig.parse({"horizon": horizon}, section="preprocess")
    assert len(caught.value.problems) == 1
    assert "preprocess.horizon" in str(caught.value)
    assert "1m = 21, 3m = 63, 6m = 126, 12m = 252 trading days" in str(caught.value)


def test_a_near_miss_is_named() -> None:
    with pytest.raises(InputError, match="did you mean 12m"):
        PreprocessConfig.parse({"horizon": "12n"})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"lookbak": 3}, "unknown key preprocess.lookbak: did you mean lookback?"),
        ({"lookback": 0}, "preprocess.lookback"),
        ({"top_k": 1001}, "preprocess.top_k"),
        ({"top_k": 0}, "preprocess.top_k"),
        ({"target_transform": "ratio"}, "Valid: level, difference, log_return"),
        ({"scaling": "max"}, "Valid: zscore, minmax, robust"),
        ({"split": {"train": 0.8, "validation": 0.2}}, "so that a test split is left; got 0.8 + 0.2"),
        ({"split": {"train": 0.0}}, "preprocess.split.train"),
        ({"split": {"tests": 0.1}}, "unknown key preprocess.split.tests"),
    ],
    ids=["key", "lookback", "top-k-high", "top-k-low", "transform", "scaling", "no-test", "no-train", "split-key"],
)
def test_a_mistake_is_named(data: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        PreprocessConfig.parse(data, section="preprocess")
    assert expected in str(caught.value)


def test_the_config_imports_nothing_heavy() -> None:
    heavy = {"sklearn", "pandas", "pyarrow", "tensorflow", "keras", "kfp"}
    code = f"import sys, components.preprocess.config; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True)
