from __future__ import annotations

import numpy as np
import pytest

from components.evaluate.resampling import block_length, bootstrap_mean


def autoregressive(rows: int, by: float, seed: int) -> np.ndarray:
    shocks, values = np.random.default_rng(seed).normal(size=rows), np.zeros(rows)
    for row in range(1, rows):
        values[row] = by * values[row - 1] + shocks[row]
    return values


@pytest.mark.parametrize("by", [0.3, 0.6])
def test_blocks_are_as_long_as_theory_wants_for_an_autoregression(by: float) -> None:
    rows = 2000
    bend, spectrum = 2 * by / (1 - by) ** 2 / (1 - by**2), 1 / (1 - by) ** 2
    expected = (2 * bend**2 / (4 / 3 * spectrum**2)) ** (1 / 3) * rows ** (1 / 3)
    found = np.mean([block_length(autoregressive(rows, by, seed)) for seed in range(60)])
    assert found == pytest.approx(expected, rel=0.15)


def test_independent_values_need_no_blocks() -> None:
    found = [block_length(np.random.default_rng(seed).normal(size=500)) for seed in range(40)]
    assert np.median(found) < 4


def test_the_interval_is_as_wide_as_the_mean_varies() -> None:
    found = bootstrap_mean(autoregressive(2000, 0.6, 3), at_least=1)
    assert found is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * 2.5 / np.sqrt(2000), rel=0.2)


def test_blocks_are_no_shorter_than_what_overlaps_and_few_blocks_give_no_interval() -> None:
    values = np.random.default_rng(0).normal(size=300)
    found = bootstrap_mean(values, at_least=21)
    assert found is not None
    assert found.block == 21
    assert bootstrap_mean(values, at_least=63) is None


def test_a_mean_of_zero_is_rejected_about_as_rarely_as_it_should_be() -> None:
    found = [bootstrap_mean(np.random.default_rng(seed).normal(size=250), at_least=1) for seed in range(300)]
    assert 0.02 < np.mean([one is not None and one.p_value < 0.05 for one in found]) < 0.09


def test_the_draw_is_repeatable() -> None:
    values = autoregressive(200, 0.4, 1)
    assert bootstrap_mean(values, at_least=5) == bootstrap_mean(values, at_least=5)
