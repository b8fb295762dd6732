"""From what the user hands over to a compiled text, and the Python files that may hold its components' sources."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from local_runner.errors import UsageError

_MOST_FILES, _LARGEST = 200, 1 << 19


def compiled(pipeline: Any) -> tuple[str, list[Path]]:
    """Compiled text of a path, a pipeline function or a component, and files near it that may hold its sources.

    Raises:
        UsageError: the path cannot be read, or the object is none of these.
    """
    if isinstance(pipeline, (str, Path)):
        path = Path(pipeline)
        try:
            return path.read_text(encoding="utf-8"), [path.parent]
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {path}: {error}") from error
    from kfp import compiler
    from kfp.dsl.base_component import BaseComponent

    if not isinstance(pipeline, BaseComponent):
        raise UsageError(
            f"expected the path of a compiled file, a pipeline or a component, got {type(pipeline).__name__}"
        )
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(target))
        return target.read_text(encoding="utf-8"), list(_files_of(pipeline))


def _files_of(pipeline: Any) -> Iterator[Path]:
    """The files of a pipeline function and of everything its module has imported from the user's own files."""
    function: Callable[..., Any] | None = getattr(pipeline, "pipeline_func", getattr(pipeline, "python_func", None))
    if function is None:
        return
    used = [function, *(getattr(value, "python_func", value) for value in function.__globals__.values())]
    names = {str(getattr(value, "__module__", None) or "") for value in used}
    yield Path(function.__code__.co_filename)
    for name in sorted(names):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and "site-packages" not in file:
            yield Path(file)


def candidates(hints: Sequence[Path]) -> tuple[Path, ...]:
    """Python files worth looking at, hinted files first, then those in hinted folders and the current one."""
    found: dict[Path, None] = {hint: None for hint in hints if hint.is_file()}
    for folder in [*(hint for hint in hints if hint.is_dir()), Path.cwd()]:
        for pattern in ("*.py", "*/*.py"):
            for path in folder.glob(pattern):
                if len(found) < _MOST_FILES and path.stat().st_size < _LARGEST:
                    found[path] = None
    return tuple(found)
