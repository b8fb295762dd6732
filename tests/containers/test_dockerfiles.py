"""What every Dockerfile must hold to, as far as its text shows; `make test-images` builds them."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("cpu", "gpu", "tpu", "serving")


def dockerfile(kind: str) -> str:
    return (ROOT / "containers" / f"{kind}.Dockerfile").read_text()


def stage(kind: str, name: str) -> str:
    """The text of one build stage."""
    found = re.search(rf"^FROM \S+ AS {name}$(.*?)(?=^FROM |\Z)", dockerfile(kind), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_all_images_stand_on_one_pinned_base() -> None:
    bases = {re.search(r"^ARG BASE_IMAGE=(\S+)$", dockerfile(kind), re.MULTILINE)[1] for kind in KINDS}  # type: ignore[index]
    assert len(bases) == 1
    assert re.fullmatch(r"docker\.io/library/python:3\.1[12]\.\d+-slim-\w+", bases.pop())


@pytest.mark.parametrize("kind", KINDS)
def test_the_environment_comes_from_the_hashed_lock_and_tools_stay_behind(kind: str) -> None:
    builder, runtime = stage(kind, "builder"), stage(kind, "runtime")
    lock = re.search(r"^ARG LOCK=(\S+)$", builder, re.MULTILINE)
    assert lock is not None
    assert (ROOT / "requirements" / f"{lock[1]}-py311.txt").is_file()
    assert builder.count("--require-hashes") == 2
    assert "--mount=type=cache" in builder
    assert not re.search(r"\b(pip|uv|apt-get|gcc)\b", runtime)
    assert "/opt/tools" not in runtime


@pytest.mark.parametrize("kind", KINDS)
def test_extras_are_those_of_the_project(kind: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = re.search(r'^ARG EXTRAS="([^"]*)"$', stage(kind, "builder"), re.MULTILINE)
    assert extras is not None
    assert set(extras[1].split()) <= set(project["optional-dependencies"])
    assert ("cpu" if kind == "serving" else kind) in extras[1].split()
    assert ("explain" in extras[1].split()) == (kind != "serving")  # the page of the stage, as it is on a laptop


@pytest.mark.parametrize("kind", KINDS)
def test_the_runtime_has_a_user_labels_and_the_components(kind: str) -> None:
    runtime = stage(kind, "runtime")
    assert re.search(r"^ARG UID=1000$", runtime, re.MULTILINE)
    assert re.findall(r"^USER (\S+)$", runtime, re.MULTILINE) == ["${UID}"]
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in runtime
    assert re.search(r"^COPY components components$", runtime, re.MULTILINE)
    assert ("kfp_config.ini" in runtime) == (kind != "serving")
    assert dockerfile(kind).rstrip().endswith("FROM runtime")  # what is built when no target is named


@pytest.mark.parametrize("kind", KINDS)
def test_packages_can_come_from_another_index(kind: str) -> None:
    builder = stage(kind, "builder")
    assert builder.index("ARG PIP_INDEX_URL\n") < builder.index("RUN ")
    for name in ("builder", "test"):
        text = stage(kind, name)
        assert text.index("ARG UV_DEFAULT_INDEX\n") < text.index("RUN ")


def test_hardware_is_said_in_the_environment() -> None:
    assert "NVIDIA_VISIBLE_DEVICES=all" in stage("gpu", "runtime")
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in stage("gpu", "runtime")
    assert "PJRT_DEVICE=TPU" in stage("tpu", "runtime")
    assert "HEALTHCHECK" in stage("serving", "runtime")
    assert 'ENTRYPOINT ["python", "-m", "components.serving"]' in stage("serving", "runtime")


def test_the_images_hold_every_component_that_a_compiled_file_names() -> None:
    listed = configparser.ConfigParser()
    listed.read(ROOT / "containers" / "kfp_config.ini")
    needed = set()
    for compiled in (ROOT / "pipelines" / "compiled").glob("*.yaml"):
        executors = yaml.safe_load(compiled.read_text())["deploymentSpec"]["executors"].values()
        containers = [executor["container"] for executor in executors if "container" in executor]
        needed |= {container["args"][-1] for container in containers if "tandem-suite" in container["image"]}
    assert needed
    assert needed <= set(listed["Components"])
    assert all((ROOT / file).is_file() for file in listed["Components"].values())


def rooms_under_test(kind: str, folder: Path, **arguments: str) -> list[str]:
    """The rooms whose tests the last step of the test stage runs: its own shell, with a ``python`` that says them."""
    shutil.copy(ROOT / "containers" / "kfp_config.ini", folder)
    (folder / "python").write_text('#!/bin/sh\nfor last; do :; done\necho "$last"\n')
    (folder / "python").chmod(0o755)
    default = re.search(r'^ARG STAGES="([^"]*)"$', stage(kind, "test"), re.MULTILINE)
    assert default is not None
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "STAGES": default[1], **arguments}
    script = re.findall(r"^RUN (.*?[^\\])$", stage(kind, "test"), re.MULTILINE | re.DOTALL)[-1]
    said = subprocess.run(["sh", "-c", script], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return [line.removeprefix("tests/components/") for line in said.stdout.splitlines()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_room_that_an_image_runs_is_tested_in_it(kind: str, tmp_path: Path) -> None:
    listed = configparser.ConfigParser()
    listed.read(ROOT / "containers" / "kfp_config.ini")
    suite = {Path(file).parts[1] for file in listed["Components"].values()}
    rooms = rooms_under_test(kind, tmp_path)
    assert sorted(rooms) == sorted({"serving", "scenario"} if kind == "serving" else suite)
    assert all((ROOT / "tests" / "components" / room).is_dir() for room in rooms)
    assert rooms_under_test(kind, tmp_path, STAGES="ingest train") == ["ingest", "train"]


def test_the_cloud_build_has_the_project_s_version() -> None:
    build = yaml.safe_load((ROOT / "containers" / "cloudbuild.yaml").read_text())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert build["substitutions"]["_VERSION"] == version
    assert {image.split("tandem-")[1].split(":")[0] for image in build["images"]} == set(KINDS)
    base = re.search(r"^ARG BASE_IMAGE=(\S+)$", dockerfile("cpu"), re.MULTILINE)
    assert base is not None
    assert build["substitutions"]["_BASE_IMAGE"] == base[1]
    # Where no public image is allowed, none is left that could not be named otherwise.
    assert {step["name"] for step in build["steps"]} == {"${_BUILDER}"}
    built = [step["args"] for step in build["steps"] if step["args"][0] == "build"]
    assert all("--build-arg=BASE_IMAGE=${_BASE_IMAGE}" in args for args in built)
    named = {step["id"] for step in build["steps"]}
    assert {wait for step in build["steps"] for wait in step.get("waitFor", [])} <= named
