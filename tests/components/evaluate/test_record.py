"""The volatility that bands are scaled by: its definition, and that it knows neither the future nor other entities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.evaluate.record import Change, volatility
from components.shared.artifacts import Prepared
from components.shared.preprocessing import EntityRows

HALF_LIFE, BORDER = 23.0, 200


@pytest.fixture
def prepared(prepared_folder: Path) -> Prepared:
    """A random walk that no row of is at rest."""
    return Prepared.open(prepared_folder)


def changed(prepared: Prepared, targets: np.ndarray, entities: tuple[EntityRows, ...] = ()) -> Prepared:
    found = Prepared(prepared.path, prepared.preprocessing.model_copy(update={"entities": entities}))
    object.__setattr__(found, "targets", targets)
    return found


def test_volatility_is_the_decaying_mean_square_of_the_moves_so_far(prepared: Prepared) -> None:
    found = volatility(prepared, Change(log=False), HALF_LIFE)
    squares = np.square(np.diff(prepared.targets))
    decay, mean = 0.5 ** (1 / HALF_LIFE), squares[: int(2 * HALF_LIFE)].mean()
    expected = [mean]
    for square in squares:
        mean = decay * mean + (1 - decay) * square
        expected.append(mean)
    np.testing.assert_allclose(found, np.sqrt(expected))


def test_volatility_at_a_row_knows_no_later_one(prepared: Prepared) -> None:
    before = volatility(prepared, Change(log=False), HALF_LIFE)
    targets = np.array(prepared.targets)
    targets[BORDER:] += 1
    after = volatility(changed(prepared, targets), Change(log=False), HALF_LIFE)
    np.testing.assert_array_equal(after[:BORDER], before[:BORDER])
    assert after[BORDER] != before[BORDER]


def test_each_entity_has_the_volatility_it_had_alone(prepared: Prepared) -> None:
    calm, wild = np.array(prepared.targets[:BORDER]), 1000 + 50 * np.array(prepared.targets[BORDER:])
    entities = tuple(
        EntityRows(name=name, first=first, last=last, windows=1)
        for name, first, last in (("calm", 0, BORDER - 1), ("wild", BORDER, 399))
    )
    panel = volatility(changed(prepared, np.concatenate([calm, wild]), entities), Change(log=True), HALF_LIFE)
    alone = [volatility(changed(prepared, own), Change(log=True), HALF_LIFE) for own in (calm, wild)]
    np.testing.assert_array_equal(panel, np.concatenate(alone))
