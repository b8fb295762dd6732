"""Profiles: each is valid, names real machines, and changes nothing but where tasks run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.shared.errors import InputError
from local_runner import plan
from pipelines import experiments
from pipelines.cloud import assembly, placement, profiles
from pipelines.cloud.settings import EXAMPLE, CloudSettings, read

CASES = [(pipeline, profile) for pipeline in experiments.PIPELINES for profile in profiles.names()]


@pytest.fixture(scope="module")
def settings() -> CloudSettings:
    return read(EXAMPLE)


@pytest.fixture(scope="module")
def compiled() -> dict[str, dict[str, Any]]:
    return {
        name: assembly.yaml_load((experiments.COMPILED / f"{name}.yaml").read_text()) for name in experiments.PIPELINES
    }


def pools(spec: dict[str, Any]) -> list[dict[str, Any]]:
    defined = spec["components"]["comp-train"]["inputDefinitions"]["parameters"]
    return defined["worker_pool_specs"]["defaultValue"] if "worker_pool_specs" in defined else []


@pytest.mark.parametrize(("pipeline", "profile"), CASES)
def test_both_targets_have_one_graph_whatever_the_profile(
    pipeline: str, profile: str, compiled: dict[str, dict[str, Any]], settings: CloudSettings
) -> None:
    plain = compiled[pipeline]
    for kubernetes in (False, True):
        placed = placement.place(plain, profiles.read(profile), settings.images, kubernetes=kubernetes)
        assert assembly.graph(placed) == assembly.graph(plain)
        assert placed["components"].keys() == plain["components"].keys()


@pytest.mark.parametrize("profile", profiles.names())
def test_the_local_runner_reads_the_same_plan_from_every_profile(
    profile: str, compiled: dict[str, dict[str, Any]], settings: CloudSettings
) -> None:
    placed = placement.place(compiled["forecasting"], profiles.read(profile), settings.images)
    read_plan, plain = (plan.parse(json.dumps(spec)) for spec in (placed, compiled["forecasting"]))
    assert read_plan.root == plain.root
    words = ("command", "args")
    for label, executor in plain.executors.items():
        container = read_plan.executors[label]["container"]
        # The wrapper has Vertex AI escape the executor's input once more.
        args = [word.replace("{{$.json_escape[1]}}", "{{$}}") for word in container["args"]]
        assert {"command": container["command"], "args": args} == {key: executor["container"][key] for key in words}


def test_an_accelerator_is_put_on_the_training_task_alone(
    compiled: dict[str, dict[str, Any]], settings: CloudSettings
) -> None:
    placed = placement.place(compiled["forecasting"], profiles.read("l4"), settings.images)
    containers = {label: each["container"] for label, each in placed["deploymentSpec"]["executors"].items()}
    assert containers["exec-train"]["resources"]["accelerator"]["type"] == "NVIDIA_L4"
    assert containers["exec-train"]["image"] == settings.images["gpu"]
    assert {containers[label]["image"] for label in containers if label != "exec-train"} == {settings.images["cpu"]}
    assert all("accelerator" not in containers[label]["resources"] for label in containers if label != "exec-train")


def test_workers_spot_and_tpu_go_by_the_custom_job(
    compiled: dict[str, dict[str, Any]], settings: CloudSettings
) -> None:
    spec = {
        name: placement.place(compiled["forecasting"], profiles.read(name), settings.images)
        for name in ("l4x4-workers", "h100x8-spot", "tpu-v5e-8", "a100x4")
    }
    assert [pool["replica_count"] for pool in pools(spec["l4x4-workers"])] == [1, 3]
    spot = spec["h100x8-spot"]["components"]["comp-train"]["inputDefinitions"]["parameters"]
    assert (spot["strategy"]["defaultValue"], spot["restart_job_on_worker_restart"]["defaultValue"]) == ("SPOT", True)
    (tpu,) = pools(spec["tpu-v5e-8"])
    assert tpu["machine_spec"] == {"machine_type": "ct5lp-hightpu-8t", "tpu_topology": "2x4"}
    assert tpu["container_spec"]["image_uri"] == settings.images["tpu"]
    assert pools(spec["a100x4"]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("machine: g2-standard-9", "unknown machine 'g2-standard-9': did you mean g2-standard-96?"),
        ("machine: g2-standard-8", "comes with its accelerators: write accelerator: NVIDIA_L4, accelerators: 1"),
        ("{image: gpu, machine: n1-standard-8, accelerator: NVIDIA_L4, accelerators: 1}", "takes no NVIDIA_L4"),
        ("{image: gpu, machine: g2-standard-8, accelerator: NVIDIA_L4, accelerators: 3}", "takes 1 NVIDIA_L4, not 3"),
        ("{image: tpu, machine: ct5lp-hightpu-4t, topology: 2x2}", "a task takes no TPU v5e; write by: custom_job"),
        ("{image: tpu, by: custom_job, machine: ct5lp-hightpu-4t}", "expected topology 2x2, got none"),
        ("{image: tpu, by: custom_job, machine: ct5lp-hightpu-4t, topology: 2x2, workers: 2}", "is one worker"),
        ("{machine: n1-standard-8, accelerator: TPU_V5_LITEPOD, accelerators: 4}", "by machine ct5lp-hightpu-1t|4t|8t"),
        ("{machine: n1-standard-8, workers: 2}", "workers: only a custom job has this"),
        ("{machine: n1-standard-8, spot: true}", "spot: only a custom job has this"),
        ("{image: gpu, machine: a3-highgpu-8g, accelerator: NVIDIA_H100_80GB, accelerators: 8}", "may ask for 96 CPUs"),
        ("{machine: g2-standard-8, accelerator: NVIDIA_L4, accelerators: 1}", "image: expected gpu"),
        ("{machine: n1-standard-8, timeout: 3600}", "timeout: only a custom job has this; write by: custom_job"),
        ("{machine: n1-standard-8, disk: 500}", "disk: only a custom job has this"),
        ("{machine: n1-standard-8, accelerators: 2}", "accelerators: 2 of which kind? Write accelerator as well"),
        ("{machin: n1-standard-8}", "unknown key machin: did you mean machine?"),
    ],
)  # fmt: skip
def test_a_profile_that_vertex_would_refuse_is_refused_when_it_is_read(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "mine.yaml"
    body = text if text.startswith("{") else "{" + text + "}"
    path.write_text("{description: mine, " + body[1:])
    with pytest.raises(InputError) as caught:
        profiles.read(str(path))
    assert expected in str(caught.value)


def test_an_unknown_profile_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown profile 'tpu-v5e-2': did you mean"):
        profiles.read("tpu-v5e-2")
