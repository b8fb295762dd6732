"""Evaluation of a panel: no baseline reads across entities, and a day's windows count as one observation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.evaluate import step
from components.evaluate.baselines import BASELINES, BaselineUnavailableError, History, seasonal_naive
from components.evaluate.config import EvaluateConfig
from components.evaluate.holdout import Holdout
from components.evaluate.significance import compare_pair
from components.preprocess import step as preprocess
from components.preprocess.config import PreprocessConfig
from components.shared.artifacts import Prepared, Table, write_table
from components.shared.files import read_json
from components.shared.schema import Column, Role, Schema
from tests.components.conftest import write_model

LENGTHS = {"A": 300, "B": 260, "short": 10}


def write_panel(folder: Path, *, of_b: float = 1.0) -> Path:
    """Three entities that begin on the same day; ``of_b`` scales the second's target."""
    rng = np.random.default_rng(2)
    names = np.repeat(list(LENGTHS), list(LENGTHS.values()))
    prices = [50.0 + rng.normal(0, 0.5, rows).cumsum() for rows in LENGTHS.values()]
    prices[1] *= of_b
    days = np.concatenate([np.datetime64("2020-01-01") + np.arange(rows) for rows in LENGTHS.values()])
    schema = Schema(
        columns=(
            Column(name="mill", dtype="string", role=Role.ENTITY),
            Column(name="day", dtype="date", role=Role.TIME),
            Column(name="price", dtype="float64", role=Role.TARGET),
        )
    )
    arrays = [pa.array(names), pa.array(days), pa.array(np.concatenate(prices))]
    write_table(folder / "table", schema, [pa.RecordBatch.from_arrays(arrays, names=schema.names)])
    config = PreprocessConfig(lookback=12, horizon=5)
    preprocess.run(config, folder / "table", folder / "prepared")
    return folder / "prepared"


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_panel(tmp_path_factory.mktemp("panel"))


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, panel: Path) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    model = write_model(folder / "model", panel)
    paths = {f"{name}_path": folder / name for name in ("metrics", "forecasts", "report")}
    step.run(EvaluateConfig(season=30), panel, model, **paths)
    return folder


@pytest.mark.parametrize("name", list(BASELINES))
def test_no_baseline_reads_across_an_entity(panel: Path, name: str) -> None:
    """A baseline's answers for one entity's origins are those of that entity's rows alone, if fitted on the same."""
    prepared = Prepared.open(panel)
    history = History.of(prepared, season=30)
    origins = prepared.origins(np.asarray(prepared.starts("test")))
    changed = np.array(history.targets)
    changed[300:] = 1e6
    of_a = origins[origins < 300]
    fit_on = history.train_origins[history.train_origins < 300]
    before, after = (
        History(targets, fit_on, history.lookback, history.horizon, history.season, history.series)
        for targets in (history.targets, changed)
    )
    np.testing.assert_array_equal(BASELINES[name](before, of_a), BASELINES[name](after, of_a))


def test_the_season_must_lie_in_the_entity() -> None:
    history = History(np.arange(100.0), np.arange(5), lookback=2, horizon=3, season=20, series=(0, 60))
    np.testing.assert_array_equal(seasonal_naive(history, np.array([50, 85])), [33.0, 68.0])
    with pytest.raises(BaselineUnavailableError, match="needs 7 more rows of history in one of the entities"):
        seasonal_naive(history, np.array([50, 70]))


def test_the_forecasts_carry_the_entity(evaluated: Path, panel: Path) -> None:
    table = Table.open(evaluated / "forecasts")
    assert table.schema.one(Role.ENTITY).name == "entity"
    assert table.schema.names[:4] == ["entity", "origin", "row", "truth_time"]
    frame = table.read().to_pandas()
    assert frame["entity"].unique().tolist() == ["A", "B"]
    np.testing.assert_array_equal(frame["entity"], np.where(frame["row"] < 300, "A", "B"))
    prepared = Prepared.open(panel)
    np.testing.assert_array_equal(frame["truth"], prepared.targets[frame["row"].to_numpy() + 5])


