"""Cron lines: five fields, perhaps a time zone before them, checked before a service sees them."""

from __future__ import annotations

import itertools
import re
import zoneinfo
from dataclasses import dataclass

from components.shared.errors import InputError

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_NAMES = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "day of week": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}
_ITEM = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?")
MOST_MOMENTS = 100
"""launchd takes a list of moments; more than these would be a list nobody reads."""


@dataclass(frozen=True)
class Cron:
    """A checked line: ``zone`` is empty for the service's own time, ``values`` are those that each field names."""

    text: str
    zone: str
    values: tuple[tuple[int, ...] | None, ...]

    @property
    def vertex(self) -> str:
        """As Vertex AI takes it: five fields."""
        return f"TZ={self.zone} {self.text}" if self.zone else self.text

    @property
    def kubeflow(self) -> str:
        """As Kubeflow takes it: seconds before the five."""
        return f"TZ={self.zone} 0 {self.text}" if self.zone else f"0 {self.text}"

    def moments(self) -> list[dict[str, int]]:
        """As launchd takes it: every combination of the values that are named.

        Raises:
            InputError: there would be more than 100 of them.
        """
        keys = ("Minute", "Hour", "Day", "Month", "Weekday")
        chosen = [[(key, value) for value in found] for key, found in zip(keys, self.values, strict=True) if found]
        every = [dict(moment) for moment in itertools.islice(itertools.product(*chosen), MOST_MOMENTS + 1)]
        if len(every) > MOST_MOMENTS:
            raise InputError(
                f"cron {self.text!r} is more than {MOST_MOMENTS} moments for launchd; use --target crontab"
            )
        return every


def parse(line: str) -> Cron:
    """Read ``[TZ=Area/City ]MINUTE HOUR DAY MONTH WEEKDAY``.

    Raises:
        InputError: everything that is wrong with it.
    """
    words, zone, problems = line.split(), "", []
    if words and (found := re.match(r"(?:CRON_)?TZ=(.*)", words[0])):
        zone = found[1].strip("\"'")
        words = words[1:]
        if zone not in zoneinfo.available_timezones():
            problems.append(f"time zone {zone!r}: expected a name such as Europe/Amsterdam")
    if len(words) != len(FIELDS):
        problems.append(
            f"expected 5 fields (minute hour day month weekday), got {len(words)}; every weekday at 6: 0 6 * * 1-5"
        )
        raise InputError([f"cron {line!r}: {problem}" for problem in problems])
    values = []
    for word, (name, low, high) in zip(words, FIELDS, strict=True):
        try:
            values.append(_field(word, name, low, high))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise InputError([f"cron {line!r}: {problem}" for problem in problems])
    return Cron(" ".join(words), zone, tuple(values))


def _field(word: str, name: str, low: int, high: int) -> tuple[int, ...] | None:
    """The values a field names; None for all of them."""
    if word == "*":
        return None
    found: set[int] = set()
    for item in word.split(","):
        match = _ITEM.fullmatch(item)
        if not match:
            raise ValueError(f"{name}: cannot read {item!r}; expected a number, a-b, *, or one of these with /step")
        star, first, last, step = match.groups()
        begin = low if star else _number(first, name, low, high)
        end = high if star or (step and not last) else _number(last, name, low, high) if last else begin
        if begin > end:
            raise ValueError(f"{name}: {item!r} ends before it begins")
        if step and not 0 < int(step) <= high:
            raise ValueError(f"{name}: a step of {step} in {item!r}; expected 1 to {high}")
        found.update(range(begin, end + 1, int(step or 1)))
    return tuple(sorted(found))


def _number(text: str, name: str, low: int, high: int) -> int:
    names = _NAMES.get(name, [])
    if text.lower() in names:
        return names.index(text.lower()) + low
    if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
        raise ValueError(f"{name}: expected {low} to {high}, got {text!r}")
    return int(text)
