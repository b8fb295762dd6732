"""Find the model to forecast with: a folder, or a version of the registry."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.register.config import MlflowConfig
from components.register.registry import open_registry
from components.shared.artifacts import TrainedModel
from components.shared.errors import InputError
from components.shared.files import digest_of_files, new_folder

if TYPE_CHECKING:
    from components.forecast.config import ModelChoice

REFERENCE = re.compile(r"^[a-z0-9][a-z0-9-]*(?:@[A-Za-z][\w-]*|/\d+)$")


@dataclass(frozen=True)
class Chosen:
    """A model folder, and what forecasts by it are called: ``soybean-oil-1m/3``, or kind and digest."""

    path: Path
    name: str


def find(choice: ModelChoice) -> Chosen:
    """The folder of a model.

    Raises:
        InputError: there is no such folder, model, alias or version.
    """
    folder = Path(_mounted(choice.source))
    if folder.exists():
        return Chosen(folder, name_of(TrainedModel.open(folder)))
    if not REFERENCE.match(choice.source):
        raise InputError(
            f"no model is at {choice.source}: expected a folder written by train, or a registered version such as "
            "soybean-oil-1m@champion or soybean-oil-1m/3"
        )
    registry = choice.registry
    if isinstance(registry, MlflowConfig) and not registry.database.is_file():
        raise InputError(f"{choice.source} names a registered version, but there is no registry at {registry.database}")
    version = open_registry(registry).find(choice.source)
    return Chosen(Path(version.location) / "model", f"{version.name}/{version.number}")


def name_of(model: TrainedModel) -> str:
    """Name of a model that has none from a registry: its kind and the start of its digest."""
    return f"{model.name}-{digest_of_files(model.files).removeprefix('sha256:')[:12]}"


def copy(choice: ModelChoice, path: str | Path) -> str:
    """Copy the chosen model into a folder of this run, so that what an alias means later changes nothing; its name."""
    chosen = find(choice)
    with new_folder(path) as scratch:
        shutil.copytree(chosen.path, scratch, dirs_exist_ok=True)
    return chosen.name


def _mounted(source: str) -> str:
    """Buckets are mounted as folders in the cloud."""
    return f"/gcs/{source.removeprefix('gs://')}" if source.startswith("gs://") else source
