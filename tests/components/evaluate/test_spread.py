"""A model's own quantiles, from whatever numbers describe its forecasts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from components.evaluate.probabilistic import LEVELS
from components.evaluate.spread import Spread
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.files import read_json, write_json
from components.train.models import REGISTRY, build
from components.train.models.kind import WindowShape

KNOWN = [0.1, 0.5, 0.9]


@pytest.fixture
def describing(network_folder: Callable[..., Path], prepared_folder: Path) -> Callable[..., TrainedModel]:
    """Makes a network of random weights whose forecasts are described by several numbers."""

    def make(parameters: int, **distribution: Any) -> TrainedModel:
        folder, manifest = network_folder("feedforward", units=(6,)), Prepared.open(prepared_folder).preprocessing
        shape = WindowShape(
            manifest.lookback, len(manifest.features), parameters=parameters, distribution=distribution["kind"]
        )
        build(REGISTRY["feedforward"].config(kind="feedforward", units=(6,)), shape).save(folder / "model.keras")
        write_json(folder / "signature.json", read_json(folder / "signature.json") | {"distribution": distribution})
        return TrainedModel.open(folder)

    return make


@pytest.mark.parametrize("kind", ["quantile", "gaussian"])
def test_quantiles_are_those_of_what_the_model_says(
    kind: str, describing: Callable[..., TrainedModel], prepared_folder: Path
) -> None:
    prepared = Prepared.open(prepared_folder)
    starts = np.asarray(prepared.starts("test"))[:5]
    levels = {"levels": KNOWN} if kind == "quantile" else {}
    model = describing(3 if kind == "quantile" else 2, kind=kind, point=1 if kind == "quantile" else 0, **levels)
    described = model.describe(prepared.windows(starts)).astype(np.float64)
    if kind == "quantile":  # between the levels it knows a line, beyond them the outermost
        scaled = np.array([np.interp(LEVELS, KNOWN, one) for one in described])
    else:
        scaled = stats.norm.ppf(LEVELS[None], described[:, :1], described[:, 1:])
    origin = prepared.targets[prepared.origins(starts)][:, None]
    found = Spread.of(model, passes=0).quantiles(model, prepared, starts)
    np.testing.assert_allclose(found, prepared.preprocessing.target.invert(scaled, origin), rtol=1e-6)
