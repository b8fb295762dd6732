"""Save a model so that equal models are equal files."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.shared import boosted
from components.shared.boosted import BoostedTrees

if TYPE_CHECKING:
    import keras

    from components.train.models.kind import WindowShape

_EPOCH = (1980, 1, 1, 0, 0, 0)


def framework(model: keras.Model | BoostedTrees) -> str:
    """What a model is made with and read by: ``keras`` or ``xgboost``."""
    return "xgboost" if isinstance(model, BoostedTrees) else "keras"


def write(model: keras.Model | BoostedTrees, folder: Path, features: Sequence[str]) -> dict[str, Any]:
    """Write a model's own file into its folder; returns what its signature has to say about that file."""
    if isinstance(model, BoostedTrees):
        model.save(folder / boosted.FILE)
        columns = dataclasses.replace(model.columns, features=tuple(features))
        return {"framework": framework(model), "columns": columns.describe()}
    save(model, folder / "model.keras")
    return {"framework": framework(model)}


def inputs(model: keras.Model | BoostedTrees, shape: WindowShape) -> dict[str, list[int | None]]:
    """Shape of each input by its name: of ``window`` always, and of ``ahead`` where the model takes it."""
    if isinstance(model, BoostedTrees):
        return {"window": [None, shape.lookback, shape.features]}
    return {tensor.name: list(tensor.shape) for tensor in model.inputs}


def save(model: keras.Model, path: Path) -> None:
    """Write ``model`` to ``path`` (``.keras``) without the dates and memory addresses that Keras puts into it.

    Content digests decide about caching and about what is registered already; a date would make every training new.
    """
    dated = path.with_suffix(".dated.keras")
    # What it was trained with is in config.yaml; a loss in the file would be code to load.
    compiled, model.compiled = model.compiled, False
    model.save(dated)
    model.compiled = compiled
    with zipfile.ZipFile(dated) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == "metadata.json":
                content = _as_json({k: v for k, v in json.loads(content).items() if k != "date_saved"})
            elif name == "config.json":
                content = _as_json(_renumbered(json.loads(content), {}))
            target.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    dated.unlink()


def _as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _renumbered(value: Any, seen: dict[int, int]) -> Any:
    """The same config with ``shared_object_id``, a memory address, counted from 0 in order of appearance."""
    if isinstance(value, list):
        return [_renumbered(item, seen) for item in value]
    if not isinstance(value, dict):
        return value
    out = {key: _renumbered(item, seen) for key, item in value.items()}
    if "shared_object_id" in out:
        out["shared_object_id"] = seen.setdefault(out["shared_object_id"], len(seen))
    return out
