"""Which device a run offers its tasks, and why."""

import io
from dataclasses import dataclass, field

import pytest
from kfp import dsl

from components.shared.device import CHOICES
from local_runner import device
from local_runner.progress import Progress


@dataclass
class Machine:
    """A machine of any kind."""

    of: tuple[str, str] = ("Linux", "x86_64")
    packages: dict[str, str] = field(default_factory=dict)
    gpus: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def system(self):
        return self.of

    def installed(self, distribution):
        return self.packages.get(distribution, "")

    def nvidia_gpus(self):
        return self.gpus


MAC = ("Darwin", "arm64")


@pytest.mark.parametrize(
    ("requested", "machine", "name", "reason"),
    [
        ("auto", Machine(), "cpu", "this machine shows no GPU"),
        ("", Machine(gpus=["L4"]), "cuda", "L4"),
        ("auto", Machine(gpus=["L4", "L4"], packages={"tensorflow": "2.19.1"}), "cuda", "2 × L4"),
        ("auto", Machine(gpus=["L4"], packages={"tensorflow-cpu": "2.19.1"}), "cpu",
         "the installed TensorFlow is the CPU build, which cannot use L4"),
        ("auto", Machine(gpus=["L4"], packages={"tensorflow-cpu": "2"}, environment={"KERAS_BACKEND": "torch"}), "cuda",
         "L4"),
        ("cuda", Machine(gpus=["L4"], environment={"CUDA_VISIBLE_DEVICES": "-1"}), "cpu",
         "cuda was asked for, but CUDA_VISIBLE_DEVICES hides L4"),
        ("auto", Machine(MAC, {"tensorflow-metal": "1.2.0"}), "metal", "tensorflow-metal 1.2.0 is installed"),
        ("metal", Machine(MAC), "cpu", "metal was asked for, but tensorflow-metal is not installed"),
        ("metal", Machine(), "cpu", "metal was asked for, but this machine shows no GPU"),
        ("cpu", Machine(gpus=["L4"]), "cpu", "asked for"),
        ("tpu", Machine(environment={"PJRT_DEVICE": "TPU"}), "tpu", "a TPU is attached"),
    ],
)  # fmt: skip
def test_the_best_device_is_chosen_and_a_missing_one_is_explained(requested, machine, name, reason):
    assert device.choose(requested, machine) == device.Choice(name, reason)


@dsl.component(base_image="python:3.11")
def settings() -> str:
    import os

    return os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] + " " + os.environ.get("CUDA_VISIBLE_DEVICES", "")


@dsl.component(base_image="python:3.11")
def fill(megabytes: int):
    _ = b"x" * (megabytes << 20)


@pytest.mark.parametrize(("asked", "seen"), [("", "true"), ("auto", "true"), ("cpu", "true -1")])
def test_memory_grows_on_demand_unless_gpus_are_hidden(execute, monkeypatch, asked, seen):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    @dsl.pipeline
    def pipeline() -> str:
        return settings().output

    assert execute(pipeline, device=asked).outputs["Output"].strip() == seen


def test_a_run_says_its_device_once_and_keeps_it(execute, tmp_path):
    from local_runner import api

    @dsl.pipeline
    def pipeline():
        settings()

    said = io.StringIO()
    shown = Progress(said)
    run = api.run(pipeline, root=tmp_path / "runs", observers=[shown], options=api.Options(device="cpu", cache=False))
    assert said.getvalue().count("device: cpu (asked for)\n") == 1
    assert (run.record.device, run.record.device_reason) == ("cpu", "asked for")
    assert run.record.machine


@pytest.mark.parametrize("parallel", [1, 2], ids=["in-process", "workers"])
def test_the_peak_of_memory_is_that_of_the_task_itself(execute, parallel):
    @dsl.pipeline
    def pipeline():
        large = fill(megabytes=300)
        fill(megabytes=1).after(large)

    run = execute(pipeline, parallel=parallel)
    large, small = (run.tasks[name].peak_memory for name in ("fill", "fill-2"))
    assert large > 300 << 20
    assert large - small > 200 << 20


def test_the_runner_offers_what_the_stages_take():
    assert device.DEVICES == CHOICES  # the runner imports no component
