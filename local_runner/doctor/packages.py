"""Checks of what is installed: versions that fit each other, and the lock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from local_runner.doctor.finding import Finding, Level
from local_runner.doctor.surroundings import BACKENDS, Surroundings

SUPPORTED = ((3, 11), (3, 12))
VITAL = ("kfp", "keras", "protobuf", "numpy", *BACKENDS["tensorflow"])
"""A mismatch between these stops a run; between others it may never matter."""

_LOCKS = {("Darwin", "arm64"): "macos-metal", ("Linux", "x86_64"): "linux-cpu"}


def python(here: Surroundings) -> Iterator[Finding]:
    """The interpreter."""
    version = ".".join(map(str, here.python))
    if here.python[:2] in SUPPORTED:
        yield Finding("ok", "Python", f"{version} at {here.executable}")
        return
    yield Finding(
        "problem", "Python", f"{version}; 3.11 or 3.12 is needed (TensorFlow 2.19 and kfp resolve on no other)",
        "make setup PYTHON=/path/to/python3.12",
    )  # fmt: skip


def conflicts(here: Surroundings) -> Iterator[Finding]:
    """Requirements that what is installed does not meet; protobuf between kfp and TensorFlow is the classic."""
    from packaging.requirements import InvalidRequirement, Requirement

    unmet: dict[Level, list[str]] = {"problem": [], "warning": []}
    for owner, texts in here.requirements.items():
        for text in texts:
            try:
                wanted = Requirement(text)
            except InvalidRequirement:  # written before the standard; pip itself passes over it
                continue
            name = wanted.name.lower().replace("_", "-")
            version = here.installed.get(name)
            if version is None or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
                continue
            if not wanted.specifier.contains(version, prereleases=True):
                level: Level = "problem" if owner in VITAL and name in VITAL else "warning"
                unmet[level].append(
                    f"{owner} {here.installed.get(owner, '')} needs {text.split(';')[0]}, found {version}"
                )
    for level, texts in unmet.items():
        if texts:
            yield Finding(level, "packages", "; ".join(sorted(texts)), _reinstall(here))
    if not any(unmet.values()):
        yield Finding("ok", "packages", f"{len(here.installed)} installed, each meets what the others need")


def lock(here: Surroundings) -> Iterator[Finding]:
    """Whether the installed versions are those of this platform's lock."""
    name = _LOCKS.get((here.system, here.machine))
    path = here.checkout / "requirements" / f"{name}-py{here.python[0]}{here.python[1]}.txt"
    if not name or not path.is_file():
        yield Finding(
            "ok", "lock", f"no lock for {here.system} {here.machine}, Python {here.python[0]}.{here.python[1]}"
        )
        return
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", path.read_text(), flags=re.MULTILINE)
    # Not everything need be installed: an image, or `pip install` of an extra, holds a part.
    present = {pin: here.installed[pin] for pin, _ in pins if pin in here.installed}
    different = [
        f"{pin} {present[pin]} (locked {wanted})" for pin, wanted in pins if present.get(pin, wanted) != wanted
    ]
    where = f"requirements/{path.name}"
    if not different:
        yield Finding("ok", "lock", f"{len(present)} of {len(pins)} packages of {where} are installed, as locked")
        return
    shown = ", ".join(different[:5]) + (f" and {len(different) - 5} more" if len(different) > 5 else "")
    yield Finding("warning", "lock", f"{len(different)} packages differ from {where}: {shown}", _reinstall(here))


def boosting(here: Surroundings) -> Iterator[Finding]:
    """XGBoost's library for several threads, which its wheel for the Mac does not bring."""
    if "xgboost" not in here.installed or here.system != "Darwin":
        return
    from pathlib import Path

    places = [Path(prefix) / "opt/libomp/lib/libomp.dylib" for prefix in ("/opt/homebrew", "/usr/local")]
    if any(here.exists(place) for place in places):
        yield Finding("ok", "xgboost", f"{here.installed['xgboost']}, with Homebrew's libomp")
        return
    yield Finding(
        "warning", "xgboost", f"{here.installed['xgboost']} needs Homebrew's libomp and will not load without it",
        "brew install libomp",
    )  # fmt: skip


def _reinstall(here: Surroundings) -> str:
    if (here.system, here.machine) in _LOCKS and (here.checkout / "Makefile").is_file():
        return "rm -rf .venv && make setup"
    return "pip install --upgrade 'tandem-pipelines[cpu]'"
