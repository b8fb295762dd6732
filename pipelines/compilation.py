"""Compile a graph to the one file that runs everywhere, byte for byte the same each time."""

from __future__ import annotations

import contextlib
import importlib
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from components.shared import files, images
from components.shared.errors import InputError
from pipelines import experiments, image_lock


def compile_pipeline(name: str, target: Path, *, image_names: Mapping[str, str] | None = None) -> Path:
    """Compile a pipeline, with its default experiment as default arguments.

    Args:
        name: a pipeline of :data:`pipelines.experiments.PIPELINES`; its graph is ``pipelines/<name>.py``.
        target: YAML file to write; it appears whole.
        image_names: what to put in place of the symbolic images of :mod:`components.shared.images`.

    Raises:
        InputError: the name is unknown, the default experiment is not valid, or the graph takes what it does not have.
    """
    text = _with_images(compiled_text(name), image_names or {})
    with files.new_file(target) as scratch_file:
        scratch_file.write_text(text, encoding="utf-8")
    return target


def compiled_text(name: str) -> str:
    """What compiling gives now, with symbolic images; see :func:`compile_pipeline`."""
    from kfp import compiler

    experiment = experiments.resolve(name)
    graph = getattr(importlib.import_module(f"pipelines.{name}"), name)
    _refuse_missing_sections(name, graph.component_spec.inputs or {}, experiment.arguments)
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
        draft = Path(scratch) / f"{name}.yaml"
        compiler.Compiler().compile(graph, str(draft), pipeline_parameters=experiment.arguments)
        return draft.read_text(encoding="utf-8")


def _refuse_missing_sections(name: str, inputs: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Say it while compiling, not to the first who runs it: nobody could give such a parameter in a config."""
    model = f"{experiments.PIPELINES[name].experiment.__name__} in pipelines/experiments.py"
    absent = [key for key, given in inputs.items() if not given.optional and key not in arguments]
    if absent:
        raise InputError([f"the graph of {name} takes {key}, for which {model} has no section" for key in absent])


def _with_images(text: str, image_names: Mapping[str, str]) -> str:
    valid = [images.BASE, images.SUITE]
    unknown = sorted(set(image_names) - set(valid))
    if unknown:
        raise InputError([experiments.unknown("image", name, valid) for name in unknown])
    for symbol, image in image_names.items():
        text = text.replace(f"image: {symbol}\n", f"image: {image}\n")
    if image_names:
        image_lock.refuse_mutable(yaml.safe_load(text))
    return text


def stale(names: list[str] | None = None) -> list[str]:
    """Names of the pipelines whose compiled file differs from what compiling gives now."""
    out = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in names or list(experiments.PIPELINES):
            fresh = compile_pipeline(name, Path(scratch) / f"{name}.yaml")
            golden = experiments.COMPILED / f"{name}.yaml"
            if not golden.is_file() or golden.read_bytes() != fresh.read_bytes():
                out.append(name)
    return out
