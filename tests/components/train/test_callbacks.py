from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from components.train import callbacks
from components.train.config import TrainConfig


@pytest.mark.parametrize("seed", [0, 5])
def test_dropout_is_a_function_of_seed_and_epoch(seed: int, tmp_path: Path) -> None:
    config = TrainConfig.parse({"model": {"kind": "feedforward"}}, section="train")
    model = keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Dropout(0.5)])

    def states(of: int, epoch: int) -> list[tuple[int, ...]]:
        seeds, *_ = callbacks.build(config, tmp_path, of, 0, None)
        seeds.set_model(model)
        seeds.on_epoch_begin(epoch)
        found = [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
        return [tuple(np.asarray(keras.ops.convert_to_numpy(state)).tolist()) for state in found]

    every = [*states(seed, 0), *states(seed, 1), *states(seed + 1, 0)]
    assert len(set(every)) == 6, "two layers, two epochs and another seed all differ"
    assert states(seed, 1) == every[2:4]
