from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.preprocess.config import SplitShares
from components.preprocess.splits import MINIMUM_WINDOWS, split_origins, too_few_rows
from components.shared.preprocessing import SPLITS

HALVES = SplitShares()
shares = st.builds(
    SplitShares,
    train=st.floats(min_value=0.05, max_value=0.6),
    validation=st.floats(min_value=0.05, max_value=0.35),
)
sizes = {
    "rows": st.integers(min_value=1, max_value=5_000),
    "lookback": st.integers(min_value=1, max_value=300),
    "horizon": st.integers(min_value=1, max_value=300),
}


@given(**sizes, shares=shares)
def test_no_label_reaches_the_next_split(rows: int, lookback: int, horizon: int, shares: SplitShares) -> None:
    if too_few_rows(rows, lookback, horizon, shares):
        with pytest.raises(ValueError, match="too few"):
            split_origins(rows, lookback, horizon, shares)
        return
    origins = split_origins(rows, lookback, horizon, shares)
    assert list(origins) == list(SPLITS)
    train, validation, test = origins.values()
    for earlier, later in ((train, validation), (validation, test)):
        assert earlier[-1] + horizon < later[0], "a label lies in the next split"
        assert later[0] - earlier[-1] - 1 == horizon, "the embargo is not the horizon"
    assert (train[0], test[-1]) == (lookback - 1, rows - horizon - 1), "an origin is lost at an end"
    assert min(map(len, origins.values())) >= MINIMUM_WINDOWS


@given(**sizes, shares=shares)
def test_a_split_begins_on_the_same_row_for_every_horizon(
    rows: int, lookback: int, horizon: int, shares: SplitShares
) -> None:
    if too_few_rows(rows, lookback, horizon, shares):
        return
    _, validation, test = split_origins(rows, lookback, horizon, shares).values()
    assert validation[0] == pytest.approx(shares.train * rows, abs=1)
    assert test[0] == pytest.approx((shares.train + shares.validation) * rows, abs=1)


def test_whole_shares_are_not_lost_to_rounding() -> None:
    # In binary, 0.29 * 100 is a little less than 29.
    origins = split_origins(100, 5, 2, SplitShares(train=0.29, validation=0.29))
    assert [span[0] for span in origins.values()] == [4, 29, 58]


@pytest.mark.parametrize(("lookback", "horizon"), [(30, 21), (30, 252), (1, 1), (400, 5)])
def test_the_rows_asked_for_are_enough_and_one_less_is_not(lookback: int, horizon: int) -> None:
    message = too_few_rows(10, lookback, horizon, HALVES)
    assert message is not None
    needed = int(message.split(" need ")[1].split(":")[0].replace(",", ""))
    assert too_few_rows(needed, lookback, horizon, HALVES) is None
    assert too_few_rows(needed - 1, lookback, horizon, HALVES) is not None


@pytest.mark.parametrize(("what", "sizes"), [("horizon", (30, 63)), ("lookback", (190, 21))])
def test_what_it_says_to_lower_helps(what: str, sizes: tuple[int, int]) -> None:
    given_sizes = dict(zip(("lookback", "horizon"), sizes, strict=True))
    message = too_few_rows(300, **given_sizes, shares=HALVES)
    assert message is not None
    limit = int(message.split(f"preprocess.{what} to at most ")[1].split(" ")[0].strip(",."))
    assert too_few_rows(300, **{**given_sizes, what: limit}, shares=HALVES) is None
    assert too_few_rows(300, **{**given_sizes, what: limit + 1}, shares=HALVES) is not None


def test_an_absurd_lookback_is_refused_at_once() -> None:
    message = too_few_rows(600, 100_000_000, 21, HALVES)
    assert message is not None
    needed = int(message.split(" need ")[1].split(":")[0].replace(",", ""))
    assert too_few_rows(needed, 100_000_000, 21, HALVES) is None


def test_no_impossible_remedy_is_offered() -> None:
    message = too_few_rows(10, 30, 252, HALVES)
    assert message is not None
    assert message.endswith("Give more rows.")
