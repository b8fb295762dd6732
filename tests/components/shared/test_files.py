from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from components.shared import files
from components.shared.errors import ArtifactError


def test_a_new_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with files.new_folder(tmp_path / "out") as scratch:
            (scratch / content).touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_replacement_that_is_cut_off_while_it_removes_has_the_new_folder_in_place(tmp_path: Path) -> None:
    script = """
import os, sys
from components.shared import files
def write(content):
    with files.new_folder(sys.argv[1]) as scratch:
        for name in ("a", "b"):
            (scratch / name).write_text(content)
write("old")
sys.addaudithook(lambda event, _: os._exit(9) if event == "os.remove" else None)
write("new")
"""
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path / "out")], check=False).returncode == 9
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {"a": "new", "b": "new"}


def test_a_failure_leaves_the_old_file_and_no_scratch(tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), files.new_file(tmp_path / "out.txt") as scratch:
        scratch.write_text("half")
        _ = 1 / 0
    assert (tmp_path / "out.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_json_refuses_what_json_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_an_unreadable_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"a\.json"):
        files.read_json(tmp_path / "a.json")


def test_a_digest_depends_on_names_and_contents(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("x")
    two.write_text("x")
    assert files.digest_of_files([one]) != files.digest_of_files([two])
    before = files.digest_of_files([one])
    one.write_text("y")
    assert files.digest_of_files([one]) != before


def test_a_removal_that_is_cut_off_has_removed_the_whole_folder(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "history.csv").touch()
    script = """
import os, sys
from components.shared import files
sys.addaudithook(lambda event, _: os._exit(9) if event == "os.remove" else None)
files.remove_folder(sys.argv[1])
"""
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path / "work")], check=False).returncode == 9
    assert not (tmp_path / "work").exists()


def test_a_removed_folder_leaves_nothing_and_an_absent_one_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    for _ in range(2):
        files.remove_folder(tmp_path / "work")
    assert not list(tmp_path.iterdir())
