from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_runner.doctor import places

Build = Callable[..., Any]


@pytest.mark.parametrize(
    ("free", "level"), [(100 * 2**30, "ok"), (2 * 2**30, "warning"), (2**20, "problem")], ids=["roomy", "short", "full"]
)
def test_room_in_the_store_is_judged(here: Build, free: int, level: str) -> None:
    (found,) = places.store(here(free_bytes=lambda _: free))
    assert found.level == level


def test_a_store_not_made_yet_is_judged_by_the_folder_it_will_be_in(here: Build, tmp_path: Path) -> None:
    asked: list[Path] = []
    list(places.store(here(root=tmp_path / "a" / "b", free_bytes=lambda path: asked.append(path) or 2**40)))
    assert asked == [tmp_path]
    assert not (tmp_path / "a").exists()


def test_container_engines_are_found_and_not_missed(here: Build) -> None:
    (found,) = places.containers(here(which=lambda name: f"/bin/{name}" if name == "podman" else None))
    assert found.text == "/bin/podman"
    (found,) = places.containers(here())
    assert found.level == "ok"


def test_credentials_that_are_named_and_not_there_are_a_problem(here: Build) -> None:
    (found,) = places.credentials(here(environ={"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"}))
    assert found.level == "problem"
    assert "/nowhere.json" in found.text


def test_the_default_credentials_are_found(here: Build, tmp_path: Path) -> None:
    (tmp_path / ".config/gcloud").mkdir(parents=True)
    (tmp_path / ".config/gcloud/application_default_credentials.json").write_text("{}")
    (found,) = places.credentials(here(exists=Path.exists))
    assert "application_default_credentials.json" in found.text


def test_no_credentials_are_no_problem_for_local_work(here: Build) -> None:
    (found,) = places.credentials(here())
    assert found.level == "ok"
    assert found.text.startswith("none")
