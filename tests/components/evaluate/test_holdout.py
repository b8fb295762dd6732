from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from components.evaluate.holdout import Holdout
from components.shared.artifacts import Prepared
from components.shared.errors import ArtifactError, InputError


def test_truth_lies_a_horizon_after_the_origin(prepared_folder: Path) -> None:
    prepared = Prepared.open(prepared_folder)
    holdout = Holdout.of(prepared)
    horizon = prepared.preprocessing.horizon
    assert holdout.rows[0] == prepared.preprocessing.splits["test"].first
    np.testing.assert_array_equal(holdout.origin_values, prepared.targets[holdout.rows])
    np.testing.assert_array_equal(holdout.truth, prepared.targets[holdout.rows + horizon])
    assert (holdout.truth_times - holdout.origin_times == np.timedelta64(horizon, "D")).all()


@pytest.mark.parametrize("windows", [0, 1])
def test_too_few_windows_are_refused(prepared_folder: Path, tmp_path: Path, windows: int) -> None:
    folder = shutil.copytree(prepared_folder, tmp_path / "prepared")
    np.save(folder / "starts-test.npy", np.arange(316, 316 + windows))
    with pytest.raises(InputError, match=f"has {windows} forecast windows, expected at least 2"):
        Holdout.of(Prepared.open(folder))


def test_an_unknown_target_is_refused_with_its_date(prepared_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(prepared_folder, tmp_path / "prepared")
    targets = np.load(folder / "targets.npy")
    targets[350] = np.nan
    np.save(folder / "targets.npy", targets)
    with pytest.raises(ArtifactError, match=r"2 of 66 test windows .* the first on 2020-12-09"):
        Holdout.of(Prepared.open(folder))
