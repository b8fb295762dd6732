"""Tables of several series: nothing may cross from one entity to another, nor from one split to the next."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.preprocess import rows as rows_module
from components.preprocess import step
from components.preprocess.config import PreprocessConfig, SplitShares
from components.preprocess.splits import split_origins, split_panel
from components.shared.artifacts import Prepared, Table
from components.shared.errors import InputError
from components.shared.preprocessing import SPLITS

Values = dict[str, Any]
WriteTable = Callable[..., Table]
LOOKBACK, HORIZON = 12, 9
ENTITY = {"mill": "entity"}


def panel(lengths: dict[str, tuple[int, int]], seed: int = 3) -> Values:
    """Series by name, each over the days from its first to its last; the level tells the entities apart."""
    rng = np.random.default_rng(seed)
    names = np.concatenate([[name] * (last - first) for name, (first, last) in lengths.items()])
    days = np.concatenate([np.arange(first, last) for first, last in lengths.values()])
    level = np.concatenate([np.full(last - first, 100.0 * n) for n, (first, last) in enumerate(lengths.values(), 1)])
    rain = rng.gamma(2.0, 10.0, len(days))
    rain[rng.random(len(days)) < 0.3] = np.nan
    return {
        "mill": names.tolist(),
        "day": np.datetime64("2020-01-01", "D") + days,
        "rain": rain,
        "price": level + rng.normal(0, 0.5, len(days)).cumsum(),
    }


THREE = {"A": (0, 300), "B": (40, 420), "C": (0, 420)}


def prepare(table: Table, **changes: object) -> Prepared:
    folder = table.path.parent / f"prepared-{table.path.name}"
    step.run(PreprocessConfig.parse({"lookback": LOOKBACK, "horizon": HORIZON, **changes}), table.path, folder)
    return Prepared.open(folder)


lengths = st.integers(min_value=1, max_value=120)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spans=st.lists(st.tuples(st.integers(0, 80), lengths, st.integers(1, 4)), min_size=1, max_size=8),
    lookback=st.integers(1, 20),
    horizon=st.integers(1, 20),
    train=st.floats(0.2, 0.6),
)
def test_no_window_or_label_crosses_an_entity_and_no_train_label_reaches_validation_dates(
    spans: list[tuple[int, int, int]], lookback: int, horizon: int, train: float
) -> None:
    # Each entity begins on a day of its own, and has a row every one to four days.
    days = [first + every * np.arange(count) for first, count, every in spans]
    times = np.datetime64("2020-01-01", "us") + np.concatenate(days).astype("timedelta64[D]")
    stops = np.cumsum([len(part) for part in days])
    series = [slice(int(stop - len(part)), int(stop)) for part, stop in zip(days, stops, strict=True)]
    entity = np.repeat(np.arange(len(days)), [len(part) for part in days])
    found = split_panel(times, series, lookback, horizon, SplitShares(train=train, validation=0.2))
    for name in SPLITS:
        origins = np.asarray(found.origins[name])
        assert (np.diff(origins) > 0).all()
        np.testing.assert_array_equal(entity[origins - (lookback - 1)], entity[origins])
        np.testing.assert_array_equal(entity[origins + horizon], entity[origins])
    for earlier, later in itertools.pairwise(SPLITS):
        before, after = np.asarray(found.origins[earlier]), np.asarray(found.origins[later])
        if len(before) and len(after):
            assert times[before + horizon].max() < times[after].min()
        for one in set(entity[before]) & set(entity[after]):
            gap = after[entity[after] == one][0] - before[entity[before] == one][-1]
            assert gap > horizon, "the embargo is shorter than the horizon"
    trained = np.concatenate([np.arange(part.start, part.stop) for part in found.fitted] or [np.empty(0, int)])
    assert set(entity[trained]) == set(entity[np.asarray(found.origins["train"])])


@given(rows=st.integers(100, 400))
def test_a_panel_of_one_is_split_as_a_series(rows: int) -> None:
    times = np.datetime64("2020-01-01", "us") + np.arange(rows).astype("timedelta64[D]")
    alone = split_origins(rows, 5, 3, SplitShares())
    found = split_panel(times, [slice(0, rows)], 5, 3, SplitShares())
    for name, origins in alone.items():
        np.testing.assert_array_equal(found.origins[name], origins)


@pytest.mark.parametrize("batch", [7, 64, 5000])
def test_each_entity_is_prepared_as_if_it_were_alone(
    write: WriteTable, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values filled forward and labels are the same as those of the entity's own rows; only the scale is shared."""
    monkeypatch.setattr(rows_module, "BATCH_BYTES", 8 * 4 * batch)
    values = panel(THREE)
    together = prepare(write(values, roles=ENTITY))
    manifest = together.preprocessing
    for entity in manifest.entities:
        rows = slice(entity.first, entity.last + 1)
        own = {name: np.asarray(column[rows]) for name, column in values.items()}
        np.testing.assert_array_equal(manifest.transform(own), together.features[rows])
        ahead = manifest.target.label(own["price"][HORIZON:], own["price"][:-HORIZON]).astype(np.float32)
        np.testing.assert_array_equal(together.labels[rows], [*ahead, *[np.nan] * HORIZON])


def test_new_rows_of_several_entities_are_filled_within_each(write: WriteTable) -> None:
    values = panel(THREE)
    values["rain"][300:303] = np.nan
    prepared = prepare(write(values, roles=ENTITY))
    columns = {name: np.asarray(column) for name, column in values.items()}
    np.testing.assert_array_equal(prepared.preprocessing.transform(columns), prepared.features)
    rain = prepared.preprocessing.features[1]
    assert prepared.features[300, 1] == np.float32((rain.fill - rain.center) / rain.scale)


