"""One thing the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """``subject`` is what was looked at, ``text`` what it is like, ``fix`` what to type, empty when nothing."""

    level: Level
    subject: str
    text: str
    fix: str = ""

    def lines(self) -> list[str]:
        """The finding for people: one line, and one more for the fix."""
        first = f"{self.level:8} {self.subject:20} {self.text}"
        return [first, f"{'':29} type: {self.fix}"] if self.fix else [first]
