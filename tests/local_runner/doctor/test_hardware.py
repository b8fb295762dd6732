from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_runner.doctor import hardware
from local_runner.doctor.surroundings import Seen

Build = Callable[..., Any]
MISMATCH = "tensorflow-metal 1.2.0 cannot load with TensorFlow 2.20.0: pip install tensorflow==2.19.1"


def test_a_mac_is_told_with_its_chip_and_memory(here: Build, answer: Build) -> None:
    chip = {"family": "M2", "tier": "Max", "gpu_cores": 38}
    machine = here(
        system="Darwin", machine="arm64", cpus=12, seen={"tensorflow": answer(chip=chip, memory_bytes=64 * 2**30)}
    )
    told, advice = hardware.machine(machine)
    assert "arm64, 12 CPUs, Apple M2 Max with 38 GPU cores, 64 GiB of memory" in told.text
    assert "start with batch 32 to 256" in advice.text


def test_a_machine_no_backend_could_look_at_is_still_told(here: Build) -> None:
    (told,) = hardware.machine(here(seen={}))
    assert "Linux" in told.text


def test_the_mismatch_of_the_metal_plugin_is_a_problem_with_its_cure(here: Build, answer: Build) -> None:
    told, problem = hardware.backends(here(seen={"tensorflow": answer(problems=[MISMATCH])}))
    assert told.level == "ok"
    assert (problem.level, problem.text, problem.fix) == (
        "problem", "tensorflow-metal 1.2.0 cannot load with TensorFlow 2.20.0", "pip install tensorflow==2.19.1",
    )  # fmt: skip


def test_a_backend_nobody_uses_stops_nothing(here: Build, answer: Build) -> None:
    seen = {"tensorflow": answer(problems=[MISMATCH]), "torch": answer(accelerator="metal")}
    machine = here(environ={"KERAS_BACKEND": "torch"}, seen=seen, installed={"tensorflow": "2.20.0", "torch": "2.13.0"})
    findings = list(hardware.backends(machine))
    assert [found.level for found in findings] == ["ok", "warning", "ok"]
    assert "2.13.0, in use: computes on metal" in findings[-1].text


def test_a_backend_that_does_not_start_says_why(here: Build) -> None:
    (found,) = hardware.backends(here(seen={"tensorflow": Seen({}, "ImportError: dlopen failed")}))
    assert found.level == "problem"
    assert "does not start: ImportError: dlopen failed" in found.text


@pytest.mark.parametrize(
    ("chosen", "fix"),
    [("theano", "unset KERAS_BACKEND"), ("torch", "pip install 'tandem-pipelines[torch]', or: unset KERAS_BACKEND")],
)
def test_a_backend_that_is_not_there_is_a_problem(here: Build, chosen: str, fix: str) -> None:
    *_, found = hardware.backends(here(environ={"KERAS_BACKEND": chosen}))
    assert (found.level, found.fix) == ("problem", fix)


def test_the_settings_file_of_keras_is_read_where_the_shell_says_nothing(here: Build, tmp_path: Path) -> None:
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text('{"backend": "jax"}')
    assert here().keras_backend == "jax"
    assert here(environ={"KERAS_BACKEND": "torch"}).keras_backend == "torch"
    (tmp_path / ".keras" / "keras.json").write_text("no JSON")
    assert here().keras_backend == "tensorflow"


@pytest.mark.parametrize(
    ("environ", "level"),
    [
        ({}, "ok"),
        ({"OMP_NUM_THREADS": "8"}, "ok"),
        ({"OMP_NUM_THREADS": "64"}, "warning"),
        ({"TF_NUM_INTRAOP_THREADS": "all"}, "warning"),
    ],
    ids=["none", "as-many-as-there-are", "too-many", "no-number"],
)
def test_thread_settings_are_judged(here: Build, environ: dict[str, str], level: str) -> None:
    (found,) = hardware.threads(here(environ=environ))
    assert found.level == level
