"""Short measured trials: of several ways to do the same work, which is the fastest on this machine, now."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from components.shared.errors import InputError

logger = logging.getLogger(__name__)

MARGIN = 0.05
"""A challenger must be this much faster than the first candidate; less is noise, and the first is the safe one."""


@dataclass(frozen=True)
class Trial:
    """Outcome of :func:`faster_of`: medians in seconds by name, what failed and why, and the choice in words."""

    winner: str
    seconds: dict[str, float]
    failures: dict[str, str]
    reason: str


def faster_of(
    candidates: Mapping[str, Callable[[], None]],
    *,
    warmup: int = 2,
    rounds: int = 7,
    budget_s: float = 20.0,
    margin: float = MARGIN,
    clock: Callable[[], float] = time.perf_counter,
) -> Trial:
    """Time each candidate and name the fastest.

    Candidates take turns, so that a machine that slows down slows all of them; the median of the rounds counts, so
    that one interruption does not. The first call of each (tracing, compilation) is never counted.

    Args:
        candidates: what to call, by name; each call does the same amount of work and waits for its result. The first
            is the safe choice: it is kept unless another is faster by ``margin``.
        warmup: calls of each before timing.
        rounds: timed calls of each, fewer when ``budget_s`` runs out, at least one.
        budget_s: seconds after which no further round begins.
        margin: share of the first candidate's time that must be saved.

    Raises:
        InputError: there is no candidate.
        Exception: what the first candidate raised, when every candidate failed.
    """
    if not candidates:
        raise InputError("trial: expected at least one candidate, got none")
    running, failures, errors = dict(candidates), {}, {}
    started = clock()
    for name, call in candidates.items():
        try:
            for _ in range(max(1, warmup)):
                call()
        except Exception as error:  # a candidate this machine refuses loses; the reason is kept and said
            del running[name]
            failures[name], errors[name] = _first_line(error), error
            logger.info("trial: %s failed: %s", name, failures[name])
    if not running:
        raise errors[next(iter(candidates))]
    seconds = _time(running, rounds, lambda: clock() - started > budget_s, clock)
    return _choose(seconds, failures, first=next(iter(running)), margin=margin)


def _time(
    running: Mapping[str, Callable[[], None]], rounds: int, late: Callable[[], bool], clock: Callable[[], float]
) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in running}
    for done in range(rounds):
        if done and late():
            break
        for name, call in running.items():
            begun = clock()
            call()
            taken[name].append(clock() - begun)
    return {name: statistics.median(values) for name, values in taken.items()}


def _choose(seconds: dict[str, float], failures: dict[str, str], *, first: str, margin: float) -> Trial:
    fastest = min(seconds, key=lambda name: seconds[name])
    winner = fastest if seconds[fastest] < (1 - margin) * seconds[first] else first
    times = ", ".join(f"{name} {value * 1e3:.3g} ms" for name, value in seconds.items())
    why = f"{winner} is the fastest here" if winner == fastest else f"no other is {margin:.0%} faster than {winner}"
    failed = "".join(f"; {name} failed: {reason}" for name, reason in failures.items())
    return Trial(winner, seconds, failures, f"{why} ({times}{failed})")


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
