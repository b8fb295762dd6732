from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from components.explain.attributions import Attributions
from components.explain.explanation import Explanation
from components.explain.importance import rank
from components.shared.artifacts import Prepared
from components.shared.errors import ArtifactError
from components.shared.files import read_json, write_json
from components.shared.preprocessing import Preprocessing


@pytest.fixture
def preprocessing(prepared_folder: Path) -> Preprocessing:
    return Prepared.open(prepared_folder).preprocessing


@pytest.fixture
def found() -> Attributions:
    values = np.random.default_rng(1).normal(size=(3, 12, 5))
    return Attributions(values, base_value=0.25, outputs=0.25 + values.sum(axis=(1, 2)) + 0.001, nodes=8)


def in_units(found: Attributions, preprocessing: Preprocessing, **target: object) -> Explanation:
    changed = preprocessing.model_copy(update={"target": preprocessing.target.model_copy(update=target)})
    return Explanation.in_units(found, changed, np.arange(3), {"name": "expected_gradients"})


@pytest.mark.parametrize(
    ("transform", "unit", "quantity"),
    [
        ("level", "USD", "price, 7 rows ahead"),
        ("difference", "USD", "change of price over 7 rows"),
        ("log_return", "log-return", "log-return of price over 7 rows"),
    ],
)
def test_attributions_are_in_the_unit_they_state(
    found: Attributions, preprocessing: Preprocessing, transform: str, unit: str, quantity: str
) -> None:
    explanation = in_units(found, preprocessing, transform=transform, center=10.0, scale=4.0)
    np.testing.assert_allclose(explanation.attributions, 4.0 * found.values, rtol=1e-6)
    assert explanation.base_value == 0.25 * 4.0 + 10.0
    assert (explanation.unit, explanation.quantity) == (unit, quantity)
    rebuilt = explanation.base_value + explanation.attributions.sum(axis=(1, 2)) + explanation.residuals
    np.testing.assert_allclose(rebuilt, explanation.predictions, atol=1e-4)


def test_a_target_without_a_unit_still_names_one(found: Attributions, preprocessing: Preprocessing) -> None:
    assert in_units(found, preprocessing, unit="").unit == "units of price"


def test_the_artifact_reads_back_as_it_was_written(
    tmp_path: Path, found: Attributions, preprocessing: Preprocessing
) -> None:
    written = in_units(found, preprocessing)
    written.write(tmp_path / "explanations")
    read = Explanation.open(tmp_path / "explanations")
    np.testing.assert_array_equal(read.attributions, written.attributions)
    np.testing.assert_array_equal(read.residuals, written.residuals)
    assert read.attributions.dtype == np.float32
    assert (read.features, read.residual, read.method) == (written.features, written.residual, written.method)
    assert read_json(tmp_path / "explanations" / "manifest.json")["axes"] == {"sample": 3, "time": 12, "feature": 5}
    with (tmp_path / "explanations" / "importance.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["feature"] for row in rows] == [row.feature for row in written.importance]
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1.0)


def test_another_version_is_refused(tmp_path: Path, found: Attributions, preprocessing: Preprocessing) -> None:
    in_units(found, preprocessing).write(tmp_path / "explanations")
    manifest = tmp_path / "explanations" / "manifest.json"
    write_json(manifest, read_json(manifest) | {"version": 99})
    with pytest.raises(ArtifactError, match="expected manifest version 1, got 99"):
        Explanation.open(tmp_path / "explanations")


def test_a_missing_array_is_named(tmp_path: Path, found: Attributions, preprocessing: Preprocessing) -> None:
    in_units(found, preprocessing).write(tmp_path / "explanations")
    (tmp_path / "explanations" / "residuals.npy").unlink()
    with pytest.raises(ArtifactError, match="residuals"):
        Explanation.open(tmp_path / "explanations")


def test_importance_sums_over_the_window_before_it_takes_sizes() -> None:
    # "cancels" pushes as hard as "pushes" on each row, but its two rows undo each other.
    attributions = np.array([[[1.0, 1.0], [-1.0, 1.0]], [[2.0, -3.0], [-2.0, -3.0]]])
    first, second = rank(attributions, ["cancels", "pushes"])
    assert (first.feature, first.mean_abs, first.share, first.mean) == ("pushes", 4.0, 1.0, -2.0)
    assert (second.feature, second.mean_abs) == ("cancels", 0.0)


def test_a_model_that_never_moves_gives_no_feature_a_share() -> None:
    assert [(row.feature, row.share) for row in rank(np.zeros((2, 3, 2)), ["b", "a"])] == [("a", 0.0), ("b", 0.0)]
