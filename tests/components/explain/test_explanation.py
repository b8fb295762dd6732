from __future__ import annotations

import csv
import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from components.explain.attributions import Attributions
from components.explain.explanation import Explanation
from components.explain.importance import by_entity, members, rank
from components.shared.artifacts import Prepared
from components.shared.errors import ArtifactError, InputError
from components.shared.files import read_json, write_json

LABEL = [7]


@pytest.fixture
def prepared(prepared_folder: Path) -> Prepared:
    return Prepared.open(prepared_folder)


@pytest.fixture
def found() -> Attributions:
    values = np.random.default_rng(1).normal(size=(3, 12, 5, 1))
    return Attributions(values, np.array([0.25]), 0.25 + values.sum(axis=(1, 2)) + 0.001, nodes=8)


def in_units(found: Attributions, prepared: Prepared, **target: object) -> Explanation:
    manifest = prepared.preprocessing
    changed = manifest.model_copy(update={"target": manifest.target.model_copy(update=target)})
    known = dataclasses.replace(prepared, preprocessing=changed)
    return Explanation.in_units(found, known, np.arange(3), LABEL, {"name": "expected_gradients"})


@pytest.mark.parametrize(
    ("transform", "unit", "quantity"),
    [
        ("level", "USD", "price, 7 rows ahead"),
        ("difference", "USD", "change of price over 7 rows"),
        ("log_return", "log-return", "log-return of price over 7 rows"),
    ],
)
def test_attributions_are_in_the_unit_they_state(
    found: Attributions, prepared: Prepared, transform: str, unit: str, quantity: str
) -> None:
    explanation = in_units(found, prepared, transform=transform, center=10.0, scale=4.0)
    np.testing.assert_allclose(explanation.attributions, 4.0 * found.values, rtol=1e-6)
    assert explanation.base_values == (0.25 * 4.0 + 10.0,)
    assert (explanation.unit, explanation.quantity) == (unit, quantity)
    rebuilt = explanation.base_values + explanation.attributions.sum(axis=(1, 2)) + explanation.residuals
    np.testing.assert_allclose(rebuilt, explanation.predictions, atol=1e-4)


def test_a_target_without_a_unit_still_names_one(found: Attributions, prepared: Prepared) -> None:
    assert in_units(found, prepared, unit="").unit == "units of price"


def test_the_artifact_reads_back_as_it_was_written(tmp_path: Path, found: Attributions, prepared: Prepared) -> None:
    written = in_units(found, prepared)
    written.write(tmp_path / "explanations")
    read = Explanation.open(tmp_path / "explanations")
    np.testing.assert_array_equal(read.attributions, written.attributions)
    np.testing.assert_array_equal(read.residuals, written.residuals)
    assert read.attributions.dtype == np.float32
    assert (read.features, read.residual, read.method) == (written.features, written.residual, written.method)
    assert read_json(tmp_path / "explanations" / "manifest.json")["axes"] == {
        "sample": 3,
        "time": 12,
        "feature": 5,
        "horizon": 1,
    }
    with (tmp_path / "explanations" / "importance.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["feature"] for row in rows] == [row.feature for row in written.importance]
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1.0)


def test_another_version_is_refused(tmp_path: Path, found: Attributions, prepared: Prepared) -> None:
    in_units(found, prepared).write(tmp_path / "explanations")
    manifest = tmp_path / "explanations" / "manifest.json"
    write_json(manifest, read_json(manifest) | {"version": 99})
    with pytest.raises(ArtifactError, match="expected manifest version 2, got 99"):
        Explanation.open(tmp_path / "explanations")


def test_a_missing_array_is_named(tmp_path: Path, found: Attributions, prepared: Prepared) -> None:
    in_units(found, prepared).write(tmp_path / "explanations")
    (tmp_path / "explanations" / "residuals.npy").unlink()
    with pytest.raises(ArtifactError, match="residuals"):
        Explanation.open(tmp_path / "explanations")


def test_inputs_are_what_the_features_were(found: Attributions, prepared: Prepared) -> None:
    explanation = in_units(found, prepared)
    own = prepared.preprocessing.features[0]
    scaled = prepared.windows(np.arange(3))[:, :, 0]
    np.testing.assert_allclose(explanation.inputs[:, :, 0], scaled * own.scale + own.center, rtol=1e-6)
    assert explanation.rows == tuple(range(-11, 1))
    np.testing.assert_array_equal(explanation.origins, prepared.times[[11, 12, 13]])


