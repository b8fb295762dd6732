from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.explain import methods, sanity
from components.explain.attributions import Attributions
from components.explain.config import ExplainConfig
from components.shared.artifacts import Prepared, TrainedModel
from components.train import step as train_step
from components.train.config import TrainConfig


@pytest.fixture(scope="module")
def dart_folder(tmp_path_factory: pytest.TempPathFactory, prepared_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("dart")
    config = TrainConfig.parse({"model": {"kind": "dart", "trees": 8, "lags": [1, 5], "spans": [3]}}, section="train")
    train_step.run(config, str(prepared_folder), str(folder / "model"), str(folder / "page.html"), device="cpu")
    return folder / "model"


def attributions(values: np.ndarray, outputs: np.ndarray) -> Attributions:
    return Attributions(values, np.zeros(1), outputs)


def explainer(prepared: Prepared, model: TrainedModel) -> methods.Method:
    background = prepared.inputs(np.asarray(prepared.starts("train"))[:5], model.input_names)
    return methods.of_model(ExplainConfig(), model, background, [7], samples=3)


@pytest.mark.parametrize("kind", ["model_folder", "dart_folder"], ids=["network", "trees"])
def test_attributions_of_a_trained_model_are_its_own(
    kind: str, prepared_folder: Path, request: pytest.FixtureRequest
) -> None:
    prepared, model = Prepared.open(prepared_folder), TrainedModel.open(request.getfixturevalue(kind))
    method, inputs = explainer(prepared, model), prepared.inputs(np.asarray(prepared.starts("test"))[:3])
    before = method.explain(inputs, False)
    found = sanity.check(lambda: method.explain(inputs, False), model)
    assert found.similarity < sanity.MOST_SIMILAR
    np.testing.assert_array_equal(method.explain(inputs, False).values, before.values)


def test_a_constant_zero_explainer_is_caught(model_folder: Path) -> None:
    zeros = attributions(np.zeros((3, 12, 5, 1)), np.ones((3, 1)))
    with pytest.raises(sanity.SanityError, match="every attribution is zero, though forecasts differ"):
        sanity.check(lambda: zeros, TrainedModel.open(model_folder))


def test_an_explainer_that_looks_at_the_data_alone_is_caught(prepared_folder: Path, model_folder: Path) -> None:
    prepared, model = Prepared.open(prepared_folder), TrainedModel.open(model_folder)
    windows = prepared.windows(np.asarray(prepared.starts("test"))[:3])

    def explain() -> Attributions:
        outputs = model.predict(windows).astype(np.float64)
        # Adds up to each forecast, so no residual gives it away.
        shares = np.abs(windows) / np.abs(windows).sum(axis=(1, 2), keepdims=True)
        return attributions((shares * np.abs(outputs)[:, None, None])[..., None], outputs[:, None])

    with pytest.raises(sanity.SanityError, match="depend on the data alone"):
        sanity.check(explain, model)


def test_nothing_is_said_about_a_model_that_never_moves(model_folder: Path) -> None:
    still = attributions(np.zeros((3, 12, 5, 1)), np.zeros((3, 1)))
    assert np.isnan(sanity.check(lambda: still, TrainedModel.open(model_folder)).similarity)


def test_weights_are_put_back_after_a_failure(model_folder: Path) -> None:
    model = TrainedModel.open(model_folder)
    before = [np.array(weight) for weight in model.keras.weights]
    with pytest.raises(RuntimeError, match="inside"), sanity.shuffled(model, seed=0):
        assert any((np.array(now) != then).any() for now, then in zip(model.keras.weights, before, strict=True))
        raise RuntimeError("inside")
    for now, then in zip(model.keras.weights, before, strict=True):
        np.testing.assert_array_equal(np.array(now), then)
