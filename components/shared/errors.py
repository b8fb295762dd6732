"""Every error a stage raises on purpose. ``exit_code`` is what a command line ends with when one reaches it."""

from __future__ import annotations

from collections.abc import Sequence


class TandemError(Exception):
    """Base of all errors raised on purpose; the work itself failed."""

    exit_code = 1


class InputError(TandemError):
    """What the user gave cannot be used: a config, a table, a path. Holds every problem found, not just the first."""

    exit_code = 2

    def __init__(self, problems: str | Sequence[str], *, heading: str = "") -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        self.heading = heading
        lines = [heading] if heading else []
        lines += self.problems if len(self.problems) == 1 and not heading else [f"- {p}" for p in self.problems]
        super().__init__("\n".join(lines))


class ArtifactError(TandemError):
    """An artifact folder is not what its manifest says: a file is missing, truncated or of another version."""
