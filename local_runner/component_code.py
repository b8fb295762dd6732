"""A Python component's function, from where its code really is.

Containerized: the installed package. Lightweight: the source in the compiled file, compiled under the real file's name
and line numbers when that file is at hand and says the same, so that breakpoints hit and tracebacks point there.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from local_runner import component_files, freshness
from local_runner.component_files import ComponentFiles
from local_runner.errors import TaskError
from local_runner.job import Job
from local_runner.sources import candidates

_MODULE = "ephemeral_component"
_EPHEMERAL = f"{_MODULE}.py"


@dataclass
class ComponentCode:
    """Loads component functions.

    Attributes:
        files: where containerized components live.
        hints: files and folders where the originals of lightweight components may be.
        scratch: folder for the source of lightweight components whose file is not at hand.
    """

    files: ComponentFiles
    hints: tuple[Path, ...]
    scratch: Path
    _compiled: dict[tuple[str, str], CodeType] = field(default_factory=dict, repr=False)

    def function(self, job: Job) -> Any:
        """What KFP's executor is to execute for this job.

        Raises:
            UsageError: the component's file is not known.
            TaskError: the compiled file holds no function of that name.
        """
        _forget_carried()
        name = function_name(job.container)
        source = embedded_source(job.container)
        if source is None:
            return component_files.load(self.file(job, name), name)
        key = (source, name)
        if key not in self._compiled:
            self._compiled[key] = self._compile(source, name)
        # (dont_inherit below: this file's own __future__ must not turn the component's annotations into text.)
        # A fresh module a task, as in a fresh process: nothing left in globals or defaults reaches the next one.
        module = ModuleType(_MODULE)
        sys.modules[module.__name__] = module
        exec(self._compiled[key], module.__dict__)  # noqa: S102  (running the component's own code is the point)
        if name not in module.__dict__:
            raise TaskError(f"the compiled file's source for task {job.name} defines no function {name!r}")
        return module.__dict__[name]

    def file(self, job: Job, name: str) -> Path:
        """The file of a containerized component's function."""
        words = [str(word) for word in (*job.container.get("command", []), *job.container.get("args", []))]
        if "--component_module_path" in words:
            path = Path(words[words.index("--component_module_path") + 1])
            if path.is_file():
                return path.resolve()
        return self.files.file(name)

    def _compile(self, source: str, name: str) -> CodeType:
        tree = ast.parse(source)
        node = _definition(tree, name)
        original = _original(source, name, self.hints) if node else None
        if original is None or node is None:
            path = self.scratch / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
            return compile(source, str(path), "exec", dont_inherit=True)
        path, line = original
        ast.increment_lineno(node, line - _first_line(node))
        return compile(tree, str(path), "exec", dont_inherit=True)


def _forget_carried() -> None:
    """Modules inside an artifact that the last component carried with it: the next may carry others of those names."""
    folder = getattr(sys.modules.get(_MODULE), "__KFP_EMBEDDED_ASSET_DIR", None)
    if folder is not None:
        freshness.forget_under(folder)


def function_name(container: Any) -> str:
    """The value of ``--function_to_execute``."""
    words = [str(word) for word in (*container.get("command", []), *container.get("args", []))]
    return words[words.index("--function_to_execute") + 1]


def embedded_source(container: Any) -> str | None:
    """A lightweight component's source, None for a containerized one."""
    command = [str(word) for word in container.get("command", [])]
    return command[-1] if any(_EPHEMERAL in word for word in command[:-1]) else None


def _definition(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    return next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name), None)


def _first_line(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


_Found = tuple[Path, int]
_known: dict[tuple[str, str, tuple[Path, ...]], tuple[_Found | None, int]] = {}


def _original(source: str, name: str, hints: tuple[Path, ...]) -> _Found | None:
    """The file and line where the same function stands; looked for once a process unless that file changes."""
    key = (source, name, (*hints, Path.cwd()))
    if key in _known:
        found, then = _known[key]
        if found is None or _time(found[0]) == then:
            return found
    found = _find_original(source, name, candidates(hints))
    _known[key] = (found, _time(found[0]) if found else 0)
    return found


def _time(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


def _find_original(source: str, name: str, files: Sequence[Path]) -> _Found | None:
    node = _definition(ast.parse(source), name)
    if node is None:
        return None
    wanted = _text(source.splitlines(), node)
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
            if f"def {name}(" not in text:
                continue
            tree = ast.parse(text)
        except (OSError, ValueError, SyntaxError):  # an unreadable neighbour is simply not the original
            continue
        lines = text.splitlines()
        for found in ast.walk(tree):
            if isinstance(found, ast.FunctionDef) and found.name == name and _text(lines, found) == wanted:
                return path.resolve(), found.lineno
    return None


def _text(lines: list[str], node: ast.FunctionDef) -> str:
    body = lines[node.lineno - 1 : node.end_lineno]
    return textwrap.dedent("\n".join(line.rstrip() for line in body)).strip()
