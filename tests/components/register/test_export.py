from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.register import export, saved_model
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import ArtifactError, InputError
from components.shared.files import read_json


@pytest.fixture
def model(model_folder: Path) -> TrainedModel:
    return TrainedModel.open(model_folder)


@pytest.fixture
def prepared(prepared_folder: Path) -> Prepared:
    return Prepared.open(prepared_folder)


INPUTS = {"window": (4, 3), "ahead": (2, 1)}


def verify(folder: Path, windows: np.ndarray, expected: np.ndarray) -> float:
    return export.compare(saved_model.answers(folder, {"window": windows}), expected, tolerance=1e-5)


def test_an_export_holds_what_a_server_needs(tmp_path: Path, model: TrainedModel, prepared: Prepared) -> None:
    difference = export.export(model, prepared, tmp_path / "exported", tolerance=1e-5)
    assert difference <= 1e-5
    manifest = read_json(tmp_path / "exported" / "manifest.json")
    assert manifest["inputs"] == {"window": {"shape": [None, 12, 5], "dtype": "float32"}}
    assert manifest["outputs"] == {"forecast": {"shape": [None, 1], "dtype": "float32"}}
    assert manifest["check"] == {
        "windows": len(prepared.starts("test")),
        "max_difference": difference,
        "tolerance": 1e-5,
    }
    assert manifest["model_digest"] == export.model_digest(model)
    for name in ("preprocessing.json", "config.yaml"):
        assert (tmp_path / "exported" / name).read_bytes() == (model.path / name).read_bytes()


@pytest.mark.parametrize("count", [1, 7])
def test_names_hold_and_any_number_of_windows_is_answered(
    tmp_path: Path, model: TrainedModel, prepared: Prepared, count: int
) -> None:
    # Other models before it move the counter that Keras names unnamed tensors by.
    keras.Model(unnamed := keras.Input((3,)), keras.layers.Dense(1)(unnamed))
    export.export(model, prepared, tmp_path / "exported", tolerance=1e-5)
    served = tf.saved_model.load(str(tmp_path / "exported")).signatures["serving_default"]
    windows = prepared.windows(np.asarray(prepared.starts("test")[:count]))
    answers = served(window=tf.constant(windows))
    assert list(answers) == ["forecast"]
    np.testing.assert_allclose(answers["forecast"].numpy()[:, 0], model.predict(windows), atol=1e-6)


def test_an_unnamed_model_is_exported_under_the_same_names(tmp_path: Path) -> None:
    window = keras.Input((4, 3))
    net = keras.Model(window, keras.layers.Dense(1)(keras.layers.LSTM(5)(window)))
    saved_model.write_saved_model(net, tmp_path / "exported")
    windows = np.random.default_rng(1).normal(size=(6, 4, 3)).astype(np.float32)
    expected = np.asarray(net(windows))[:, 0]
    assert verify(tmp_path / "exported", windows, expected) <= 1e-5


@pytest.mark.parametrize("change", [1e-3, np.nan], ids=["other weights", "weights that are not numbers"])
def test_an_export_of_other_weights_is_caught(
    tmp_path: Path, model: TrainedModel, prepared: Prepared, change: float
) -> None:
    altered = keras.models.clone_model(model.keras)
    altered.set_weights([weight + change for weight in model.keras.get_weights()])
    saved_model.write_saved_model(altered, tmp_path / "exported")
    windows = prepared.windows(np.asarray(prepared.starts("test")))
    with pytest.raises(export.ExportError, match=r"more than register\.tolerance \(1e-05\)"):
        verify(tmp_path / "exported", windows, model.predict(windows))


def test_a_truncated_export_is_caught(tmp_path: Path, model: TrainedModel, prepared: Prepared) -> None:
    saved_model.write_saved_model(model.keras, tmp_path / "exported")
    (tmp_path / "exported" / "saved_model.pb").write_bytes(b"cut off")
    windows = prepared.windows(np.asarray(prepared.starts("test")))
    with pytest.raises(export.ExportError, match="cannot be loaded again"):
        verify(tmp_path / "exported", windows, model.predict(windows))


def test_a_failing_check_leaves_nothing(tmp_path: Path, model: TrainedModel, prepared: Prepared) -> None:
    with pytest.raises(export.ExportError):
        export.export(model, prepared, tmp_path / "exported", tolerance=-1.0)
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_another_input_is_refused(tmp_path: Path) -> None:
    first, second = keras.Input((3,), name="window"), keras.Input((3,), name="weather")
    net = keras.Model([first, second], keras.layers.Dense(1)(keras.layers.Add()([first, second])))
    with pytest.raises(export.ExportError, match="window and perhaps ahead, and one output, got window, weather and 1"):
        saved_model.write_saved_model(net, tmp_path)


def test_features_known_ahead_are_a_second_input_by_name(tmp_path: Path) -> None:
    window, ahead = keras.Input((4, 3), name="window"), keras.Input((2, 1), name="ahead")
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(window), keras.layers.Flatten()(ahead)])
    net = keras.Model([window, ahead], keras.layers.Dense(1)(joined))
    saved_model.write_saved_model(net, tmp_path / "exported")
    rng = np.random.default_rng(1)
    inputs = {name: rng.normal(size=(6, *shape)).astype(np.float32) for name, shape in INPUTS.items()}
    np.testing.assert_allclose(saved_model.answers(tmp_path / "exported", inputs), np.asarray(net(inputs))[:, 0], 1e-5)


def test_arrays_of_another_model_are_refused(model: TrainedModel, prepared: Prepared) -> None:
    other = prepared.preprocessing.model_copy(update={"lookback": 20})
    with pytest.raises(InputError, match=r"windows of 12 rows of 5 features, but .* holds 20 rows of 5"):
        export.check_windows(model, Prepared(prepared.path, other))


def test_an_empty_hold_out_is_refused(tmp_path: Path, model: TrainedModel, prepared: Prepared) -> None:
    shutil.copytree(prepared.path, tmp_path / "prepared")
    np.save(tmp_path / "prepared" / "starts-test.npy", np.empty(0, dtype=np.int64))
    with pytest.raises(InputError, match="no windows to check the export on"):
        export.check_windows(model, Prepared.open(tmp_path / "prepared"))


def test_an_incomplete_model_has_no_digest(tmp_path: Path, model: TrainedModel) -> None:
    shutil.copytree(model.path, tmp_path / "model")
    (tmp_path / "model" / "signature.json").unlink()
    with pytest.raises(ArtifactError, match=r"signature\.json"):
        export.model_digest(TrainedModel.open(tmp_path / "model"))
