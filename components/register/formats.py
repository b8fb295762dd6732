"""The form each kind of model is exported in: how it is written, and how a client reads it from that folder alone.

keras      a SavedModel, see :mod:`components.register.saved_model`
xgboost    model.json in XGBoost's own format, and columns.json, which says what a window's columns are
ensemble   members/<name>/, each in its own form, and weights.json
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.register import saved_model
from components.shared.artifacts import TrainedModel
from components.shared.boosted import FILE, BoostedTrees, WindowColumns
from components.shared.files import read_json, write_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.shared.artifacts import Inputs

    Answers = Callable[[Path, Inputs], NDArray[np.float32]]


@dataclass(frozen=True)
class Format:
    """``write`` puts a model into an existing folder; ``answers`` asks it there, scaled labels (n,) of n windows."""

    name: str
    write: Callable[[TrainedModel, Path], None]
    answers: Answers
    packages: tuple[str, ...]

    def versions(self) -> dict[str, str]:
        """Versions of what it was made with; TensorFlow's distribution is named differently on each platform."""
        return {name: _version(name) for name in self.packages}


def of(model: TrainedModel) -> Format:
    return FORMATS[model.framework]


def _write_saved_model(model: TrainedModel, folder: Path) -> None:
    saved_model.write_saved_model(model.point_model, folder)


def _write_trees(model: TrainedModel, folder: Path) -> None:
    model.trees.save(folder / FILE)
    columns = model.trees.columns
    write_json(folder / "columns.json", {**columns.describe(), "names": columns.names, "point": model.point})


def _ask_trees(folder: Path, inputs: Inputs) -> NDArray[np.float32]:
    described = read_json(folder / "columns.json")
    trees = BoostedTrees.load(folder / FILE, WindowColumns.read(described), described["point"])
    return trees.describe(inputs["window"])[:, trees.point]


def _write_ensemble(model: TrainedModel, folder: Path) -> None:
    (folder / "members").mkdir()
    described: dict[str, Any] = {}
    for name, member in model.members.items():
        place = folder / "members" / name
        place.mkdir()
        of(member).write(member, place)
        described[name] = {"weight": model.weights[name], "format": of(member).name}
    write_json(folder / "weights.json", described)


def _ask_ensemble(folder: Path, inputs: Inputs) -> NDArray[np.float32]:
    total = np.zeros(len(inputs["window"]))
    ask = {form.name: form.answers for form in FORMATS.values()}
    for name, member in read_json(folder / "weights.json").items():
        total += member["weight"] * ask[member["format"]](folder / "members" / name, inputs).astype(np.float64)
    return total.astype(np.float32)


def _version(package: str) -> str:
    if package == "tensorflow":
        import tensorflow as tf

        return str(tf.__version__)
    if package == "xgboost":
        from components.shared.boosted import load_xgboost

        return str(load_xgboost().__version__)
    return metadata.version(package)


FORMATS = {
    "keras": Format("tf_saved_model", _write_saved_model, saved_model.answers, ("keras", "numpy", "tensorflow")),
    "xgboost": Format("xgboost_json", _write_trees, _ask_trees, ("numpy", "xgboost")),
    "ensemble": Format("ensemble", _write_ensemble, _ask_ensemble, ("numpy",)),
}
"""The form of each framework of :data:`components.shared.artifacts.MODEL_FILES`."""
