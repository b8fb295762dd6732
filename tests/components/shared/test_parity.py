from __future__ import annotations

import numpy as np
import pytest

from components.shared import parity as parity_module
from components.shared.parity import parity, sound_dropout


@pytest.fixture(scope="module")
def network() -> object:
    import keras

    keras.utils.set_random_seed(0)
    window = keras.Input((12, 3))
    hidden = keras.layers.Dropout(0.5)(keras.layers.LSTM(8)(window))
    return keras.Model(window, [keras.layers.Dense(2)(hidden), keras.layers.Dense(1)(hidden)])


@pytest.fixture(scope="module")
def windows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(16, 12, 3)).astype(np.float32)


def test_the_same_device_agrees_with_itself(network: object, windows: np.ndarray) -> None:
    found = parity(network, windows, "cpu", "cpu")
    assert found.agrees
    assert found.largest == 0
    assert "cpu and cpu agree" in found.reason


@pytest.mark.parametrize(
    ("wrong", "says"),
    [(lambda outputs: outputs + 0.5, "do not agree"), (lambda outputs: outputs * np.nan, "not finite")],
    ids=["shifted", "nan"],
)
def test_a_device_that_computes_wrongly_is_found(
    network: object, windows: np.ndarray, monkeypatch: pytest.MonkeyPatch, wrong: object, says: str
) -> None:
    # No such device is here, so the second answer is spoilt on its way.
    real = parity_module._outputs
    spoil = {"cpu": lambda outputs: outputs, "metal": wrong}
    monkeypatch.setattr(parity_module, "_outputs", lambda model, x, where: spoil[where](real(model, x, "cpu")))
    found = parity(network, windows)
    assert not found.agrees
    assert says in found.reason


def test_the_network_is_left_as_it_was(network: object, windows: np.ndarray) -> None:
    before = [np.array(value) for value in network.get_weights()]  # type: ignore[attr-defined]
    parity(network, windows, "cpu", "cpu")
    after = network.get_weights()  # type: ignore[attr-defined]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("seed", [None, 7], ids=["unseeded", "seeded"])
def test_dropout_of_this_cpu_is_sound(seed: int | None) -> None:
    found = sound_dropout("cpu", seed=seed)
    assert found.agrees, found.reason


UNITS, RATE = 4096, 0.3
KEPT = (np.random.default_rng(1).random((2, UNITS)) > RATE).astype(float)
WEIGHTS = np.random.default_rng(2).uniform(0.5, 1.5, UNITS)
SUMS = [float(mask @ WEIGHTS) / (UNITS * (1 - RATE)) for mask in KEPT]


@pytest.mark.parametrize(
    ("masks", "sums", "says"),
    [
        (list(KEPT), SUMS, "dropout is sound"),
        ([np.zeros(UNITS), np.zeros(UNITS)], [0.0, 0.0], "keeps 0.000 of the units"),
        ([KEPT[0], KEPT[0]], [SUMS[0], SUMS[0]], "same mask at every step"),
        (list(KEPT[::-1]), SUMS, "another mask in its gradient"),
        (list(KEPT * (1 - RATE)), [value * (1 - RATE) for value in SUMS], "does not scale what it keeps"),
    ],
    ids=["sound", "all-dropped", "repeated", "gradient-of-another", "unscaled"],
)
def test_each_fault_of_a_dropout_is_named(masks: list[np.ndarray], sums: list[float], says: str) -> None:
    found = parity_module._judge(masks, sums, WEIGHTS, RATE)
    assert found.agrees == (says == "dropout is sound")
    assert says in found.reason
