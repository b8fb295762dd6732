"""Short measured trials: of several ways to do the same work, which is the fastest on this machine, now."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from components.shared.errors import InputError

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
    warmup: int = 1,
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
            is the safe choice: it is kept unless another is faster by ``margin``. A candidate that raises has lost, so
            one whose loss drifts can say so by raising.
        warmup: calls of each before timing.
        rounds: timed calls of each, fewer when ``budget_s`` runs out, at least one.
        budget_s: seconds after which no further round begins.
        margin: share of the first candidate's time that must be saved.

    Raises:
        InputError: there is no candidate.
        Exception: what the first candidate raised, when all of them did.
    """
    if not candidates:
        raise InputError("trial: expected at least one candidate, got none")
    started, errors = clock(), {}
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(warmup + rounds):
        if turn > warmup and clock() - started > budget_s:
            break
        for name in [name for name in candidates if name not in errors]:
            begun = clock()
            try:
                candidates[name]()
            except Exception as error:  # a candidate this machine refuses loses; the reason is kept and said
                errors[name] = error
                continue
            if turn >= warmup:
                taken[name].append(clock() - begun)
    seconds = {name: statistics.median(values) for name, values in taken.items() if name not in errors}
    if not seconds:
        raise errors[next(iter(candidates))]
    failures = {name: _first_line(error) for name, error in errors.items()}
    return _choose(seconds, failures, margin=margin)


def _choose(seconds: dict[str, float], failures: dict[str, str], *, margin: float) -> Trial:
    first = next(iter(seconds))
    fastest = min(seconds, key=lambda name: seconds[name])
    winner = fastest if seconds[fastest] < (1 - margin) * seconds[first] else first
    times = ", ".join(f"{name} {value * 1e3:.3g} ms" for name, value in seconds.items())
    why = f"{winner} is the fastest here" if winner == fastest else f"no other is {margin:.0%} faster than {winner}"
    failed = "".join(f"; {name} failed: {reason}" for name, reason in failures.items())
    return Trial(winner, seconds, failures, f"{why} ({times}{failed})")


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
