from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from components.train.models import closed_form
from components.train.source import WindowSource

Make = Callable[..., WindowSource]


def test_moves_are_counted_from_the_last_value_of_the_window(path_source: Make) -> None:
    source = path_source(known=0)
    lookback, steps = source.shape.lookback, source.shape.steps
    block = np.stack([source.features[start : start + lookback + steps] for start in (0, 40)]).astype(np.float64)
    past, future = closed_form.moves(block, source, None)
    last = block[:, lookback - 1]
    np.testing.assert_array_equal(past, (block[:, :lookback] - last[:, None]).transpose(0, 2, 1))
    np.testing.assert_array_equal(future, (block[:, lookback:] - last[:, None]).transpose(0, 2, 1))
    assert not past[..., -1].any()


@pytest.mark.parametrize("turns", [True, False], ids=["validation is a random walk", "validation goes on as before"])
def test_validation_decides_between_the_lines(turns: bool, path_source: Make) -> None:
    """Waves that a line forecasts exactly, until the validation windows begin."""
    base = path_source(rows=900, known=0)
    features, cut = np.array(base.features), 500
    if turns:
        features[cut:] = np.random.default_rng(2).normal(size=features[cut:].shape).cumsum(axis=0)
    starts = {"train": np.arange(cut - 20), "validation": np.arange(cut, 880)}
    source = WindowSource(features, base.labels, starts, base.shape)
    sums = closed_form.map_sums(source, None)
    candidates = [closed_form.linear_map(*sums, penalty=penalty) for penalty in (1.0, np.inf)]
    chosen = closed_form.best_map(source, None, candidates)
    assert chosen is candidates[1 if turns else 0]
