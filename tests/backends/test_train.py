"""The train stage under another backend, from prepared arrays to a model folder that TensorFlow reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_the_stage_trains_without_tensorflow_and_leaves_a_model_tensorflow_reads(
    run_under: Callable[..., Any], tmp_path: Path, backend: str
) -> None:
    import keras

    told = run_under(backend, "probe_train.py", tmp_path)
    assert not told["tensorflow"]
    environment = json.loads((tmp_path / "model" / "environment.json").read_text())
    assert environment["device"]["reason"].lower().startswith(backend)
    model = keras.saving.load_model(tmp_path / "model" / "model.keras", compile=False)
    window = np.zeros((2, *model.inputs[0].shape[1:]), np.float32)
    assert np.isfinite(model.predict_on_batch(window)).all()


def test_a_compiled_torch_step_trains_as_an_eager_one(run_under: Callable[..., Any], tmp_path: Path) -> None:
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    losses = {}
    for mode in ("off", "default"):
        # Without dropout: compiled code draws other masks.
        model = {"kind": "feedforward", "units": [8], "dropout": 0}
        section = {"model": model, "epochs": 2, "compile_mode": mode}
        told = run_under("torch", "probe_train.py", tmp_path / mode, json.dumps(section))
        losses[mode] = told["val_loss"]
    assert losses["default"] == pytest.approx(losses["off"], rel=1e-4)
