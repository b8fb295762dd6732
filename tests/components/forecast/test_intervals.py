from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.forecast.intervals import Bands
from components.shared.artifacts import TrainedModel
from components.shared.errors import InputError
from components.shared.files import write_json
from tests.components.forecast.conftest import Market

QUANTILES = {"kind": "quantile", "levels": [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], "point": 3}


def model(folder: Path, market: Market, distribution: dict) -> TrainedModel:
    """A model whose signature says what its outputs are."""
    import shutil

    shutil.copytree(market.model, folder / "model")
    (folder / "model" / "residuals.json").unlink()
    write_json(folder / "model" / "signature.json", {"kind": "feedforward", "distribution": distribution})
    return TrainedModel.open(folder / "model")


def test_quantile_outputs_are_the_intervals_and_are_interpolated_between_levels(market: Market, tmp_path: Path) -> None:
    bands = Bands.of(model(tmp_path, market, QUANTILES), [0.35, 0.5, 0.8, 0.9])
    assert bands.method == "quantile"
    described = np.array([[-4, -3, -2, 0, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6]], dtype=np.float32)
    found = bands.around(described, point=3)
    np.testing.assert_allclose(found[0.9], [[-4, 0], [4, 6]])
    np.testing.assert_allclose(found[0.8], [[-3, 1], [3, 5]])
    np.testing.assert_allclose(found[0.5], [[-2, 2], [2, 4]])
    np.testing.assert_allclose(found[0.35], [[-1.4, 2.3], [1.4, 3.7]])


def test_an_interval_wider_than_the_models_quantiles_is_refused(market: Market, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"from 0\.05 to 0\.95, so its widest interval is 0\.9; got 0\.95, 0\.99"):
        Bands.of(model(tmp_path, market, QUANTILES), [0.8, 0.95, 0.99])


def test_gaussian_intervals_are_deviations_around_the_mean(market: Market, tmp_path: Path) -> None:
    bands = Bands.of(model(tmp_path, market, {"kind": "gaussian", "point": 0}), [0.95])
    lower, upper = bands.around(np.array([[1.0, 2.0]], dtype=np.float32), point=0)[0.95]
    assert (lower[0], upper[0]) == pytest.approx((1 - 1.959964 * 2, 1 + 1.959964 * 2), rel=1e-6)


def test_bounds_kept_by_training_move_a_models_own_intervals(market: Market, tmp_path: Path) -> None:
    with_bounds = model(tmp_path, market, {"kind": "gaussian", "point": 0})
    kept = {"levels": [0.5], "quantiles": [0.0], "bounds": [[0.5, -9.0], [0.8, 1.0], [0.9, 2.0]]}
    write_json(with_bounds.path / "residuals.json", kept)
    bands = Bands.of(with_bounds, [0.5, 0.85])
    assert bands.method == "conformal_gaussian"
    found = bands.around(np.array([[1.0, 2.0]], dtype=np.float32), point=0)
    assert found[0.85][1] - found[0.85][0] == pytest.approx(2 * 1.439531 * 2 + 2 * 1.5, rel=1e-5)
    assert (found[0.5][0][0], found[0.5][1][0]) == pytest.approx((1.0, 1.0))  # never inside out


def test_a_point_model_without_residuals_has_no_intervals(market: Market, tmp_path: Path) -> None:
    point = model(tmp_path, market, {"kind": "point", "point": 0})
    with pytest.raises(InputError, match=r"no residuals\.json"):
        Bands.of(point, [0.8])
    assert Bands.of(point, []).around(np.zeros((2, 1), dtype=np.float32), 0) == {}


def test_half_of_gaussian_residuals_lie_in_the_half_interval(market: Market) -> None:
    bands = Bands.of(TrainedModel.open(market.model), [0.5])
    lower, upper = bands.around(np.zeros((1, 1), dtype=np.float32), 0)[0.5]
    outcomes = np.interp(np.linspace(0.005, 0.995, 9999), bands.levels, bands.offsets)
    assert np.mean((outcomes >= lower) & (outcomes <= upper)) == pytest.approx(0.5 / 0.99, abs=1e-3)
