"""Export a Keras model as a SavedModel with names that do not change, and prove that it answers the same.

Keras names an unnamed input after a counter of the process (``keras_tensor_13``) and an output by its position, so a
client written against one export would break on the next. Here the input is ``window`` and the output ``forecast``.
"""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import ArtifactError, InputError, TandemError
from components.shared.files import digest_of_files, new_folder, write_json

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

MANIFEST_VERSION = 1
SIGNATURE, INPUT, OUTPUT = "serving_default", "window", "forecast"
CHECK_WINDOWS = 256
"""Hold-out windows that the export is checked on, evenly spaced."""


class ExportError(TandemError):
    """An export does not answer like the model it was made from."""


def export(model: TrainedModel, prepared: Prepared, path: str | Path, *, tolerance: float) -> float:
    """Write a checked export: SavedModel, ``preprocessing.json``, ``config.yaml`` and ``manifest.json``.

    Args:
        model: the model to export.
        prepared: arrays it was trained on; hold-out windows check the export.
        path: folder to write; it appears only when the check has passed.
        tolerance: largest difference allowed, in scaled label.

    Returns:
        The largest difference that was found.

    Raises:
        InputError: model and arrays do not fit each other, or there is no hold-out window.
        ExportError: the export differs from the model by more than ``tolerance``.
    """
    windows = check_windows(model, prepared)
    with new_folder(path) as folder:
        write_saved_model(model.keras, folder)
        difference = verify(folder, windows, model.predict(windows), tolerance=tolerance)
        for name in ("preprocessing.json", "config.yaml"):
            shutil.copyfile(model.path / name, folder / name)
        check = {"windows": len(windows), "max_difference": difference, "tolerance": tolerance}
        write_json(folder / "manifest.json", _manifest(folder, model, check))
    return difference


def check_windows(model: TrainedModel, prepared: Prepared) -> NDArray[np.float32]:
    """Hold-out windows to check an export on, (at most :data:`CHECK_WINDOWS`, lookback, features)."""
    ours, theirs = model.preprocessing, prepared.preprocessing
    if (ours.lookback, ours.feature_names) != (theirs.lookback, theirs.feature_names):
        raise InputError(
            f"{model.path} was trained on windows of {ours.lookback} rows of {len(ours.features)} features, but "
            f"{prepared.path} holds {theirs.lookback} rows of {len(theirs.features)}: give both from the same run"
        )
    starts = prepared.starts("test")
    if len(starts) == 0:
        raise InputError(f"the test split of {prepared.path} holds no windows to check the export on")
    chosen = np.linspace(0, len(starts) - 1, min(CHECK_WINDOWS, len(starts))).round().astype(np.int64)
    return prepared.windows(np.asarray(starts[chosen]))


def write_saved_model(model: keras.Model, folder: Path) -> None:
    """Write ``model`` into ``folder`` as a SavedModel with input ``window`` and output ``forecast``.

    Raises:
        ExportError: the model has several inputs or outputs, which the signature has no names for.
    """
    import keras
    import tensorflow as tf

    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ExportError(
            f"expected a model with one input and one output, got {len(model.inputs)} and {len(model.outputs)}"
        )
    named = keras.Model(model.inputs, {OUTPUT: model.outputs[0]})
    signature = [tf.TensorSpec(model.inputs[0].shape, tf.float32, name=INPUT)]
    named.export(folder, format="tf_saved_model", input_signature=signature, verbose=False)


def verify(folder: Path, windows: NDArray[np.float32], expected: NDArray[np.float32], *, tolerance: float) -> float:
    """Load the SavedModel as a client would and compare its answers.

    Args:
        folder: holds the SavedModel.
        windows: (n, lookback, features).
        expected: what the model answers, scaled labels (n,).
        tolerance: largest difference allowed.

    Returns:
        The largest difference.

    Raises:
        ExportError: the file cannot be loaded, its names are wrong, or it answers differently.
    """
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ExportError(f"the export cannot be loaded again: {error}") from error
    served = loaded.signatures[SIGNATURE]
    names = set(served.structured_input_signature[1]), set(served.structured_outputs)
    if names != ({INPUT}, {OUTPUT}):
        raise ExportError(f"expected the export's names to be {INPUT} and {OUTPUT}, got {names[0]} and {names[1]}")
    answers = served(**{INPUT: tf.constant(windows)})[OUTPUT].numpy().reshape(len(windows))
    difference = float(np.abs(answers - expected).max())
    # Written so that NaN fails too.
    if not difference <= tolerance:
        raise ExportError(
            f"the export differs from the model by up to {difference:.3g} in scaled label on {len(windows)} hold-out "
            f"windows, more than register.tolerance ({tolerance:.3g}); nothing was registered"
        )
    return difference


def _manifest(folder: Path, model: TrainedModel, check: dict[str, Any]) -> dict[str, Any]:
    preprocessing = model.preprocessing
    window = [None, preprocessing.lookback, len(preprocessing.features)]
    return {
        "version": MANIFEST_VERSION,
        "format": "tf_saved_model",
        "signature": SIGNATURE,
        "inputs": {INPUT: {"shape": window, "dtype": "float32"}},
        "outputs": {OUTPUT: {"shape": [None, 1], "dtype": "float32"}},
        "model_digest": model_digest(model),
        "digest": digest_of_files(sorted(file for file in folder.rglob("*") if file.is_file())),
        "check": check,
        "made_with": {name: metadata.version(name) for name in ("keras", "numpy")} | {"tensorflow": _tensorflow()},
    }


def model_digest(model: TrainedModel) -> str:
    """SHA-256 of what decides a model's answers: its Keras file, its preprocessing and its signature.

    Raises:
        ArtifactError: one of them is absent.
    """
    try:
        return digest_of_files([model.path / name for name in ("model.keras", "preprocessing.json", "signature.json")])
    except OSError as error:
        raise ArtifactError(f"{model.path} is not a whole model artifact: {error}") from error


def _tensorflow() -> str:
    """Version of TensorFlow, whose distribution is named differently on each platform."""
    import tensorflow as tf

    return str(tf.__version__)
