"""The scripts beside the Dockerfiles: building, pushing, the part of a lock that an image needs, bills of materials."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
Script = Callable[[str], ModuleType]

LOCK = """# made by a tool
a-package==1.0 \\
    --hash=sha256:{a}
B.Package[extra]==2.0 ; python_version < "4" \\
    --hash=sha256:{b} \\
    --hash=sha256:{c}
""".format(a="a" * 64, b="b" * 64, c="c" * 64)


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_an_engine_is_told_what_it_needs(script: Script, engine: str) -> None:
    command = script("build").build_command(engine, "serving", base_image="localhost/base", test=False)
    assert command[0] == engine
    assert "containers/serving.Dockerfile" in command
    assert "BASE_IMAGE=localhost/base" in command
    assert ("docker" in command[1:]) == (engine != "docker")  # --format docker, without which there is no HEALTHCHECK
    assert command[command.index("--target") + 1] == "runtime"
    assert command[-1] == "."


def test_arguments_of_a_dockerfile_are_passed_on(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    command = script("build").build_command("docker", "cpu", build_args=["UID=0", "UV_DEFAULT_INDEX=https://pip.local"])
    assert [command[at + 1] for at, word in enumerate(command) if word == "--build-arg"][2:] == [
        "UID=0", "UV_DEFAULT_INDEX=https://pip.local",
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["build.py", "images", "--build-arg", "UID"])
    with pytest.raises(SystemExit) as ended:
        script("build").main()
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"docker": 0, "podman": 0}, "docker"),
        ({"docker": 1, "buildah": 0}, "buildah"),
        ({"docker": 1}, None),
        ({}, None),
    ],
    ids=["first", "no-daemon", "none-runs", "none"],
)
def test_the_first_engine_that_answers_is_taken(
    answers: dict[str, int], expected: str | None, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, code in answers.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    if expected:
        assert script("build").find_engine() == expected
        return
    with pytest.raises(SystemExit) as ended:
        script("build").find_engine()
    assert ("docker: installed, but not running" if answers else "none of docker, podman") in str(ended.value)


FAKE_PODMAN = """#!{python}
import sys
open({calls!r}, "a").write(" ".join(sys.argv[1:]) + chr(10))
if sys.argv[1] == "push":
    open(sys.argv[sys.argv.index("--digestfile") + 1], "w").write("sha256:" + "7" * 64)
"""


def test_pushing_writes_digests_that_compiling_reads(
    tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in of the engine: what is checked is the order of its commands, and the lock."""
    from pipelines import image_lock

    calls, engine = tmp_path / "calls", tmp_path / "podman"
    engine.write_text(FAKE_PODMAN.format(python=sys.executable, calls=str(calls)))
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    build, lock = script("build"), tmp_path / "images.lock.json"
    for kind in ("cpu", "gpu"):
        build.write_lock({kind: build.push("podman", kind, "registry.example/project/tandem")}, lock)
    assert [line.split()[0] for line in calls.read_text().splitlines()] == ["tag", "push"] * 2
    digest = "sha256:" + "7" * 64
    assert image_lock.read(lock, "gpu")["tandem-suite"] == f"registry.example/project/tandem/tandem-gpu@{digest}"
    assert set(json.loads(lock.read_text())["images"]) == {"cpu", "gpu"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["images", "cpuu"], "unknown image cpuu"),
        (["push"], "make push REGISTRY="),
        (["push", "--registry", "A b"], "expected"),
    ],
)
def test_wrong_arguments_end_with_2(arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "podman").write_text("#!/bin/sh\n")
    (tmp_path / "podman").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [sys.executable, str(ROOT / "containers" / "build.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_lock_is_split_into_packages_with_their_hashes(script: Script) -> None:
    found = script("select_packages").entries(LOCK)
    assert list(found) == ["a-package", "b-package"]
    assert found["b-package"].count("--hash=") == 2
    assert LOCK.endswith("".join(found.values()))


def test_a_bill_lists_every_package_of_a_lock(script: Script) -> None:
    sbom = script("sbom")
    project = {"name": "tandem-pipelines", "version": "1.2.3", "license": "Apache-2.0"}
    bill = sbom.bill("linux-cpu-py311", LOCK, project)
    assert [component["purl"] for component in bill["components"]] == [
        "pkg:pypi/a-package@1.0",
        "pkg:pypi/b-package@2.0",
    ]
    assert [len(component["hashes"]) for component in bill["components"]] == [1, 2]
    assert bill == sbom.bill("linux-cpu-py311", LOCK, project)
    assert bill["serialNumber"] != sbom.bill("linux-cpu-py311", LOCK.replace("1.0", "1.1"), project)["serialNumber"]


@pytest.mark.parametrize("lock", sorted(path.stem for path in (ROOT / "requirements").glob("*-py3*.txt")))
def test_every_lock_has_a_bill_with_as_many_packages(script: Script, lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    found = list(script("sbom").packages(text))
    assert len(found) == len(script("select_packages").entries(text)) > 100
    assert all(hashes for _, _, hashes in found)
