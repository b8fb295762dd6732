from __future__ import annotations

import numpy as np
import pytest

from components.forecast.calendar import Calendar
from components.shared.errors import InputError


def times(first: str, step: str, count: int) -> np.ndarray:
    length, unit = int(step[:-1]), step[-1]
    return np.datetime64(first, "us") + np.arange(count) * np.timedelta64(length, unit)


def business(first: str, count: int) -> np.ndarray:
    return np.busday_offset(first, np.arange(count), roll="forward").astype("datetime64[us]")


def trading(first: str, count: int, week: str) -> np.ndarray:
    return np.busday_offset(first, np.arange(count), roll="forward", weekmask=week).astype("datetime64[us]")


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        (business("2020-01-01", 40), "business_days", "2020-02-28"),
        (np.delete(business("2020-01-01", 40), [5, 11, 12]), "business_days", "2020-02-28"),
        (times("2020-01-01", "1D", 40), "days", "2020-02-12"),
        (trading("2020-01-01", 40, "Sun Mon Tue Wed Thu Fri"), "days", "2020-02-19"),
        (trading("2020-01-01", 40, "Mon Tue Wed Thu Fri Sat"), "days", "2020-02-18"),
        (times("2020-01-03T16:00", "7D", 20), "weeks", "2020-06-05T16:00"),
        (times("2020-01-01", "1h", 30), "steps", "2020-01-02T08:00"),
        (times("2020-01-01", "15m", 30), "steps", "2020-01-01T08:00"),
    ],
    ids=[
        "business",
        "holidays",
        "days",
        "days but Saturdays",
        "days but Sundays",
        "weeks",
        "hours",
        "quarters of an hour",
    ],
)
def test_the_calendar_is_told_from_the_rows(given: np.ndarray, name: str, expected: str) -> None:
    calendar = Calendar.of(given)
    assert calendar.name == name
    found = calendar.after(given[-1:], np.array([3]))[0]
    assert found == np.datetime64(expected, "us")


def test_a_friday_is_followed_by_monday_at_the_same_time_of_day() -> None:
    calendar = Calendar.of(business("2020-01-01", 40))
    friday = np.array(["2020-02-28T17:30"], dtype="datetime64[us]")
    assert calendar.after(friday, np.array([1]))[0] == np.datetime64("2020-03-02T17:30", "us")


def test_rows_of_no_common_step_are_refused_unless_named() -> None:
    given = np.datetime64("2020-01-01", "us") + np.cumsum([1, 2, 3, 4, 5, 6]).astype("timedelta64[D]")
    with pytest.raises(InputError, match=r"commonest step between rows, 2 days, is only 20%"):
        Calendar.of(given)
    assert Calendar.of(given, "days").name == "days"


def test_missing_rows_are_counted_by_the_calendar() -> None:
    week = business("2020-01-06", 15)
    missing = Calendar.of(week).missing_between(np.delete(week, [4, 5, 6]))
    np.testing.assert_array_equal(missing, [0, 0, 0, 3, *[0] * 7])


def test_nights_recur_and_are_no_gap_but_a_lost_morning_is() -> None:
    days = [np.datetime64("2020-01-06T09:00", "us") + np.timedelta64(24 * day, "h") for day in range(10)]
    hours = np.concatenate([day + np.arange(8).astype("timedelta64[h]") for day in days])
    calendar = Calendar.of(hours)
    assert calendar.name == "steps"
    assert calendar.missing_between(hours).max() == 0
    assert calendar.missing_between(np.delete(hours, [17, 18, 19])).max() == 3
