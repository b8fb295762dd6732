"""``--profile TASK``: a profile of one task in its folder, and how to look at it."""

from __future__ import annotations

import cProfile
import io
import pstats
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KINDS = ("python", "tensorflow")
_LINES = 40
_STATS, _TEXT, _TRACE = "profile.pstats", "profile.txt", "tensorflow_profile"


@contextmanager
def profiled(kind: str, folder: Path) -> Iterator[None]:
    """Profile a block, also one that fails.

    ``python`` writes ``profile.pstats`` and its top functions in ``profile.txt``; ``tensorflow`` writes a trace of its
    operations, and of the Python functions around them, into ``tensorflow_profile/``.
    """
    with _tensorflow(folder) if kind == "tensorflow" else _python(folder):
        yield


@contextmanager
def _tensorflow(folder: Path) -> Iterator[None]:
    import tensorflow as tf

    options = tf.profiler.experimental.ProfilerOptions(python_tracer_level=1)
    with tf.profiler.experimental.Profile(str(folder / _TRACE), options=options):
        yield


@contextmanager
def _python(folder: Path) -> Iterator[None]:
    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        profile.dump_stats(folder / _STATS)
        text = io.StringIO()
        pstats.Stats(profile, stream=text).sort_stats("cumulative").print_stats(_LINES)
        (folder / _TEXT).write_text(text.getvalue(), encoding="utf-8")


def where(folder: Path) -> list[str]:
    """What was left in a task's folder and the command that opens it, one line each."""
    out = []
    if (folder / _TEXT).is_file():
        out.append(f"{folder / _TEXT}  (all of it: python -m pstats {shlex.quote(str(folder / _STATS))})")
    if (folder / _TRACE).is_dir():
        command = f"tensorboard --logdir {shlex.quote(str(folder / _TRACE))}"
        out.append(f"{folder / _TRACE}  (look at it with: {command}; needs tensorboard-plugin-profile)")
    return out