@pytest.mark.parametrize(
    ("over", "shape"),
    [(["time"], (3, 5, 1)), (["sample", "feature"], (12, 1)), (["horizon"], (3, 12, 5)), ([], (3, 12, 5, 1))],
    ids=["time", "sample and feature", "horizon", "nothing"],
)
def test_sums_over_axes_are_there_for_the_asking(
    over: list[str], shape: tuple[int, ...], found: Attributions, prepared: Prepared
) -> None:
    explanation = in_units(found, prepared, scale=1.0)
    summed = explanation.summed(over)
    assert summed.shape == shape
    assert summed.sum() == pytest.approx(found.values.sum(), rel=1e-5)


def test_an_unknown_axis_or_step_is_named(found: Attributions, prepared: Prepared) -> None:
    explanation = in_units(found, prepared)
    with pytest.raises(InputError, match="axes sample, time, feature, horizon, not lag"):
        explanation.summed(["lag"])
    with pytest.raises(InputError, match="step 3 was not explained: expected one of 7"):
        explanation.place(3)


def test_groups_add_their_features_up(found: Attributions, prepared: Prepared) -> None:
    explanation = in_units(found, prepared)
    grouped = explanation.grouped({"some noise": ["noise_1", "noise_[23]"], "price": ["price"]})
    assert grouped.features == ("some noise", "price", "other")
    np.testing.assert_allclose(
        grouped.attributions[:, :, 0], explanation.attributions[:, :, 1:4].sum(axis=2), atol=1e-5
    )
    np.testing.assert_allclose(grouped.summed(["feature"]), explanation.summed(["feature"]), atol=1e-5)
    with pytest.raises(InputError, match=r"explain\.groups\.oil: no feature is called oil_\*"):
        explanation.grouped({"oil": ["oil_*"]})


@pytest.mark.parametrize(
    ("over", "shape", "names"), [("time", (3, 5), 5), ("feature", (3, 12), 12), (None, (3, 12, 5), 5)]
)
def test_shap_gets_its_own_objects(
    over: str | None, shape: tuple[int, ...], names: int, found: Attributions, prepared: Prepared
) -> None:
    shap = pytest.importorskip("shap")
    explanation = in_units(found, prepared)
    theirs = explanation.shap(over=over)
    assert isinstance(theirs, shap.Explanation)
    assert theirs.values.shape == shape
    assert len(theirs.feature_names) == names
    gap = explanation.predictions[:, 0] - theirs.base_values - theirs.values.reshape(3, -1).sum(axis=1)
    np.testing.assert_allclose(gap, explanation.residuals[:, 0], atol=1e-5)
    if over == "time":
        np.testing.assert_array_equal(theirs.data, explanation.inputs[:, -1])


def test_without_shap_the_way_to_get_it_is_said(
    found: Attributions, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'tandem-pipelines\[explain\]'"):
        in_units(found, prepared).shap()


def test_importance_sums_over_the_window_before_it_takes_sizes() -> None:
    # "cancels" pushes as hard as "pushes" on each row, but its two rows undo each other.
    attributions = np.array([[[1.0, 1.0], [-1.0, 1.0]], [[2.0, -3.0], [-2.0, -3.0]]])[..., None]
    first, second = rank(attributions, ["cancels", "pushes"])
    assert (first.feature, first.mean_abs, first.share, first.mean) == ("pushes", 4.0, 1.0, -2.0)
    assert (second.feature, second.mean_abs) == ("cancels", 0.0)


def test_a_model_that_never_moves_gives_no_feature_a_share() -> None:
    assert [(row.feature, row.share) for row in rank(np.zeros((2, 3, 2, 1)), ["b", "a"])] == [("a", 0.0), ("b", 0.0)]


def test_importance_by_entity_is_of_its_own_forecasts() -> None:
    attributions = np.array([[[1.0, -2.0]], [[3.0, 4.0]], [[-5.0, 0.0]]])[..., None]
    names, sizes = by_entity(attributions, ["b", "a", "b"])
    assert names == ["b", "a"]
    np.testing.assert_array_equal(sizes, [[3.0, 3.0], [1.0, 4.0]])


def test_a_feature_is_in_the_first_group_that_fits() -> None:
    assert members(["oil_1", "oil_2", "gas"], {"near": ["*_1"], "oil": ["oil_*"]}) == {
        "near": [0], "oil": [1], "other": [2],
    }  # fmt: skip
