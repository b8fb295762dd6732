"""Somebody else's compiled pipeline, with images, machines and loops of its own. No lazy annotations: see small.py."""

from pathlib import Path
from typing import List  # noqa: UP035

from kfp import compiler, dsl

IMAGE = f"us-docker.pkg.dev/p/r/x@sha256:{'1' * 64}"


@dsl.container_component
def big():
    return dsl.ContainerSpec(image=IMAGE, command=["python"], args=["x.py"])


@dsl.component(base_image=IMAGE)
def one(n: int) -> int:
    return n


@dsl.component(base_image=IMAGE)
def many() -> List[int]:  # noqa: UP006  KFP reads no other
    return [1]


@dsl.pipeline(name="theirs")
def theirs():
    big().set_accelerator_type("NVIDIA_TESLA_A100").set_accelerator_limit(8).set_cpu_limit("90")
    with dsl.ParallelFor([1, 2, 3, 4]) as n:
        one(n=n).set_memory_limit("50G")
    with dsl.ParallelFor(many().output) as n:
        one(n=n).set_accelerator_type("NVIDIA_TESLA_T4").set_accelerator_limit(8)


def write(path: Path) -> Path:
    compiler.Compiler().compile(theirs, str(path))
    return path
