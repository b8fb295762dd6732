"""Features that are known ahead: their place, the calendar, and the second input they become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from components.preprocess import step
from components.preprocess.config import PreprocessConfig
from components.shared import calendar
from components.shared.artifacts import Prepared, Table
from components.shared.errors import ArtifactError, InputError
from components.train.config import TrainConfig
from components.train.source import WindowSource

Values = dict[str, Any]
WriteTable = Callable[..., Table]
LOOKBACK, HORIZON = 12, 9
LOSS = TrainConfig.parse({"model": {"kind": "linear"}}).loss


def prepare(table: Table, **changes: object) -> Prepared:
    folder = table.path.parent / f"prepared-{table.path.name}"
    step.run(PreprocessConfig.parse({"lookback": LOOKBACK, "horizon": HORIZON, **changes}), table.path, folder)
    return Prepared.open(folder)


def known(values: Values, write: WriteTable, **changes: object) -> Prepared:
    return prepare(write(values, roles={"weekend": "known_ahead", "count": "known_ahead"}), **changes)


def test_known_features_are_the_last_and_the_manifest_counts_them(values: Values, write: WriteTable) -> None:
    manifest = known(values, write, calendar=["month", "day_of_week"]).preprocessing
    assert manifest.feature_names[0] == "price"
    assert manifest.feature_names[-4:] == ["count", "weekend", "calendar_month", "calendar_day_of_week"]
    assert (manifest.known, manifest.calendar) == (4, ("calendar_month", "calendar_day_of_week"))


def test_a_known_feature_without_a_train_value_is_not_counted(values: Values, write: WriteTable) -> None:
    values["count"] = np.where(np.arange(len(values["price"])) < 380, np.nan, 1.0)
    manifest = known(values, write).preprocessing
    assert (manifest.known, manifest.feature_names[-1]) == (1, "weekend")


def test_the_calendar_is_computed_from_the_times_as_it_is(values: Values, write: WriteTable) -> None:
    prepared = known(values, write, calendar=["day_of_week"], calendar_form="sine_cosine", scaling="robust", top_k=1)
    for offset, name in ((2, "calendar_day_of_week_sin"), (1, "calendar_day_of_week_cos")):
        expected = calendar.column(name, np.asarray(prepared.times)).astype(np.float32)
        np.testing.assert_array_equal(prepared.features[:, -offset], expected)


def test_new_rows_get_the_same_calendar(values: Values, write: WriteTable) -> None:
    prepared = known(values, write, calendar=["month"])
    columns = {name: np.asarray(cells, dtype=float) for name, cells in values.items() if name not in ("day", "word")}
    with pytest.raises(ArtifactError, match="new rows lack the columns day"):
        prepared.preprocessing.transform(columns)
    columns["day"] = values["day"]
    np.testing.assert_array_equal(prepared.preprocessing.transform(columns), prepared.features)


def test_rows_past_the_data_need_only_what_is_known(values: Values, write: WriteTable) -> None:
    alone = {name: values[name] for name in ("day", "price")}
    manifest = prepare(write(alone), calendar=["month", "day_of_week"]).preprocessing
    future = values["day"][-1] + np.arange(1, HORIZON + 1)
    scaled = manifest.transform_known({"day": future})
    assert scaled.shape == (HORIZON, 2)
    np.testing.assert_allclose(scaled[:, 1], calendar.column("calendar_day_of_week", future), rtol=1e-6)


def test_a_known_column_cannot_be_guessed(values: Values, write: WriteTable) -> None:
    manifest = known(values, write).preprocessing
    rows = {"count": np.array([1.0, np.nan]), "weekend": np.zeros(2)}
    with pytest.raises(ArtifactError, match="values are missing from count"):
        manifest.transform_known(rows)
    with pytest.raises(ArtifactError, match="lack the columns weekend"):
        manifest.transform_known({"count": np.zeros(2)})


def test_the_second_input_is_the_known_features_after_the_origin(values: Values, write: WriteTable) -> None:
    prepared = known(values, write, calendar=["month"])
    source = WindowSource.of(prepared, LOSS)
    assert (source.shape.known, source.shape.ahead) == (3, HORIZON)
    starts = np.asarray(prepared.starts("test"))
    fed, gathered = source.host_batch(starts)[0], prepared.inputs(starts, ["window", "ahead"])
    assert gathered["ahead"].shape == (len(starts), HORIZON, 3)
    for name in ("window", "ahead"):
        np.testing.assert_array_equal(fed[name], gathered[name])
    np.testing.assert_array_equal(gathered["ahead"][0], prepared.features[starts[0] + LOOKBACK :][:HORIZON, -3:])


def test_origins_whose_rows_ahead_lie_beyond_the_data_are_refused(values: Values, write: WriteTable) -> None:
    prepared = known(values, write)
    last = len(prepared.features) - LOOKBACK
    with pytest.raises(InputError, match=f"{HORIZON} of 10 windows end less than {HORIZON} rows before the last row"):
        prepared.ahead(np.arange(last - 9, last + 1))


def test_rows_ahead_never_are_those_of_the_next_entity(write: WriteTable) -> None:
    names = ["A"] * 200 + ["B"] * 200
    day = np.tile(np.datetime64("2020-01-01", "D") + np.arange(200), 2)
    price = 50 + np.random.default_rng(1).normal(size=400).cumsum()
    table = write({"mill": names, "day": day, "price": price}, roles={"mill": "entity"})
    prepared = prepare(table, calendar=["month"])
    with pytest.raises(InputError, match="1 of 2 windows end less than"):
        prepared.ahead(np.array([100, 200 - LOOKBACK]))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"calendar": ["month", "month"]}, "a field of the calendar is named twice: month"),
        ({"calendar": ["moon"]}, "calendar"),
        ({"predict": "target_path", "target_history": False}, "set target_history to true"),
    ],
    ids=["twice", "unknown", "no-past"],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        PreprocessConfig.parse(changes)
