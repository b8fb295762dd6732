from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.shared.artifacts import Prepared
from components.shared.errors import ArtifactError
from components.shared.preprocessing import FeatureScaling, Preprocessing, TargetScaling, forward_fill

NAN = float("nan")
prices = arrays(np.float64, 20, elements=st.floats(min_value=0.01, max_value=1e6))


@pytest.mark.parametrize("transform", ["level", "difference", "log_return"])
@given(future=prices, origin=prices, scale=st.floats(min_value=0.01, max_value=100.0))
def test_invert_undoes_label(transform: str, future: np.ndarray, origin: np.ndarray, scale: float) -> None:
    scaling = TargetScaling(name="y", transform=transform, center=0.3, scale=scale)
    restored = scaling.invert(scaling.label(future, origin), origin)
    np.testing.assert_allclose(restored, future, rtol=1e-9, atol=1e-9 * np.max(np.abs(origin)))


@pytest.mark.parametrize(
    ("transform", "expected"),
    [("level", 12.0), ("difference", 14.0), ("log_return", 2.0 * np.e**12)],
    ids=["level", "difference", "log-return"],
)
def test_invert_reads_the_label_from_the_origin(transform: str, expected: float) -> None:
    scaling = TargetScaling(name="y", transform=transform, center=2.0, scale=5.0)
    np.testing.assert_allclose(scaling.invert(np.array([2.0]), np.array([2.0])), [expected])


def test_a_path_is_inverted_on_the_scale_of_the_targets_own_history(prepared_folder: Path) -> None:
    manifest = Prepared.open(prepared_folder).preprocessing
    own = FeatureScaling(name="price", fill=0.0, center=40.0, scale=5.0)
    path = manifest.model_copy(update={"features": (own, *manifest.features[1:]), "predict": "target_path"})
    np.testing.assert_allclose(path.invert(np.array([[-1.0, 2.0]]), np.array([[99.0]])), [[35.0, 50.0]])


def test_features_known_ahead_are_the_last_ones(prepared_folder: Path) -> None:
    manifest = Prepared.open(prepared_folder).preprocessing
    features = [FeatureScaling(name=name, fill=0.0, center=at, scale=2.0) for at, name in enumerate("abc")]
    known = manifest.model_copy(update={"features": tuple(features), "known": 2})
    out = known.transform_known({"b": np.array([3.0]), "c": np.array([6.0])})
    np.testing.assert_array_equal(out, [[1.0, 2.0]])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([1.0, NAN, NAN, 4.0, NAN], [1.0, 1.0, 1.0, 4.0, 4.0]),
        ([NAN, NAN, 3.0, NAN], [NAN, NAN, 3.0, 3.0]),
        ([NAN, NAN], [NAN, NAN]),
    ],
    ids=["empty", "holes", "leading", "none-known"],
)
def test_forward_fill_carries_the_last_known_value(values: list[float], expected: list[float]) -> None:
    np.testing.assert_array_equal(forward_fill(np.array(values)), np.array(expected))


def test_filling_goes_forward_then_by_the_fitted_value(prepared_folder: Path) -> None:
    manifest = Prepared.open(prepared_folder).preprocessing.model_copy(
        update={"features": (FeatureScaling(name="x", fill=9.0, center=1.0, scale=2.0),)}
    )
    out = manifest.transform({"x": np.array([NAN, 3.0, NAN]), "unused": np.zeros(3)})
    assert (out.dtype, out.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_array_equal(out, [[4.0], [1.0], [1.0]])


def test_filling_does_not_change_the_rows_given(prepared_folder: Path) -> None:
    manifest = Prepared.open(prepared_folder).preprocessing
    columns = {name: np.array([NAN, 1.0, NAN]) for name in manifest.feature_names}
    manifest.transform(columns)
    np.testing.assert_array_equal(columns["price"], [NAN, 1.0, NAN])


def test_absent_columns_are_named(prepared_folder: Path) -> None:
    manifest = Prepared.open(prepared_folder).preprocessing
    with pytest.raises(ArtifactError, match="lack the columns noise_3, noise_4"):
        manifest.transform({name: np.zeros(3) for name in ("price", "noise_1", "noise_2")})


def test_a_manifest_reads_back_as_written(prepared_folder: Path, tmp_path: Path) -> None:
    manifest = Prepared.open(prepared_folder).preprocessing
    manifest.write(tmp_path / "preprocessing.json")
    assert Preprocessing.read(tmp_path / "preprocessing.json") == manifest


@pytest.mark.parametrize("text", ["{}", '{"version": 2}', "not json", "[]"])
def test_another_file_is_no_manifest(tmp_path: Path, text: str) -> None:
    path = tmp_path / "preprocessing.json"
    path.write_text(text)
    with pytest.raises(ArtifactError, match=r"preprocessing\.json"):
        Preprocessing.read(path)
