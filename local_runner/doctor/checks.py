"""The list of checks, in the order they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from local_runner.doctor import hardware, packages, places
from local_runner.doctor.finding import Finding
from local_runner.doctor.surroundings import Surroundings

CHECKS: tuple[Callable[[Surroundings], Iterator[Finding]], ...] = (
    packages.python,
    hardware.machine,
    hardware.backends,
    hardware.threads,
    packages.lock,
    packages.conflicts,
    packages.boosting,
    places.store,
    places.containers,
    places.credentials,
)


def examine(here: Surroundings) -> list[Finding]:
    """Run every check."""
    return [finding for check in CHECKS for finding in check(here)]
