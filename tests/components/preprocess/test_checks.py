from __future__ import annotations

import numpy as np
import pytest

from components.preprocess.checks import date_of, value_problems
from components.preprocess.origins import Origins
from components.preprocess.rows import BadCells, Entity, Rows
from components.preprocess.splits import Splits

ROWS = 100
TRAIN = Splits({"train": Origins((range(9, 50),))}, (slice(0, 50),))


def rows(targets: np.ndarray, **changes: object) -> Rows:
    times = np.datetime64("2020-01-01", "us") + np.arange(len(targets)).astype("timedelta64[D]")
    return Rows(
        **{"times": times, "targets": targets, "filled": np.empty((0, len(targets))), "infinite": {}, **changes}
    )


def walk() -> np.ndarray:
    return 30.0 + np.random.default_rng(4).normal(size=ROWS).cumsum()


def problems(given: Rows, transform: str = "difference", train: Splits | None = TRAIN) -> list[str]:
    return value_problems(given, "price", transform, 5, train)


def test_good_values_have_no_problem() -> None:
    assert problems(rows(walk())) == []


def test_a_missing_target_is_placed() -> None:
    targets = walk()
    targets[[4, 7, 8, 90]] = np.nan
    (problem,) = problems(rows(targets))
    assert "the target column price is missing in 4 rows (row 4 on 2020-01-05, row 7 on 2020-01-08, row 8" in problem
    assert "op: is_not_null" in problem


def test_a_log_return_needs_positive_targets() -> None:
    targets = np.abs(walk()) + 1
    targets[[3, 20]] = [0.0, -1.0]
    assert problems(rows(targets), "difference") == []
    (problem,) = problems(rows(targets), "log_return")
    assert "zero or negative in 2 rows (row 3 on 2020-01-04, row 20 on 2020-01-21)" in problem


@pytest.mark.parametrize(
    ("targets", "transform", "expected"),
    [
        (np.full(ROWS, 3.5), "level", "price is constant: 3.5"),
        (np.where(np.arange(ROWS) < 55, 3.5, 9.0), "level", "constant: 3.5 up to row 54"),
        (np.arange(ROWS) * 0.1, "difference", "the label of price does not vary"),
        (1.01 ** np.arange(ROWS), "log_return", "the label of price does not vary"),
    ],
    ids=["everywhere", "on-train-rows", "straight-line", "exponential"],
)
def test_nothing_to_forecast(targets: np.ndarray, transform: str, expected: str) -> None:
    (problem,) = problems(rows(targets), transform)
    assert expected in problem


def test_a_straight_line_varies_as_a_level() -> None:
    assert problems(rows(np.arange(ROWS) * 0.1), "level") == []


def test_a_target_that_varies_only_in_the_end_of_its_train_labels_is_fine() -> None:
    assert problems(rows(np.where(np.arange(ROWS) < 54, 3.5, 9.0)), "level") == []


def test_an_unsplittable_constant_is_said_too() -> None:
    (problem,) = problems(rows(np.full(4, 2.0)), train=None)
    assert "constant: 2 in the whole table" in problem


def test_times_must_increase() -> None:
    given = rows(walk())
    given.times[10] = given.times[9]
    given.times[20] = given.times[2]
    backward, repeated = problems(given)
    assert "go back in 1 row (row 20 on 2020-01-03): sort the table" in backward
    assert "are repeated in 1 row (row 10 on 2020-01-10): drop duplicates" in repeated


def panel(*entities: Entity) -> Rows:
    return rows(walk(), entities=entities)


def test_times_begin_anew_with_each_entity() -> None:
    given = panel(Entity("A", 0, 40), Entity("B", 40, ROWS))
    given.times[40:] = given.times[:60]
    assert problems(given) == []
    given.times[60] = given.times[59]
    (problem,) = problems(given)
    assert "times must increase within an entity, but are repeated in 1 row (row 60 on 2020-01-20)" in problem


def test_rows_of_an_entity_that_do_not_follow_each_other_are_placed() -> None:
    (problem,) = problems(panel(Entity("A", 0, 40), Entity("B", 40, 70), Entity("A", 70, ROWS)))
    assert "do not in 1 places (A again from row 70): sort the table by entity, then by time" in problem


def test_a_row_without_an_entity_is_placed() -> None:
    (problem,) = problems(panel(Entity("A", 0, 40), Entity(None, 40, ROWS)))
    assert "the entity is missing from 1 row (row 40 on 2020-02-10)" in problem


def test_a_missing_time_is_placed() -> None:
    given = rows(walk())
    given.times[10] = np.datetime64("NaT")
    assert "the time is missing in 1 row (row 10" in problems(given)[0]


def test_all_problems_come_at_once() -> None:
    targets = walk()
    targets[0] = np.nan
    infinite = {"rain": BadCells(5, [1, 2, 3]), "sun": BadCells(1, [7])}
    given = rows(targets, infinite=infinite)
    given.times[10] = given.times[9]
    found = problems(given)
    assert len(found) == 4
    assert "column rain has 5 rows (row 1 on 2020-01-02, row 2 on 2020-01-03, row 3 on 2020-01-04, ...)" in found[1]


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("2020-01-06", "2020-01-06"),
        ("2020-01-06T10:30", "2020-01-06T10:30:00"),
        ("2020-01-06T00:00:00.5", "2020-01-06T00:00:00.500000"),
    ],
)
def test_dates_are_as_long_as_they_need_to_be(time: str, shown: str) -> None:
    assert date_of(np.datetime64(time, "us")) == shown
