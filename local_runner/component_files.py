"""Which file holds which containerized component: ``kfp_config.ini``, as KFP's executor in an image reads it."""

from __future__ import annotations

import configparser
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from local_runner.errors import UsageError, nearest

_INI = "kfp_config.ini"
_INSTALLED_PACKAGE = "components"


@dataclass(frozen=True)
class ComponentFiles:
    """Component functions by name, each with the file that defines it; ``origin`` is the file that says so."""

    files: Mapping[str, Path] = field(default_factory=dict)
    origin: str = ""

    def file(self, function: str) -> Path:
        """The file that defines a component function.

        Raises:
            UsageError: none is known, or the file is absent.
        """
        if function not in self.files:
            where = self.origin or f"no {_INI} found here, in a parent folder or beside the installed components"
            raise UsageError(
                f"component function {function!r} is not listed ({where}). {nearest(function, self.files)}."
                f" Point to its list with --components PATH/{_INI}"
            )
        path = self.files[function]
        if not path.is_file():
            raise UsageError(f"{self.origin} says that {function} is in {path}, which does not exist")
        return path


def find(explicit: Path | None = None) -> ComponentFiles:
    """Read the given ``kfp_config.ini``, or the nearest one: here, in a parent folder, beside the installed package.

    Raises:
        UsageError: the given file cannot be read or is not of that shape.
    """
    if explicit is not None:
        ini = explicit / _INI if explicit.is_dir() else explicit
        if not ini.is_file():
            raise UsageError(f"--components {explicit}: no {_INI} there")
        return _read(ini)
    return next((_read(ini) for ini in _candidates() if ini.is_file()), ComponentFiles())


def _candidates() -> Iterator[Path]:
    here = Path.cwd()
    roots = [here, *here.parents]
    installed = importlib.util.find_spec(_INSTALLED_PACKAGE)  # looks, does not import
    if installed is not None and installed.submodule_search_locations:
        roots.append(Path(next(iter(installed.submodule_search_locations))).parent)
    for root in roots:
        yield root / _INI
        yield root / "containers" / _INI


def _read(ini: Path) -> ComponentFiles:
    parser = configparser.ConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # function names keep their case
    try:
        parser.read(ini, encoding="utf-8")
        listed = dict(parser["Components"])
    except (configparser.Error, KeyError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{ini} cannot be read: expected a [Components] section of NAME = FILE lines ({error})"
        ) from error
    return ComponentFiles({name: _resolve(ini, value) for name, value in listed.items()}, str(ini))


def _resolve(ini: Path, value: str) -> Path:
    """Relative to the file's own folder, or to that folder's parent when the file lies in ``containers/``."""
    nearby = ini.parent.resolve() / value
    return nearby if nearby.is_file() else ini.parent.resolve().parent / value


def load(path: Path, function: str) -> Any:
    """The component object ``function`` of a file, imported under the file's real dotted name.

    Raises:
        UsageError: the file defines no such name.
    """
    module = _import(path)
    if not hasattr(module, function):
        raise UsageError(f"{path} defines no {function!r}")
    return getattr(module, function)


def dotted_name(path: Path) -> tuple[str, Path]:
    """``components.train.component`` and the folder to import it from, for a file in a package."""
    parts, folder = [path.stem], path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), folder


def _import(path: Path) -> ModuleType:
    name, folder = dotted_name(path)
    if "." not in name:
        # A lone file: several may be called component.py, so the module is named after its place.
        name = f"kfp_component_{path.stem}_{abs(hash(str(path))):x}"
    loaded = sys.modules.get(name)
    if loaded is not None and Path(loaded.__file__ or "") == path:
        return loaded
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    if "." in name:
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
