"""What bands of a forecaster may know: outcomes that have come true when each forecast is made, and no later ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.evaluate.config import UncertaintyConfig
from components.evaluate.uncertainty import Outlook
from components.shared.artifacts import Prepared

CUT = 360


@pytest.mark.parametrize("method", ["adaptive", "split"])
def test_no_calibrated_band_knows_an_outcome_before_it_comes(prepared_folder: Path, method: str) -> None:
    prepared, changed = Prepared.open(prepared_folder), Prepared.open(prepared_folder)
    targets = np.array(prepared.targets)
    targets[CUT + 1 :] += 10
    object.__setattr__(changed, "targets", targets)
    config, found = UncertaintyConfig(), []
    for arrays in (prepared, changed):
        outlook = Outlook.of(arrays)
        walk = np.asarray(arrays.targets[outlook.rows])
        found.append(outlook.calibrated(method, walk, None, config).quantiles)
    made = Outlook.of(prepared).rows[-len(found[0]) :]
    np.testing.assert_array_equal(found[0][made <= CUT], found[1][made <= CUT])
    assert not np.array_equal(found[0][made > CUT], found[1][made > CUT])


def test_bands_are_in_the_order_of_the_holdout_and_judged_on_it_alone(prepared_folder: Path) -> None:
    prepared = Prepared.open(prepared_folder)
    outlook = Outlook.of(prepared)
    walk = np.asarray(prepared.targets[outlook.rows])
    judged = outlook.calibrated("split", walk, None, UncertaintyConfig())
    middle = judged.quantiles[:, judged.quantiles.shape[1] // 2]
    test = prepared.origins(np.asarray(prepared.starts("test")))
    np.testing.assert_allclose(middle, prepared.targets[test])
    lower, upper = judged.band(0.9)
    truth = prepared.targets[test + prepared.preprocessing.horizon]
    assert judged.interval(0.9).coverage == np.mean((truth >= lower) & (truth <= upper))
