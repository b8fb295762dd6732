from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.evaluate.holdout import Holdout
from components.evaluate.regimes import by_regime
from components.shared.artifacts import Prepared
from components.shared.preprocessing import EntityRows


def test_thirds_and_trends_each_cover_the_holdout_once(prepared_folder: Path) -> None:
    prepared = Prepared.open(prepared_folder)
    holdout = Holdout.of(prepared)
    found = by_regime(prepared, holdout, {"walk": holdout.origin_values}, None)
    assert list(found) == ["calm third", "moderate third", "restless third", "after a rise", "after a fall"]
    counts = [regime.windows for regime in found.values()]
    assert sum(counts[:3]) == sum(counts[3:]) == len(holdout.rows)
    rose = holdout.origin_values > prepared.targets[holdout.rows - 7]
    error = np.abs(holdout.origin_values - holdout.truth)[rose].mean()
    assert found["after a rise"].mae["walk"] == pytest.approx(error)
    assert found["calm third"].coverage_90 is None


def test_the_regime_of_a_window_is_known_at_its_origin(prepared_folder: Path) -> None:
    prepared = Prepared.open(prepared_folder)
    holdout = Holdout.of(prepared)
    before = by_regime(prepared, holdout, {"walk": holdout.origin_values}, None)
    changed = Prepared.open(prepared_folder)
    targets = np.array(changed.targets)
    targets[holdout.rows.max() + 1 :] *= 5
    object.__setattr__(changed, "targets", targets)
    after = by_regime(changed, holdout, {"walk": holdout.origin_values}, None)
    assert {name: one.windows for name, one in after.items()} == {name: one.windows for name, one in before.items()}


def test_a_trend_begins_with_its_entity(prepared_folder: Path) -> None:
    """The second entity begins two rows before its first test window: seven rows back are another's."""
    plain, begin = Prepared.open(prepared_folder), 325
    entities = (
        EntityRows(name="a", first=0, last=324, windows=1),
        EntityRows(name="b", first=325, last=399, windows=1),
    )
    prepared = Prepared(plain.path, plain.preprocessing.model_copy(update={"entities": entities}))
    targets = np.array(plain.targets)
    targets[:begin] += 1000
    object.__setattr__(prepared, "targets", targets)
    holdout = Holdout.of(prepared)
    rose = holdout.origin_values > targets[np.maximum(holdout.rows - 7, begin)]
    found = by_regime(prepared, holdout, {"walk": holdout.origin_values}, None)
    assert found["after a rise"].windows == rose.sum()