def test_the_page_has_a_row_for_each_entity_with_windows(evaluated: Path) -> None:
    page = (evaluated / "report").read_text()
    content = read_json(evaluated / "metrics" / "metrics.json")
    section = page.partition("<h2>RMSE by mill</h2>")[2].partition("<h2>")[0]
    best = content["verdict"]["best_baseline"]
    closer = sum(table[content["model"]]["rmse"] < table[best]["rmse"] for table in content["entities"].values())
    assert [name in section for name in ("<td>A</td>", "<td>B</td>", "<td>short</td>")] == [True, True, False]
    assert f"in {closer} of 2." in section
    assert "log_return" not in section


def test_the_page_says_when_pooled_figures_speak_of_one_entity(tmp_path: Path) -> None:
    prepared = write_panel(tmp_path, of_b=30.0)
    paths = {f"{name}_path": tmp_path / name for name in ("metrics", "forecasts", "report")}
    step.run(EvaluateConfig(season=30), prepared, write_model(tmp_path / "model", prepared), **paths)
    assert "times those in A" in (tmp_path / "report").read_text()
    assert "Set preprocess.target_transform: log_return" in (tmp_path / "report").read_text()


def test_metrics_are_pooled_and_by_entity(evaluated: Path) -> None:
    content = read_json(evaluated / "metrics" / "metrics.json")
    frame = Table.open(evaluated / "forecasts").read().to_pandas()
    assert list(content["entities"]) == ["A", "B"]
    for name, rows in frame.groupby("entity"):
        expected = (rows["ridge"] - rows["truth"]).abs().mean()
        assert content["entities"][name]["ridge"]["mae"] == pytest.approx(expected)
    assert content["table"]["ridge"]["mae"] == pytest.approx((frame["ridge"] - frame["truth"]).abs().mean())
    assert (content["first_date"], content["windows"]) == (frame["origin"].min().date().isoformat(), len(frame))


def test_mase_of_an_entity_is_by_its_own_train_rows(tmp_path: Path, panel: Path, evaluated: Path) -> None:
    prepared = write_panel(tmp_path, of_b=100.0)
    paths = {f"{name}_path": tmp_path / name for name in ("metrics", "forecasts", "report")}
    step.run(EvaluateConfig(season=30), prepared, write_model(tmp_path / "model", prepared), **paths)
    scaled = read_json(tmp_path / "metrics" / "metrics.json")["entities"]["B"]["random_walk"]
    plain = read_json(evaluated / "metrics" / "metrics.json")["entities"]["B"]["random_walk"]
    assert scaled["mae"] == pytest.approx(100 * plain["mae"])
    assert scaled["mase"] == pytest.approx(plain["mase"])


def test_windows_of_one_day_are_one_observation(panel: Path) -> None:
    """Repeating an entity tells nothing new: the test must answer the same, not become surer of itself."""
    rng = np.random.default_rng(0)
    days = np.datetime64("2020-01-01", "us") + np.arange(200).astype("timedelta64[D]")
    truth, model, other = rng.normal(size=(3, 200))

    def tested(copies: int) -> tuple[float, float | None]:
        times = np.tile(days, copies)
        rows = np.arange(len(times))
        holdout = Holdout(
            rows, rows, rows, rows, times, times, tuple(map(str, range(copies))), np.repeat(np.arange(copies), 200)
        )
        values = (np.tile(x, copies) for x in (model, other, truth))
        found = compare_pair("rmse", *values, horizon=3, daily=holdout.daily)
        return found.difference, found.p_value

    assert tested(5) == pytest.approx(tested(1))


def test_days_are_in_time_order_whatever_the_order_of_entities() -> None:
    days = np.datetime64("2020-01-01", "us") + np.array([5, 6, 7, 6, 7, 8]).astype("timedelta64[D]")
    ahead = days + np.timedelta64(2, "D")
    rows = np.arange(6)
    holdout = Holdout(rows, rows, rows, rows, days, ahead, ("late", "early"), np.array([0, 0, 0, 1, 1, 1]))
    np.testing.assert_array_equal(holdout.daily(np.array([1.0, 2, 3, 4, 5, 6])), [1.0, 3.0, 4.0, 6.0])
    np.testing.assert_array_equal(holdout.truth_days, np.unique(ahead))


def test_the_page_says_of_how_many_entities_it_speaks(evaluated: Path) -> None:
    assert "They are of 2 entities on" in (evaluated / "report").read_text()
