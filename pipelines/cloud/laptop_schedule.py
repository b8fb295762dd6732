"""A schedule of one's own machine: the text for launchd or crontab, which run the local runner."""

from __future__ import annotations

import plistlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from components.shared.errors import InputError
from pipelines.cloud.cron import Cron


def command(pipeline: str, config: str | None, overrides: Sequence[str], parameters: Sequence[str]) -> list[str]:
    """The local runner's command line for what would be submitted."""
    words = [sys.executable, "-m", "local_runner", "run", pipeline, "--quiet"]
    words += ["--config", config] if config else []
    words += [word for each in overrides for word in ("--set", each)]
    return words + [word for each in parameters for word in ("--param", each)]


def launchd(name: str, cron: Cron, words: Sequence[str], folder: Path) -> str:
    """A property list for ``~/Library/LaunchAgents``; launchd starts one run at a time by itself.

    Raises:
        InputError: the line has a time zone, which launchd does not know, or too many moments.
    """
    _in_local_time(cron)
    moments = cron.moments()
    listed = {
        "Label": f"tandem.{name}",
        "ProgramArguments": list(words),
        "WorkingDirectory": str(folder),
        "StartCalendarInterval": moments if len(moments) > 1 else moments[0],
        "StandardOutPath": str(folder / f"{name}.log"),
        "StandardErrorPath": str(folder / f"{name}.log"),
    }
    return plistlib.dumps(listed, sort_keys=False).decode()


def crontab(name: str, cron: Cron, words: Sequence[str], folder: Path) -> str:
    """A line for ``crontab -e``; a percent sign ends a command there and is therefore written with a backslash."""
    _in_local_time(cron)
    line = f"cd {shlex.quote(str(folder))} && {shlex.join(words)} >> {shlex.quote(f'{name}.log')} 2>&1"
    return f"{cron.text} {line}\n".replace("%", "\\%")


def _in_local_time(cron: Cron) -> None:
    if cron.zone:
        raise InputError(f"cron: this machine's schedules are in its own time; leave TZ={cron.zone} out")
