"""A compiled pipeline of two tasks that can succeed, fail or hang. No lazy annotations: KFP cannot read them."""

from pathlib import Path

from kfp import compiler, dsl

DIGEST = "sha256:" + "a" * 64


@dsl.component(base_image="python:3.11")
def add(a: int, b: int) -> int:
    return a + b


@dsl.component(base_image="python:3.11")
def work(n: int, how: str) -> str:
    import time

    if how == "fail":
        raise ValueError(f"no good came of {n}")
    time.sleep(30 if how == "hang" else 0)
    return how


@dsl.pipeline(name="small")
def small(a: int = 1, how: str = "succeed") -> str:
    return work(n=add(a=a, b=2).output, how=how).output


def write(path: Path) -> Path:
    """Compile it, with the digest that an image needs."""
    compiler.Compiler().compile(small, str(path))
    path.write_text(path.read_text().replace("image: python:3.11", f"image: python@{DIGEST}"))
    return path
