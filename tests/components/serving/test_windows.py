from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from components.serving.predictor import Predictor

Instance = Callable[..., dict[str, Any]]


def test_nothing_that_is_missing_is_filled_from_another_instance(predictor: Predictor, instance_at: Instance) -> None:
    """The first rows of the second have no value yet: they get the fitted one, not the last of the first instance."""
    first, second = instance_at(200), instance_at(60)
    second["noise_1"][:4] = [None] * 4
    (alone,) = predictor.reader.inputs(predictor.reader.read([second]))["window"]
    together = predictor.reader.inputs(predictor.reader.read([first, second]))["window"]
    np.testing.assert_array_equal(together[1], alone)
    position = predictor.model.preprocessing.feature_names.index("noise_1")
    feature = predictor.model.preprocessing.features[position]
    np.testing.assert_allclose(alone[:4, position], (feature.fill - feature.center) / feature.scale, rtol=1e-6)


def test_a_window_is_the_last_rows_of_each_instance(predictor: Predictor, instance_at: Instance) -> None:
    longer, plain = instance_at(60, before=5), instance_at(60)
    windows = predictor.reader.inputs(predictor.reader.read([longer, plain]))["window"]
    np.testing.assert_array_equal(windows[0], windows[1])
