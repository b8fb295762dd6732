from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.preprocess import origins, windows
from components.preprocess.origins import Origins
from components.shared.preprocessing import FeatureScaling, TargetScaling

TARGETS = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 64.0])


@pytest.mark.parametrize(
    ("transform", "expected"),
    [("level", [4.0, 8.0]), ("difference", [3.0, 6.0]), ("log_return", np.log([4.0, 4.0]))],
    ids=["level", "difference", "log-return"],
)
def test_a_label_is_the_target_at_origin_plus_horizon(transform: str, expected: list[float]) -> None:
    np.testing.assert_allclose(windows.raw_labels(TARGETS, range(0, 2), 2, transform), expected)


@pytest.mark.parametrize("block", [1, 3, 100])
def test_the_last_horizon_rows_of_each_series_have_no_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(origins, "BLOCK_ROWS", block)
    scaling = TargetScaling(name="y", transform="level", center=4.0, scale=2.0)
    series = [slice(0, 4), slice(4, 5), slice(5, 6)]
    windows.write_labels(tmp_path / "one.npy", TARGETS, 2, scaling, [slice(0, 6)])
    windows.write_labels(tmp_path / "three.npy", TARGETS, 2, scaling, series)
    np.testing.assert_array_equal(np.load(tmp_path / "one.npy"), np.float32([0, 2, 6, 30, np.nan, np.nan]))
    np.testing.assert_array_equal(np.load(tmp_path / "three.npy"), np.float32([0, 2, *[np.nan] * 4]))


@pytest.mark.parametrize("block", [1, 2, 100])
def test_windows_end_at_their_origins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(origins, "BLOCK_ROWS", block)
    windows.write_starts(tmp_path / "starts.npy", Origins((range(4, 7), range(7, 7), range(11, 13))), 3)
    np.testing.assert_array_equal(np.load(tmp_path / "starts.npy"), [2, 3, 4, 9, 10])


def test_features_are_interleaved_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "BLOCK_BYTES", 8 * 2 * 3)
    filled = np.arange(30.0).reshape(3, 10)
    filled[2, 0] = np.nan
    scalings = [FeatureScaling(name=name, fill=5.0, center=1.0, scale=2.0) for name in "ab"]
    windows.write_features(tmp_path / "features.npy", filled, [2, 0], scalings)
    written = np.load(tmp_path / "features.npy")
    assert (written.dtype, written.shape, written.flags.c_contiguous) == (np.float32, (10, 2), True)
    np.testing.assert_array_equal(written[:, 1], (filled[0] - 1) / 2)
    np.testing.assert_array_equal(written[:, 0], (np.array([5.0, *filled[2, 1:]]) - 1) / 2)
