from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy import stats
from sklearn.metrics import mean_pinball_loss

from components.shared.preprocessing import TargetScaling
from components.train import losses

LABEL = np.array([[0.5], [-1.0], [2.0]], dtype=np.float32)
POINT = np.array([[0.0], [1.0], [1.5]], dtype=np.float32)


def loss(value: Any, target: TargetScaling | None = None) -> losses.Loss:
    return losses.build(TypeAdapter(losses.LossConfig).validate_python(value), target)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("mse", [0.25, 4.0, 0.25]),
        ("mae", [0.5, 2.0, 0.5]),
        ({"kind": "huber", "delta": 1.0}, [0.125, 1.5, 0.125]),
    ],
    ids=["mse", "mae", "huber"],
)
def test_a_point_loss_is_one_number_a_window(config: Any, expected: list[float]) -> None:
    np.testing.assert_allclose(loss(config)(LABEL, POINT), expected, rtol=1e-6)


def test_pinball_equals_scikit_learn_at_every_level() -> None:
    levels = (0.1, 0.5, 0.9)
    rng = np.random.default_rng(0)
    label, forecast = rng.normal(size=(50, 1)).astype("f4"), rng.normal(size=(50, 3)).astype("f4")
    ours = np.mean(loss({"kind": "quantile", "levels": levels})(label, forecast))
    theirs = np.mean([mean_pinball_loss(label[:, 0], forecast[:, i], alpha=q) for i, q in enumerate(levels)])
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_gaussian_equals_the_density_scipy_gives() -> None:
    forecast = np.array([[0.2, 0.5], [-0.5, 1.0], [1.0, 2.0]], dtype=np.float32)
    expected = -stats.norm.logpdf(LABEL[:, 0], forecast[:, 0], forecast[:, 1])
    np.testing.assert_allclose(loss("gaussian")(LABEL, forecast), expected, rtol=1e-5)


def test_paths_average_over_steps_and_channels() -> None:
    label, forecast = np.zeros((2, 3, 4), np.float32), np.ones((2, 3, 4), np.float32)
    forecast[1] = 2
    np.testing.assert_allclose(loss("mse")(label, forecast), [1.0, 4.0])
    described = np.stack([forecast, forecast, forecast], axis=-1)
    assert loss({"kind": "quantile", "levels": [0.1, 0.5, 0.9]})(label, described).shape == (2,)


def test_the_financial_loss_adds_only_to_the_wrong_direction() -> None:
    """Labels in units of 2, centred on 1: a label of -0.5 is no change."""
    target = TargetScaling(name="price", transform="difference", center=1.0, scale=2.0)
    label = np.array([[0.5], [0.5]], np.float32)  # a rise of one unit
    forecast = np.array([[0.0], [-1.5]], np.float32)  # half a unit up, one unit down
    squared = np.square(label - forecast)[:, 0]
    np.testing.assert_allclose(
        loss({"kind": "financial", "weight": 3.0}, target)(label, forecast), squared + np.array([0.0, 3.0])
    )


@pytest.mark.parametrize(
    "levels", [[0.5, 0.1], [0.1, 0.9], [0.5, 1.0], [0.5, 0.5]], ids=["order", "median", "bounds", "twice"]
)
def test_levels_that_are_no_quantiles_are_refused(levels: list[float]) -> None:
    with pytest.raises(ValidationError, match=r"ascending, 0\.5 among them"):
        loss({"kind": "quantile", "levels": levels})


def test_a_signature_says_which_number_is_the_point() -> None:
    config = TypeAdapter(losses.LossConfig).validate_python({"kind": "quantile", "levels": [0.1, 0.5, 0.9]})
    assert losses.describe(config) == {"kind": "quantile", "levels": [0.1, 0.5, 0.9], "point": 1}
    assert losses.parameters(config) == 3
