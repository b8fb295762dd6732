"""What SQL fits of a column in blocks is what NumPy fits of it in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.preprocess import column_fit, origins, step
from components.preprocess.column_fit import Values, fit, scale_of
from components.preprocess.config import PreprocessConfig, Scaling
from components.preprocess.scaling import center_and_scale, fit_feature, impute, is_constant
from components.shared.artifacts import Prepared, Table

KINDS: list[Scaling] = ["zscore", "minmax", "robust"]
rng = np.random.default_rng(6)
COLUMNS = {
    "normal": rng.normal(50, 3, 4_001),
    "gap at the start": np.concatenate([np.full(700, np.nan), rng.gamma(2.0, 100.0, 1_300)]),
    "mostly gap": np.concatenate([np.full(900, np.nan), rng.normal(size=6)]),
    "mostly zero": np.where(np.arange(1_000) % 9, 0.0, rng.normal(size=1_000)),
    "constant": np.full(500, 7.25),
    "constant after a gap": np.concatenate([np.full(3, np.nan), np.full(500, -2.0)]),
    "truth": (np.arange(300) % 7 > 4).astype(float),
    "tiny": 1e-200 * rng.normal(size=101),
    "one": np.array([3.0]),
}


def in_blocks_of(size: int, values: Any) -> Values:
    def blocks() -> Iterator[Any]:
        for start in range(0, len(values), size):
            yield values[start : start + size]

    return Values(blocks, len(values))


@pytest.fixture
def by_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_fit, "IN_MEMORY", -1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS.keys())
def test_a_feature_is_fitted_as_in_memory(values: Any, kind: Scaling, by_sql: None) -> None:
    expected = fit_feature("x", values, kind)
    found = fit("x", in_blocks_of(97, values), kind)
    assert found is not None
    assert expected is not None
    assert found.scaling.fill == expected.fill
    assert found.constant == is_constant(impute(values, expected.fill))
    near = {"rel": 1e-9, "abs": 1e-9 * expected.scale}
    assert (found.scaling.center, found.scaling.scale) == pytest.approx((expected.center, expected.scale), **near)
    if kind != "zscore":
        assert found.scaling.center == expected.center


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    missing=st.integers(0, 40),
    known=st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 2)), min_size=1, max_size=40),
)
def test_quartiles_with_a_gap_are_those_of_the_filled_column(missing: int, known: list[float], by_sql: None) -> None:
    values = np.array([np.nan] * missing + known)
    with column_fit.asked(in_blocks_of(9, values)) as column:
        fill = float(np.median(known))
        found = column_fit.quartiles(column, column.summary(), fill)
    np.testing.assert_array_equal(found, np.percentile(impute(values, fill), [25, 50, 75]))


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_scaled_as_in_memory(kind: Scaling, by_sql: None) -> None:
    values = rng.normal(0.1, 2.0, 3_000)
    assert scale_of(in_blocks_of(64, values), kind) == pytest.approx(center_and_scale(values, kind), rel=1e-10)


def test_a_feature_without_values_cannot_be_fitted(by_sql: None) -> None:
    assert fit("x", in_blocks_of(3, np.full(10, np.nan)), "robust") is None


@pytest.mark.parametrize("roles", [{}, {"word": "entity"}], ids=["series", "panel"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_table_in_blocks_is_prepared_as_in_memory(
    values: dict[str, Any],
    write: Callable[..., Table],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Scaling,
    roles: dict[str, str],
) -> None:
    table, config = write(values, roles=roles), PreprocessConfig(lookback=12, horizon=9, scaling=kind, top_k=3)
    step.run(config, table.path, tmp_path / "whole")
    monkeypatch.setattr(column_fit, "IN_MEMORY", -1)
    monkeypatch.setattr(origins, "BLOCK_ROWS", 50)
    step.run(config, table.path, tmp_path / "blocks")
    whole, blocks = (Prepared.open(tmp_path / name) for name in ("whole", "blocks"))
    for name in ("features", "labels", "targets", "times"):
        found, expected = getattr(blocks, name), getattr(whole, name)
        if name == "times":
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    for split in whole.preprocessing.splits:
        np.testing.assert_array_equal(blocks.starts(split), whole.starts(split))
    assert blocks.preprocessing.splits == whole.preprocessing.splits
    assert blocks.preprocessing.constant == whole.preprocessing.constant
