"""Print a lock, or the part of it that some extras need. Runs while an image is built; standard library and uv only.

    python select_packages.py linux-cpu                 the whole lock of this Python version
    python select_packages.py linux-cpu cpu boosting    what the project needs with these extras, at the lock's versions

The text of every package is the lock's own, hashes included, so a smaller image holds nothing that the lock does not.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==")


def entries(lock: str) -> dict[str, str]:
    """Text of each package by its normalised name: its line and the hashes that follow."""
    found: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        if line.startswith("#"):
            continue
        if match := _NAME.match(line):
            name = _normalised(match[1])
            found[name] = ""
        if name:
            found[name] += line
    return found


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(lock: Path, extras: list[str]) -> set[str]:
    """Names of the packages that the project needs with some extras, resolved under the lock's versions."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--constraint", str(lock), "--no-annotate", "--no-header"]
    for extra in extras:
        command += ["--extra", extra]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"the extras {', '.join(extras)} do not resolve under {lock}:\n{done.stderr}")
    return set(entries(done.stdout))


def main() -> None:
    name, *extras = sys.argv[1:]
    lock = Path("requirements") / f"{name}-py{sys.version_info.major}{sys.version_info.minor}.txt"
    if not lock.is_file():
        sys.exit(f"there is no {lock}; those there are: {', '.join(sorted(p.name for p in lock.parent.glob('*.txt')))}")
    packages = entries(lock.read_text(encoding="utf-8"))
    chosen = needed(lock, extras) if extras else set(packages)
    if absent := sorted(chosen - set(packages)):
        sys.exit(f"{lock} lacks {', '.join(absent)}, which the extras {', '.join(extras)} need")
    sys.stdout.write("".join(text for package, text in packages.items() if package in chosen))


if __name__ == "__main__":
    main()
