from __future__ import annotations

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
