from __future__ import annotations

import numpy as np
import pytest

from components.shared import calendar


def at(*times: str) -> np.ndarray:
    return np.array(times, dtype="datetime64[us]")


@pytest.mark.parametrize(
    ("field", "times", "expected"),
    [
        ("month", ("2024-01-31", "2024-12-01"), (-0.5, 0.5)),
        ("day_of_year", ("2024-01-01T23:59", "2024-12-31"), (-0.5, 0.5)),
        ("day_of_month", ("2024-02-01", "2024-01-31"), (-0.5, 0.5)),
        ("day_of_week", ("2024-01-01", "2024-01-07", "1969-12-29"), (-0.5, 0.5, -0.5)),
        ("hour", ("2024-01-01T00:59", "2024-01-01T23:00"), (-0.5, 0.5)),
        ("minute", ("2024-01-01T05:00", "2024-01-01T05:59:59"), (-0.5, 0.5)),
    ],
)
def test_a_field_goes_from_minus_to_plus_a_half(
    field: str, times: tuple[str, ...], expected: tuple[float, ...]
) -> None:
    (name,) = calendar.names([field], "scaled")
    np.testing.assert_allclose(calendar.column(name, at(*times)), expected)


def test_as_sine_and_cosine_december_is_as_near_to_january_as_february() -> None:
    names = calendar.names(["month"], "sine_cosine")
    assert names == ("calendar_month_sin", "calendar_month_cos")
    december, january, february = np.stack(
        [calendar.column(name, at("2023-12-05", "2024-01-05", "2024-02-05")) for name in names], axis=1
    )
    assert np.linalg.norm(december - january) == pytest.approx(np.linalg.norm(february - january))
    assert np.linalg.norm(january) == pytest.approx(1)
