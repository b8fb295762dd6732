"""Which files and which installed packages a piece of Python code depends on, found by reading its imports.

Nothing is imported. A module inside a package brings its whole folder with it: data files beside code matter too.
"""

from __future__ import annotations

import ast
import hashlib
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
_BODIES = ("body", "orelse", "finalbody")


@dataclass
class Closure:
    """Local files by digest, and versions of installed packages by import name."""

    files: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Module:
    """What is known of one local file: its digest and the dotted names that it imports."""

    digest: str
    imports: frozenset[str]


def of_source(source: str) -> Closure:
    """What a lightweight component's source depends on."""
    walk = _Walk()
    walk.follow(_imports(ast.parse(source), ""))
    return walk.closure


def of_file(path: Path) -> Closure:
    """What a component file depends on: its package's folder and all that is imported from there."""
    walk = _Walk()
    walk.take(path)
    return walk.closure


class _Walk:
    """One walk over imports: every name is looked up once, every package's folder read once."""

    def __init__(self) -> None:
        self.closure = Closure()
        self._names: set[str] = set()
        self._units: set[Path] = set()

    def follow(self, names: frozenset[str]) -> None:
        for name in sorted(names - self._names):
            self._names.add(name)
            top = name.partition(".")[0]
            if not top or top in sys.stdlib_module_names:
                continue
            home = _home(top)
            if home is None or str(home).startswith(_INSTALLED):
                self.closure.packages[top] = version(top)
                continue
            for path in _modules(home, name):
                self.take(path)

    def take(self, path: Path) -> None:
        """Add a module's file, or its package's folder, and follow what is imported there."""
        unit = path.parent if (path.parent / "__init__.py").is_file() else path
        if unit in self._units:
            return
        self._units.add(unit)
        files = [path] if unit == path else sorted(f for f in unit.iterdir() if f.suffix in _DATA and f.is_file())
        for file in files:
            module = _read(file)
            self.closure.files[_shown(file)] = module.digest
            self.follow(module.imports)


def _shown(file: Path) -> str:
    """``components/train/step.py``: the path inside its top package, the same on every machine."""
    return file.relative_to(_outside(file)).as_posix()


def _outside(file: Path) -> Path:
    """The folder that a file's top package lies in."""
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _read(file: Path) -> _Module:
    status = file.stat()
    return _read_as(file, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)  # the tasks of a pipeline share most of their files: none is parsed twice
def _read_as(file: Path, _mtime_ns: int, _size: int) -> _Module:
    if file.suffix != ".py":
        return _Module(digests.of_file(file), frozenset())
    content = file.read_bytes()
    try:
        package = ".".join(file.parent.relative_to(_outside(file)).parts)
        imports = _imports(ast.parse(content), package)
    except (SyntaxError, ValueError):  # it is digested all the same; running it will say what is wrong
        imports = frozenset()
    return _Module(hashlib.sha256(content).hexdigest(), imports)


def _imports(tree: ast.Module, package: str) -> frozenset[str]:
    names: set[str] = set()
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements, nested ones too. Expressions hold no import, and are most of a tree: they are left out."""
    for node in body:
        yield node
        for name in _BODIES:
            yield from _statements(getattr(node, name, []))
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from _statements(part.body)


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
