"""Rows to start from: panels, rows that cannot be read, and rows beyond the last target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.scenario.engine import Engine
from components.scenario.history import History
from components.shared.artifacts import TrainedModel
from components.shared.errors import InputError


def test_csv_and_table_are_the_same_rows(market: Any) -> None:
    preprocessing = TrainedModel.open(market.model).preprocessing
    one, other = (History.read(path, preprocessing) for path in (market.csv, market.table))
    np.testing.assert_array_equal(one.times, other.times)
    for name, values in one.columns.items():
        np.testing.assert_array_equal(values, other.columns[name])


def test_nothing_is_missing_in_the_rows_known(engine: Engine) -> None:
    for values in engine.history.columns.values():
        assert not np.isnan(values).any()


def test_frame_goes_on_by_the_calendar(engine: Engine) -> None:
    frame = engine.history.frame(engine.history.last, 8, 5)
    last = engine.history.times[-1].astype("datetime64[D]")
    assert frame.rows[-1] == 5
    np.testing.assert_array_equal(frame.times[-5:].astype("datetime64[D]"), np.busday_offset(last, np.arange(1, 6)))
    assert np.isnan(frame.columns["meal1"][-5:]).all()


def test_rows_that_do_not_fit_the_model(market: Any, tmp_path: Path) -> None:
    lines = market.csv.read_text().splitlines()
    short = tmp_path / "short.csv"
    short.write_text("\n".join(line.replace("meal2", "meel2") for line in lines[:4]) + "\n")
    with pytest.raises(InputError, match="column meal2 is missing; is it the one called meel2"):
        History.read(short, TrainedModel.open(market.model).preprocessing)
    short.write_text("\n".join(lines[:4]) + "\n")
    with pytest.raises(InputError, match="3 rows are too few: the model looks at 8"):
        History.read(short, TrainedModel.open(market.model).preprocessing)


def test_rows_ahead_must_hold_what_the_model_reads(path_engine: Engine, tmp_path: Path) -> None:
    known = tmp_path / "known.csv"
    history = path_engine.history
    rows = [f"{str(history.times[i])[:10]},{history.targets[i]},0" for i in range(100)]
    known.write_text("\n".join(["day,price,holiday", *rows]) + "\n")
    with pytest.raises(InputError, match="reads holiday in the 5 rows after the origin, 2020-05-19: add those rows"):
        Engine.load(path_engine.model.path, known)
