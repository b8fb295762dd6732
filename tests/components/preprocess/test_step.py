from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.preprocess import step
from components.preprocess.config import PreprocessConfig
from components.shared.artifacts import Prepared, Table
from components.shared.errors import InputError
from components.shared.files import read_json

Values = dict[str, Any]
WriteTable = Callable[..., Table]
ROWS = 420
"""Rows of the ``values`` fixture."""
LOOKBACK, HORIZON = 12, 9


def config(**changes: object) -> PreprocessConfig:
    return PreprocessConfig.parse({"lookback": LOOKBACK, "horizon": HORIZON, **changes})


def prepare(table: Table, **changes: object) -> Prepared:
    folder = table.path.parent / f"prepared-{table.path.name}"
    step.run(config(**changes), table.path, folder)
    return Prepared.open(folder)


def raw_columns(table: Table) -> dict[str, np.ndarray]:
    arrow = table.read([c.name for c in table.schema.columns if c.dtype != "string" and c.name != "day"])
    return {n: arrow[n].cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) for n in arrow.column_names}


@pytest.mark.parametrize("scaling", ["zscore", "minmax", "robust"])
@pytest.mark.parametrize("transform", ["level", "difference", "log_return"])
def test_the_manifest_repeats_the_features_and_inverts_the_labels(
    values: Values, write: WriteTable, scaling: str, transform: str
) -> None:
    table = write(values)
    prepared = prepare(table, scaling=scaling, target_transform=transform)
    manifest = prepared.preprocessing
    np.testing.assert_array_equal(manifest.transform(raw_columns(table)), prepared.features)
    origins = np.arange(ROWS - HORIZON)
    restored = manifest.target.invert(prepared.labels[origins], prepared.targets[origins])
    np.testing.assert_allclose(restored, values["price"][HORIZON:], rtol=1e-6)
    assert np.isnan(prepared.labels[-HORIZON:]).all()


def test_the_arrays_are_what_the_contract_says(values: Values, write: WriteTable) -> None:
    prepared = prepare(write(values))
    assert prepared.preprocessing.feature_names == ["price", "late", "holed", "flat", "count", "weekend"]
    assert (prepared.features.dtype, prepared.features.shape) == (np.float32, (ROWS, 6))
    assert prepared.features.flags.c_contiguous
    assert np.isfinite(prepared.features).all()
    assert (prepared.labels.dtype, prepared.targets.dtype, prepared.times.dtype) == (
        np.float32,
        np.float64,
        np.dtype("datetime64[us]"),
    )
    np.testing.assert_array_equal(prepared.targets, values["price"])
    assert not (prepared.path / "raw.npy").exists()


def test_windows_of_a_split_end_at_its_origins_and_have_a_label(values: Values, write: WriteTable) -> None:
    prepared = prepare(write(values))
    for name, split in prepared.preprocessing.splits.items():
        origins = prepared.origins(prepared.starts(name))
        np.testing.assert_array_equal(origins, np.arange(split.first, split.last + 1))
        assert np.isfinite(prepared.labels[origins]).all()
        assert (split.windows, split.first_date) == (len(origins), str(values["day"][split.first]))
    assert prepared.preprocessing.embargo == HORIZON


def test_nothing_after_the_train_rows_changes_what_is_fitted(values: Values, write: WriteTable) -> None:
    before = prepare(write(values, name="before"), top_k=3).preprocessing
    last = before.splits["train"].last
    rng = np.random.default_rng(99)
    later = slice(last + 1, None)
    for name in ("late", "holed", "flat"):
        values[name][later] = rng.normal(1e6, 1e5, ROWS)[later]
    values["count"][later] = -5
    values["weekend"][later] = True
    # The label of the last train origin is a train value: targets count as later only after it.
    values["price"][last + HORIZON + 1 :] = 1e4
    after = prepare(write(values, name="after"), top_k=3).preprocessing
    assert after.source_digest != before.source_digest
    assert after.model_copy(update={"source_digest": before.source_digest}) == before


@pytest.mark.parametrize("column", ["late", "holed", "count", "price"])
def test_the_last_train_row_does_count(values: Values, write: WriteTable, column: str) -> None:
    before = prepare(write(values, name="before"))
    last = before.preprocessing.splits["train"].last
    values[column][last] = 4_000
    after = prepare(write(values, name="after"))
    assert after.preprocessing.features != before.preprocessing.features


def test_train_rows_are_standardised(values: Values, write: WriteTable) -> None:
    prepared = prepare(write(values))
    train = prepared.features[: prepared.preprocessing.splits["train"].last + 1].astype(float)
    varying = [n not in prepared.preprocessing.constant for n in prepared.preprocessing.feature_names]
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(train.std(axis=0), np.where(varying, 1, 0), atol=1e-6)
    labels = prepared.labels[prepared.origins(prepared.starts("train"))].astype(float)
    np.testing.assert_allclose([labels.mean(), labels.std()], [0, 1], atol=1e-6)


def test_selection_keeps_what_tells_most_beside_the_targets_history(values: Values, write: WriteTable) -> None:
    change = np.full(ROWS, np.nan)
    change[:-HORIZON] = values["price"][HORIZON:] - values["price"][:-HORIZON]
    values["oracle"] = change
    manifest = prepare(write(values), top_k=1).preprocessing
    assert manifest.feature_names == ["price", "oracle"]
    assert set(manifest.selection) == {"price", "late", "holed", "flat", "count", "weekend", "oracle"}
    assert max(manifest.selection, key=lambda name: manifest.selection[name]) == "oracle"
    assert manifest.selection["flat"] == 0.0


