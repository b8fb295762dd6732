"""``--profile TASK``: a profile of one task in its folder."""

from __future__ import annotations

import cProfile
import io
import pstats
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KINDS = ("python", "tensorflow")
_LINES = 40


@contextmanager
def profiled(kind: str, folder: Path) -> Iterator[None]:
    """Profile a block.

    ``python`` writes ``profile.pstats`` and its top functions in ``profile.txt``; ``tensorflow`` writes a trace for
    TensorBoard into ``tensorflow_profile/``.
    """
    if kind == "tensorflow":
        import tensorflow as tf

        with tf.profiler.experimental.Profile(str(folder / "tensorflow_profile")):
            yield
        return
    profile = cProfile.Profile()
    profile.enable()
    try:
        yield
    finally:
        profile.disable()
        profile.dump_stats(folder / "profile.pstats")
        text = io.StringIO()
        pstats.Stats(profile, stream=text).sort_stats("cumulative").print_stats(_LINES)
        (folder / "profile.txt").write_text(text.getvalue(), encoding="utf-8")