def test_the_manifest_names_the_entities_with_their_rows_and_windows(write: WriteTable) -> None:
    prepared = prepare(write(panel(THREE), roles=ENTITY))
    manifest = prepared.preprocessing
    assert manifest.entity == "mill"
    assert [(e.name, e.first, e.last) for e in manifest.entities] == [("A", 0, 299), ("B", 300, 679), ("C", 680, 1099)]
    starts = np.concatenate([prepared.starts(split) for split in SPLITS])
    for entity in manifest.entities:
        assert entity.windows == np.count_nonzero((starts >= entity.first) & (starts <= entity.last))
    assert sum(split.windows for split in manifest.splits.values()) == len(starts)
    assert manifest.splits["test"].first_date == "2020-12-02"


def test_scales_are_pooled_over_the_train_rows_of_all_entities(write: WriteTable) -> None:
    prepared = prepare(write(panel(THREE), roles=ENTITY))
    cut = np.datetime64("2020-01-01") + 273 - HORIZON  # 65 % of 420 dates
    train = np.asarray(prepared.times) < cut
    np.testing.assert_allclose(prepared.features[train].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.features[train].std(axis=0), 1, atol=1e-5)


def test_an_entity_without_windows_is_left_out_and_told(write: WriteTable, caplog: pytest.LogCaptureFixture) -> None:
    values = panel({"A": (0, 400), "late": (380, 400), "B": (0, 400)})
    extreme = panel({"A": (0, 400), "late": (380, 400), "B": (0, 400)})
    extreme["rain"][400:420] = 1e6
    before = prepare(write(values, roles=ENTITY)).preprocessing
    after = prepare(write(extreme, roles=ENTITY, name="extreme")).preprocessing
    assert [entity.windows > 0 for entity in before.entities] == [True, False, True]
    assert (
        "1 of 3 entities are too short for a window and its label in any split, and are left out: late" in caplog.text
    )
    assert before.features == after.features, "fitted on rows of an entity that gives no window"


def test_all_problems_of_a_panel_come_at_once(write: WriteTable) -> None:
    values = panel(THREE)
    values["mill"][1050:] = ["A"] * 50
    values["day"][7] = values["day"][6]
    values["day"][320] = values["day"][303]
    values["price"][500] = np.nan
    with pytest.raises(InputError) as caught:
        prepare(write(values, roles=ENTITY))
    again, backward, repeated, missing = caught.value.problems
    assert "A again from row 1,050" in again
    assert "within an entity, but go back in 1 row (row 320" in backward
    assert "within an entity, but are repeated in 1 row (row 7" in repeated
    assert "the target column price is missing in 1 row (row 500" in missing


def test_a_panel_of_short_series_says_how_short(write: WriteTable) -> None:
    with pytest.raises(InputError, match=r"its 2 entities have at most 30 rows each, over 30 dates") as caught:
        prepare(write(panel({"A": (0, 30), "B": (0, 25)}), roles=ENTITY))
    assert "the panel leaves 0 train, 0 validation, 0 test windows" in str(caught.value)


def test_an_empty_panel_is_refused(write: WriteTable) -> None:
    empty = {"mill": pa.array([], pa.string()), "day": pa.array([], pa.date32()), "price": pa.array([], pa.float64())}
    with pytest.raises(InputError, match="the table has 0 rows"):
        prepare(write(empty, roles=ENTITY))


MEMORY = """
import sys
import numpy as np
import components.preprocess.step, components.train.feeding, components.train.losses
import keras, pyarrow.parquet
from components.preprocess.config import PreprocessConfig
from components.shared.artifacts import Prepared
from components.train import models
from components.train.config import TrainConfig
from components.train.feeding import window_batches
from components.train.models.kind import WindowShape
from components.train.source import WindowSource

def status(key):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(key))

config = TrainConfig.parse({"model": {"kind": "linear"}})
model = models.build(config.model, WindowShape(96, 56))  # the backend's own memory is no part of the panel's
before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # forget the peak of importing
components.preprocess.step.run(PreprocessConfig(lookback=96, horizon=21), sys.argv[1], sys.argv[2])
prepared = Prepared.open(sys.argv[2])
source = WindowSource.of(prepared, config.loss)
batches, _ = window_batches(model, source, "train", batch_size=32, seed=1)
windows = sum(len(batches[index][1]) for index in range(len(batches)))
assert windows == len(prepared.starts("train"))
print((status("VmHWM") - before) / prepared.features.nbytes)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_a_panel_of_a_million_rows_takes_little_more_memory_than_its_array(tmp_path: Path) -> None:
    from components.shared.artifacts import write_table
    from components.shared.schema import Column, Role, Schema

    entities, rows, features = 200, 5000, 56
    names = [f"x{position}" for position in range(features - 1)]
    schema = Schema(
        columns=(
            Column(name="entity", dtype="string", role=Role.ENTITY),
            Column(name="day", dtype="date", role=Role.TIME),
            Column(name="price", dtype="float64", role=Role.TARGET),
            *(Column(name=name, dtype="float64") for name in names),
        )
    )
    days = pa.array(np.datetime64("2000-01-01") + np.arange(rows))
    rng = np.random.default_rng(0)

    def batches() -> Any:
        for entity in range(entities):
            values = [pa.array(rng.normal(size=rows).cumsum()) for _ in range(features)]
            yield pa.RecordBatch.from_arrays([pa.array([f"e{entity}"] * rows), days, *values], names=schema.names)

    write_table(tmp_path / "table", schema, batches())
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "table"), str(tmp_path / "prepared")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    share = float(done.stdout.split()[-1])
    assert 1 <= share < 1.2, "an epoch reads all of the array, and little else may lie in memory beside it"
