"""Images by digest: what the lock gives, and what may not be cached."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from components.shared.errors import InputError
from pipelines import compilation, image_lock
from pipelines.__main__ import main

PUSHED = {
    kind: f"registry.example/tandem-{kind}@sha256:{str(number) * 64}" for number, kind in enumerate(("cpu", "gpu"))
}


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "images.lock.json"
    path.write_text(json.dumps({"version": 1, "images": {**PUSHED, "tpu": "registry.example/tandem-tpu:latest"}}))
    return path


@pytest.mark.parametrize("hardware", ["cpu", "gpu"])
def test_the_lock_gives_every_step_its_image_by_digest(tmp_path: Path, lock: Path, hardware: str) -> None:
    command = ["compile", "forecasting", "--images-lock", str(lock), "--hardware", hardware, "--out", str(tmp_path)]
    assert CliRunner().invoke(main, command, catch_exceptions=False).exit_code == 0
    spec = yaml.safe_load((tmp_path / "forecasting.yaml").read_text())
    found = {executor["container"]["image"] for executor in spec["deploymentSpec"]["executors"].values()}
    assert found == {PUSHED[hardware]}


@pytest.mark.parametrize(
    ("kind", "said"), [("tpu", "names no tpu image by its digest"), ("dpu", "it has: cpu, gpu, tpu")]
)
def test_a_lock_without_a_digest_is_refused(lock: Path, kind: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        image_lock.read(lock, kind)


def test_without_a_lock_the_message_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make push REGISTRY="):
        image_lock.read(tmp_path / "absent.json", "cpu")


def test_a_tag_beside_caching_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        compilation.compile_pipeline(
            "forecasting", tmp_path / "f.yaml", image_names={"tandem-suite": "registry.example/tandem:latest"}
        )
    assert caught.value.problems == [
        "registry.example/tandem:latest (evaluate, explain, ingest, preprocess, register, train)"
    ]
    assert not (tmp_path / "f.yaml").exists()


@pytest.mark.parametrize(
    ("image", "cached", "good"), [("x:1", False, True), ("x:1", True, False), ("tandem-suite", True, True)]
)
def test_what_can_change_must_not_be_cached(image: str, cached: bool, good: bool) -> None:
    task = {"componentRef": {"name": "comp-a"}, "cachingOptions": {"enableCache": True} if cached else {}}
    spec = {
        "root": {"dag": {"tasks": {"group": {"componentRef": {"name": "comp-group"}}}}},
        "components": {"comp-a": {"executorLabel": "exec-a"}, "comp-group": {"dag": {"tasks": {"a": task}}}},
        "deploymentSpec": {"executors": {"exec-a": {"container": {"image": image}}}},
    }
    if good:
        image_lock.refuse_mutable(spec)
    else:
        with pytest.raises(InputError, match=r"x:1 \(a\)"):
            image_lock.refuse_mutable(spec)
