"""Which files and which installed packages a piece of Python code depends on, found by reading its imports.

Nothing is imported. A module inside a package brings its whole folder with it: data files beside code matter too.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

from local_runner import digests

_INSTALLED = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), sysconfig.get_path("stdlib")})
_DATA = {".py", ".yaml", ".yml", ".json", ".toml", ".sql", ".ini", ".html", ".css", ".js"}


@dataclass
class Closure:
    """Local files by digest, and versions of installed packages by import name."""

    files: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)


def of_source(source: str) -> Closure:
    """What a lightweight component's source depends on."""
    closure = Closure()
    _follow(_imports(ast.parse(source), ""), closure, set())
    return closure


def of_file(path: Path) -> Closure:
    """What a component file depends on: its package's folder and all that is imported from there."""
    closure, seen = Closure(), set[Path]()
    _take(path, closure, seen)
    return closure


def _follow(names: set[str], closure: Closure, seen: set[Path]) -> None:
    for name in sorted(names):
        top = name.partition(".")[0]
        if not top or top in sys.stdlib_module_names:
            continue
        home = _home(top)
        if home is None or str(home).startswith(_INSTALLED):
            closure.packages[top] = version(top)
            continue
        for path in _modules(home, name):
            _take(path, closure, seen)


def _take(path: Path, closure: Closure, seen: set[Path]) -> None:
    """Add a module's file, or its package's folder, and follow what is imported there."""
    unit = path.parent if (path.parent / "__init__.py").is_file() else path
    if unit in seen:
        return
    seen.add(unit)
    files = [path] if unit == path else sorted(f for f in unit.iterdir() if f.suffix in _DATA and f.is_file())
    for file in files:
        closure.files[_shown(file)] = digests.of_file(file)
        if file.suffix == ".py":
            _follow(_imports_of_file(file), closure, seen)


def _shown(file: Path) -> str:
    """``components/train/step.py``: the path inside its top package, the same on every machine."""
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return file.relative_to(folder).as_posix()


def _imports_of_file(file: Path) -> set[str]:
    parts, folder = list[str](), file.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    try:
        return _imports(ast.parse(file.read_text(encoding="utf-8")), ".".join(parts))
    except (SyntaxError, ValueError):  # it is digested all the same; running it will say what is wrong
        return set()


def _imports(tree: ast.AST, package: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


def _modules(home: Path, dotted: str) -> Iterator[Path]:
    """Files that importing ``dotted`` runs: each package's ``__init__.py`` on the way, and the module itself."""
    if home.is_file():
        yield home
        return
    folder = home
    if (folder / "__init__.py").is_file():
        yield folder / "__init__.py"
    for part in dotted.split(".")[1:]:
        if (folder / part).is_dir():
            folder = folder / part
            if (folder / "__init__.py").is_file():
                yield folder / "__init__.py"
        elif (folder / f"{part}.py").is_file():
            yield folder / f"{part}.py"
            return
        else:
            return


def _home(top: str) -> Path | None:
    """Folder of a top-level package, or file of a top-level module; None when there is none on the path."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.origin and spec.has_location else None


@cache
def version(package: str) -> str:
    """Installed version of the distribution that provides an import name, ``absent`` when there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        found = _distributions().get(package)
        return ", ".join(sorted(importlib.metadata.version(name) for name in set(found))) if found else "absent"


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())
