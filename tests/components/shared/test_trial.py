from __future__ import annotations

from collections.abc import Callable

import pytest

from components.shared.errors import InputError
from components.shared.trial import Trial, faster_of


class Clock:
    """Time that passes only when work is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, *seconds: float) -> Callable[[], None]:
        """Work that takes each duration in turn, the last one for ever."""
        left = list(seconds)

        def call() -> None:
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return call


def race(clock: Clock, candidates: dict[str, Callable[[], None]], **options: float) -> Trial:
    return faster_of(candidates, clock=clock, **options)  # type: ignore[arg-type]


def test_the_fastest_wins_and_all_times_are_told() -> None:
    clock = Clock()
    trial = race(clock, {"plain": clock.work(1.0), "xla": clock.work(0.25)})
    assert trial.winner == "xla"
    assert trial.seconds == pytest.approx({"plain": 1.0, "xla": 0.25})
    assert "plain 1e+03 ms, xla 250 ms" in trial.reason


def test_compilation_is_not_counted() -> None:
    clock = Clock()
    assert race(clock, {"plain": clock.work(1.0), "xla": clock.work(9.0, 0.5)}, warmup=1).winner == "xla"


def test_one_interruption_does_not_decide() -> None:
    clock = Clock()
    interrupted = clock.work(0.5, 0.5, 0.5, 30.0, 0.5)  # one to warm up, then one slow round of seven
    assert race(clock, {"plain": clock.work(1.0), "bf16": interrupted}, budget_s=1e9).winner == "bf16"


def test_a_machine_that_slows_down_slows_all() -> None:
    # Each call takes longer than the one before; had one candidate gone first, the second would lose.
    clock, calls = Clock(), [0]

    def slower_every_time(cost: float) -> Callable[[], None]:
        def call() -> None:
            calls[0] += 1
            clock.now += cost * (1 + calls[0] / 10)

        return call

    trial = race(clock, {"a": slower_every_time(1.0), "b": slower_every_time(0.8)}, budget_s=1e9)
    assert trial.winner == "b"


def test_a_gain_within_the_noise_keeps_the_safe_choice() -> None:
    clock = Clock()
    trial = race(clock, {"float32": clock.work(1.0), "bf16": clock.work(0.97)})
    assert trial.winner == "float32"
    assert "no other is 5% faster than float32" in trial.reason


def test_a_candidate_this_machine_refuses_loses_with_its_reason() -> None:
    clock = Clock()

    def refuse() -> None:
        raise ValueError("XLA is not supported on METAL\nmore")

    trial = race(clock, {"plain": clock.work(1.0), "xla": refuse})
    assert trial.winner == "plain"
    assert trial.failures == {"xla": "ValueError: XLA is not supported on METAL"}
    assert "xla failed: ValueError: XLA is not supported on METAL" in trial.reason


def test_a_candidate_that_drifts_away_after_some_rounds_loses_too() -> None:
    clock, left = Clock(), [4]

    def drift() -> None:
        clock.now += 0.1
        left[0] -= 1
        if not left[0]:
            raise ArithmeticError("the loss is 3.1 where float32 has 1.2")

    trial = race(clock, {"float32": clock.work(1.0), "float16": drift}, budget_s=1e9)
    assert trial.winner == "float32"
    assert "float16" not in trial.seconds
    assert "the loss is 3.1" in trial.reason


def test_when_all_fail_the_first_error_is_raised() -> None:
    def fail(text: str) -> Callable[[], None]:
        def call() -> None:
            raise RuntimeError(text)

        return call

    with pytest.raises(RuntimeError, match="first"):
        faster_of({"a": fail("first"), "b": fail("second")})


def test_slow_work_is_cut_short_after_one_round() -> None:
    clock = Clock()
    race(clock, {"a": clock.work(50.0), "b": clock.work(60.0)}, warmup=1, budget_s=20.0)
    assert clock.now == pytest.approx(50 + 60 + 50 + 60)


def test_nothing_to_try_is_refused() -> None:
    with pytest.raises(InputError, match="expected at least one candidate"):
        faster_of({})
