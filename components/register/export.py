"""Export a model in a form that a client without this project can load, and prove that it answers the same."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.register import formats
from components.register.saved_model import AHEAD, INPUT, OUTPUT, SIGNATURE, ExportError
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import ArtifactError, InputError
from components.shared.files import digest_of_files, new_folder, write_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

MANIFEST_VERSION = 1
CHECK_WINDOWS = 256
"""Hold-out windows that the export is checked on, evenly spaced."""


def export(model: TrainedModel, prepared: Prepared, path: str | Path, *, tolerance: float) -> float:
    """Write a checked export: the model in its form, ``preprocessing.json``, ``config.yaml`` and ``manifest.json``.

    Args:
        model: the model to export; :mod:`components.register.formats` says in which form.
        prepared: arrays it was trained on; hold-out windows check the export.
        path: folder to write; it appears only when the check has passed.
        tolerance: largest difference allowed, in scaled label.

    Returns:
        The largest difference that was found.

    Raises:
        InputError: model and arrays do not fit each other, or there is no hold-out window.
        ExportError: the export differs from the model by more than ``tolerance``.
    """
    inputs = prepared.inputs(check_windows(model, prepared), model.input_names)
    form = formats.of(model)
    with new_folder(path) as folder:
        form.write(model, folder)
        difference = compare(form.answers(folder, inputs), model.predict(inputs), tolerance=tolerance)
        for name in ("preprocessing.json", "config.yaml"):
            shutil.copyfile(model.path / name, folder / name)
        check = {"windows": len(inputs[INPUT]), "max_difference": difference, "tolerance": tolerance}
        write_json(folder / "manifest.json", _manifest(folder, model, form, check))
    return difference


def check_windows(model: TrainedModel, prepared: Prepared) -> NDArray[np.int64]:
    """Starts of the hold-out windows to check an export on, at most :data:`CHECK_WINDOWS`."""
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
    return np.asarray(starts[chosen])


def compare(answers: NDArray[np.float32], expected: NDArray[np.float32], *, tolerance: float) -> float:
    """The largest difference between what the export and the model answer, scaled labels (n,).

    Raises:
        ExportError: it is more than ``tolerance``, or no number.
    """
    difference = float(np.abs(answers - expected).max())
    # Written so that NaN fails too.
    if not difference <= tolerance:
        raise ExportError(
            f"the export differs from the model by up to {difference:.3g} in scaled label on {len(expected)} hold-out "
            f"windows, more than register.tolerance ({tolerance:.3g}); nothing was registered"
        )
    return difference


def _manifest(folder: Path, model: TrainedModel, form: formats.Format, check: dict[str, Any]) -> dict[str, Any]:
    preprocessing = model.preprocessing
    shapes = {INPUT: [None, preprocessing.lookback, len(preprocessing.features)]}
    if AHEAD in model.input_names:
        shapes[AHEAD] = [None, preprocessing.horizon, preprocessing.known]
    return {
        "version": MANIFEST_VERSION,
        "format": form.name,
        **({"signature": SIGNATURE} if form.name == "tf_saved_model" else {}),
        "inputs": {name: {"shape": shape, "dtype": "float32"} for name, shape in shapes.items()},
        "outputs": {OUTPUT: {"shape": [None, 1], "dtype": "float32"}},
        "model_digest": model_digest(model),
        "digest": digest_of_files(sorted(file for file in folder.rglob("*") if file.is_file())),
        "check": check,
        "made_with": form.versions(),
    }


def model_digest(model: TrainedModel) -> str:
    """SHA-256 of what decides a model's answers: its own files, its preprocessing and its signature.

    Raises:
        ArtifactError: one of them is absent.
    """
    try:
        return digest_of_files(model.files)
    except OSError as error:
        raise ArtifactError(f"{model.path} is not a whole model artifact: {error}") from error
