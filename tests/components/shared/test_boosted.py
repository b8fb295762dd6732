from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.shared import boosted
from components.shared.boosted import WindowColumns
from components.shared.errors import ArtifactError, InputError

COLUMNS = WindowColumns(("price", "noise"), lookback=6, lags=(1, 3), spans=(2, 4), own_history=True)
WINDOWS = np.random.default_rng(1).normal(size=(7, 6, 2)).astype(np.float32)


def column(name: str) -> np.ndarray:
    return COLUMNS.of(WINDOWS)[:, COLUMNS.names.index(name)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("noise", WINDOWS[:, 5, 1]),
        ("price move 1", WINDOWS[:, 5, 0] - WINDOWS[:, 4, 0]),
        ("noise move 3", WINDOWS[:, 5, 1] - WINDOWS[:, 2, 1]),
        ("price mean 4", WINDOWS[:, 2:, 0].mean(axis=1) - WINDOWS[:, 5, 0]),
        ("price spread 2", WINDOWS[:, 4:, 0].std(axis=1)),
    ],
    ids=["last", "move", "longer move", "mean", "spread"],
)
def test_a_column_is_what_its_name_says(name: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(column(name), expected, atol=1e-6)


def test_there_is_a_name_for_every_column() -> None:
    assert COLUMNS.of(WINDOWS).shape == (7, len(COLUMNS.names))
    assert len(set(COLUMNS.names)) == len(COLUMNS.names) == 2 + 4 + 4


def test_without_the_targets_own_past_there_are_no_statistics() -> None:
    columns = WindowColumns(("a", "b"), 6, (1,), (2, 4), own_history=False)
    assert columns.names == ["a", "b", "a move 1", "b move 1"]
    assert columns.of(WINDOWS).shape == (7, 4)


def test_a_description_says_all_of_it() -> None:
    assert WindowColumns.read(COLUMNS.describe()) == COLUMNS


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("noise", {(5, 1): 1.0}),
        ("price move 3", {(2, 0): 1.0}),
        ("noise move 1", {(4, 1): 1.0}),
        ("price mean 4", dict.fromkeys([(2, 0), (3, 0), (4, 0), (5, 0)], 0.25)),
        ("price spread 2", dict.fromkeys([(4, 0), (5, 0)], 0.5)),
    ],
    ids=["last", "move", "shorter move", "mean", "spread"],
)
def test_a_columns_part_goes_back_to_the_rows_it_is_made_of(name: str, cells: dict[tuple[int, int], float]) -> None:
    parts = np.zeros((1, len(COLUMNS.names)))
    parts[0, COLUMNS.names.index(name)] = 1.0
    expected = np.zeros((1, 6, 2))
    for (row, feature), share in cells.items():
        expected[0, row, feature] = share
    np.testing.assert_allclose(COLUMNS.back_to_windows(parts), expected)


@given(st.lists(st.floats(-5, 5, width=32), min_size=5, max_size=5), st.integers(0, 4))
@settings(max_examples=100, deadline=None)
def test_quantiles_never_cross_and_the_point_stays(values: list[float], point: int) -> None:
    outputs = np.array([values], dtype=np.float32)
    ordered = boosted.in_order(outputs, point)
    assert (np.diff(ordered[0]) >= 0).all()
    assert ordered[0, point] == outputs[0, point]


@pytest.mark.parametrize(
    ("source", "platform", "expected"),
    [
        ("raise ImportError('No module named xgboost')", "linux", r"pip install 'tandem-pipelines\[boosting\]'"),
        ("raise ValueError('Library not loaded: libomp.dylib')", "darwin", r"libomp\.dylib\): brew install libomp"),
    ],
    ids=["not installed", "no OpenMP on a Mac"],
)
def test_a_missing_library_says_what_to_type(
    source: str, platform: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xgboost.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "xgboost"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(InputError, match=expected):
        boosted.load_xgboost()


def test_a_file_that_is_no_booster_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text('{"learner": 3}')
    with pytest.raises(ArtifactError, match="not an XGBoost model"):
        boosted.BoostedTrees.load(tmp_path / "model.json", COLUMNS)
