from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_runner.doctor import packages

Build = Callable[..., Any]


@pytest.mark.parametrize(
    ("version", "level"), [((3, 10, 14), "problem"), ((3, 11, 0), "ok"), ((3, 12, 9), "ok"), ((3, 13, 1), "problem")]
)
def test_pythons_that_resolve_are_accepted(here: Build, version: tuple[int, int, int], level: str) -> None:
    (found,) = packages.python(here(python=version))
    assert found.level == level


@pytest.mark.parametrize(
    ("installed", "requirements", "says"),
    [
        (
            {"kfp": "2.17.0", "protobuf": "4.25.9"},
            {"kfp": ["protobuf<7,>=6.31.1"]},
            "kfp 2.17.0 needs protobuf<7,>=6.31.1, found 4.25.9",
        ),
        (
            {"tensorflow-cpu": "2.19.1", "protobuf": "6.31.1"},
            {"tensorflow-cpu": ["protobuf!=4.21.0,<6.0.0dev,>=3.20.3"]},
            "tensorflow-cpu 2.19.1 needs",
        ),
    ],
    ids=["kfp-too-new", "protobuf-too-new-for-tensorflow"],
)
def test_the_protobuf_quarrel_is_a_problem(
    here: Build, installed: dict[str, str], requirements: dict[str, list[str]], says: str
) -> None:
    (found,) = packages.conflicts(here(installed=installed, requirements=requirements))
    assert found.level == "problem"
    assert says in found.text


def test_a_quarrel_between_others_is_a_warning(here: Build) -> None:
    (found,) = packages.conflicts(
        here(installed={"a": "1", "b": "1"}, requirements={"a": ["b>=2", "absent>=9", "b>=3; extra == 'x'", "??"]})
    )
    assert (found.level, found.text) == ("warning", "a 1 needs b>=2, found 1")


def lock_file(folder: Path, text: str) -> None:
    (folder / "requirements").mkdir()
    (folder / "requirements" / "linux-cpu-py311.txt").write_text(text)


def test_the_lock_is_compared_with_what_is_installed(here: Build, tmp_path: Path) -> None:
    lock_file(tmp_path, "keras==3.15.1 \\\n    --hash=sha256:0\nkfp==2.13.0 \\\n    --hash=sha256:0\nabsent==1\n")
    (found,) = packages.lock(here())
    assert (found.level, found.text) == (
        "ok", "2 of 3 packages of requirements/linux-cpu-py311.txt are installed, as locked",
    )  # fmt: skip


def test_versions_that_left_the_lock_are_named(here: Build, tmp_path: Path) -> None:
    lock_file(tmp_path, "keras==3.14.0 \\\nkfp==2.13.0 \\\n")
    (tmp_path / "Makefile").touch()
    (found,) = packages.lock(here())
    assert found.level == "warning"
    assert "keras 3.15.1 (locked 3.14.0)" in found.text
    assert found.fix == "rm -rf .venv && make setup"


def test_where_there_is_no_lock_nothing_is_compared(here: Build) -> None:
    (found,) = packages.lock(here(system="Windows", machine="AMD64"))
    assert (found.level, found.text) == ("ok", "no lock for Windows AMD64, Python 3.11")


@pytest.mark.parametrize(
    ("system", "prefix", "levels"),
    [
        ("Darwin", None, ["warning"]),
        ("Darwin", "/opt/homebrew", ["ok"]),
        ("Darwin", "/usr/local", ["ok"]),
        ("Linux", None, []),
    ],
)
def test_xgboost_on_a_mac_needs_libomp(here: Build, system: str, prefix: str | None, levels: list[str]) -> None:
    machine = here(
        system=system, installed={"xgboost": "3.4.1"}, exists=lambda path: bool(prefix) and str(path).startswith(prefix)
    )
    assert [found.level for found in packages.boosting(machine)] == levels
