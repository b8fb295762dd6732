"""Profiles: on what a pipeline's training runs. One YAML file each in ``pipelines/profiles``, or a path to your own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from components.shared.config import StrictModel, read_yaml, validate
from components.shared.errors import InputError
from pipelines.cloud import machines
from pipelines.experiments import unknown

FOLDER = Path(__file__).resolve().parent.parent / "profiles"


class Profile(StrictModel):
    """Where the training tasks run; the others run on ``others``.

    ``by`` is how Vertex AI gets the wish: ``task`` puts limits on the pipeline's task, ``custom_job`` wraps the
    component into a custom job, which alone knows several workers, Spot machines, TPU v5e and more than 96 CPUs.
    """

    description: str
    image: Literal["cpu", "gpu", "tpu"] = "cpu"
    by: Literal["task", "custom_job"] = "task"
    machine: str = "n1-standard-8"
    accelerator: str = ""
    accelerators: int = Field(default=0, ge=0)
    workers: int = Field(default=1, ge=1, le=64)
    spot: bool = False
    topology: str = ""
    """Of a TPU slice, for example ``2x2``."""
    disk: int = Field(default=100, ge=100, le=64_000)
    """Boot disk of a custom job, GB."""
    timeout: int = Field(default=24 * 3600, gt=0)
    """Seconds a custom job may take."""
    others: str = "e2-standard-4"
    """Machine of the tasks that do not train."""
    hours: float = Field(default=1.0, gt=0)
    """A guess at how long training takes, for the cost of a first run."""

    @property
    def chips(self) -> int:
        """Accelerators of all machines together."""
        return math.prod(map(int, self.topology.split("x"))) if self.topology else self.accelerators * self.workers

    @model_validator(mode="after")
    def _there_is_such_a_machine(self) -> Self:
        if found := problems(self):
            raise ValueError("; ".join(found))
        return self


def problems(profile: Profile) -> list[str]:
    """What Vertex AI would refuse about a profile, each with what to write instead."""
    found = machines.problems(
        profile.machine, profile.accelerator, profile.accelerators, topology=profile.topology, workers=profile.workers
    )
    found += [f"others: {problem}" for problem in machines.problems(profile.others, "", 0)]
    if profile.by == "task":
        wrapped = {"workers": profile.workers > 1, "spot": profile.spot, "topology": bool(profile.topology)}
        found += [f"{key}: only a custom job has this; write by: custom_job" for key, asked in wrapped.items() if asked]
        said = profile.model_fields_set
        found += [
            f"{key}: only a custom job has this; write by: custom_job" for key in ("disk", "timeout") if key in said
        ]
        found += machines.task_problems(profile.machine)
    if profile.accelerators and not profile.accelerator:
        found.append(
            f"accelerators: {profile.accelerators} of which kind? Write accelerator as well, or leave both out"
        )
    if profile.accelerator and profile.image != "gpu":
        found.append(f"image: expected gpu beside accelerator {profile.accelerator}, got {profile.image}")
    if profile.topology and profile.image != "tpu":
        found.append(f"image: expected tpu beside topology {profile.topology}, got {profile.image}")
    return found


def names() -> list[str]:
    """Names of the shipped profiles."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read(profile: str) -> Profile:
    """A profile by name, or by a path that ends in .yaml.

    Raises:
        InputError: there is none, or every problem of it.
    """
    path = Path(profile) if profile.endswith((".yaml", ".yml")) else FOLDER / f"{profile}.yaml"
    if path.parent == FOLDER and not path.is_file():
        raise InputError(f"{unknown('profile', profile, names())}, or a path that ends in .yaml")
    return validate(Profile, read_yaml(path))