def test_the_same_table_gives_the_same_bytes(values: Values, write: WriteTable, tmp_path: Path) -> None:
    table = write(values)
    for name in ("a", "b"):
        step.run(config(top_k=3, seed=5), table.path, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 8
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_constant_and_dropped_features_are_told(
    values: Values, write: WriteTable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values["late"][: ROWS - 60] = np.nan
    metadata = step.run(config(), write(values).path, tmp_path / "prepared")
    manifest = Prepared.open(tmp_path / "prepared").preprocessing
    assert manifest.dropped == {"word": "not numeric (string)", "late": "no value on the train rows"}
    assert manifest.constant == ("flat",)
    assert metadata["constant_features"] == ["flat"]
    assert metadata["dropped_features"] == ["word", "late"]
    assert "feature late is dropped: no value on the train rows" in caplog.text


def test_metadata_counts_windows(values: Values, write: WriteTable, tmp_path: Path) -> None:
    metadata = step.run(config(), write(values).path, tmp_path / "prepared")
    windows = metadata["train_windows"] + metadata["validation_windows"] + metadata["test_windows"]
    assert windows == ROWS - (LOOKBACK - 1) - 3 * HORIZON
    assert (metadata["rows"], metadata["features"], metadata["embargo"]) == (ROWS, 6, HORIZON)


def test_a_table_can_be_forecast_from_the_target_alone(values: Values, write: WriteTable) -> None:
    prepared = prepare(write({name: values[name] for name in ("day", "price")}))
    assert prepared.preprocessing.feature_names == ["price"]


def test_the_targets_history_can_be_left_out(values: Values, write: WriteTable) -> None:
    assert "price" not in prepare(write(values), target_history=False).preprocessing.feature_names


def refuse(table: Table, **changes: object) -> InputError:
    """Preprocess a table that cannot be used; nothing may be left behind."""
    folder = table.path.parent / "prepared"
    folder.mkdir()
    (folder / "earlier.txt").write_text("kept")
    with pytest.raises(InputError) as caught:
        step.run(config(**changes), table.path, folder)
    assert sorted(path.name for path in table.path.parent.iterdir()) == ["prepared", "table"]
    assert (folder / "earlier.txt").read_text() == "kept"
    assert caught.value.exit_code == 2
    return caught.value


def test_all_problems_of_a_table_come_at_once(values: Values, write: WriteTable) -> None:
    values["holed"][3] = np.inf
    values["price"][7] = np.nan
    error = refuse(write(values), horizon="12m")
    assert len(error.problems) == 3
    assert "420 rows" in error.problems[0]
    assert "column holed has 1 row (row 3 on 2020-01-04) infinite" in error.problems[1]
    assert "the target column price is missing in 1 row (row 7 on 2020-01-08)" in error.problems[2]


@pytest.mark.parametrize(
    ("spacing", "said"),
    [("1h", "rows are 1 hour apart"), ("7D", "rows are 7 days apart"), ("30D", "rows are 30 days apart")],
)
def test_a_month_of_rows_that_are_not_days_is_refused(
    values: Values, write: WriteTable, spacing: str, said: str
) -> None:
    step_of = np.timedelta64(int(spacing[:-1]), spacing[-1])
    values["day"] = np.datetime64("2020-01-01", "us") + np.arange(ROWS) * step_of
    error = refuse(write(values), horizon="1m")
    assert error.problems == [
        f"the horizon 1m means 21 trading days, but {said}: set preprocess.horizon to a number of rows."
    ]
    prepare(write(values), horizon=21)


def test_schema_problems_come_with_too_few_rows(values: Values, write: WriteTable) -> None:
    error = refuse(write({name: cells[:20] for name, cells in values.items()}, roles={"late": "entity"}))
    assert len(error.problems) == 2
    assert "the entity column late must be text or a whole number, got float64" in error.problems[0]
    assert "the table has 20 rows" in error.problems[1]


def test_an_empty_table_has_too_few_rows(values: Values, write: WriteTable) -> None:
    error = refuse(write({name: cells[:0] for name, cells in values.items() if name != "word"}))
    assert "the table has 0 rows" in str(error)


def test_a_table_without_any_known_feature_is_refused(values: Values, write: WriteTable) -> None:
    values["late"][: ROWS - 60] = np.nan
    table = write({name: values[name] for name in ("day", "late", "price")})
    assert "no feature has a value on the train rows" in str(refuse(table, target_history=False))


def test_the_metadata_matches_the_manifest_on_disk(values: Values, write: WriteTable, tmp_path: Path) -> None:
    table = write(values)
    metadata = step.run(config(), table.path, tmp_path / "prepared")
    manifest = read_json(tmp_path / "prepared" / "preprocessing.json")
    assert metadata["test_windows"] == manifest["splits"]["test"]["windows"]
    assert manifest["source_digest"] == table.digest


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
def test_a_full_disk_is_bad_input_not_a_crash(values: Values, write: WriteTable, tmp_path: Path) -> None:
    table = write(values)
    # The kernel refuses files above 8 KiB in this process, as a full disk would.
    code = f"""
import resource
from components.preprocess import step
from components.preprocess.config import PreprocessConfig
from components.shared.errors import InputError
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
try:
    step.run(PreprocessConfig(lookback=12, horizon=9), {str(table.path)!r}, {str(tmp_path / "prepared")!r})
except InputError as error:
    raise SystemExit(error.exit_code if "no room on the disk" in str(error) else str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["table"]
