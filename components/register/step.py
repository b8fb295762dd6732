"""Register: export a model, prove the export, and give it a version and the aliases it earned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.register.candidate import Candidate
from components.register.evaluation import Evaluation
from components.register.export import export
from components.register.registry import Version, open_registry
from components.shared import progress
from components.shared.artifacts import Prepared, TrainedModel

if TYPE_CHECKING:
    from components.register.config import RegisterConfig


@dataclass(frozen=True)
class Registration:
    """A registered version, and what it was registered on."""

    version: Version
    digest: str
    verdict: str
    beats: bool
    max_difference: float

    @property
    def version_name(self) -> str:
        """Name and number, for example ``soybean-oil-1m/3``."""
        return f"{self.version.name}/{self.version.number}"

    def describe(self) -> dict[str, str | int | float | bool]:
        """Plain values for an artifact's metadata."""
        return {
            "name": self.version.name,
            "version": self.version.number,
            "aliases": ", ".join(self.version.aliases),
            "location": self.version.location,
            "digest": self.digest,
            "verdict": self.verdict,
            "beats": self.beats,
            "max_difference": self.max_difference,
        }


def run(
    config: RegisterConfig,
    prepared_path: str | Path,
    model_path: str | Path,
    evaluation_path: str | Path,
    exported_path: str | Path,
) -> Registration:
    """Export a model, check the export against it, and register both.

    The alias ``candidate`` always moves to the version; ``champion`` only when the evaluation's verdict says that the
    model beats the best baseline. Registering the same model with the same evaluation again finds the same version.

    Args:
        config: the ``register`` section.
        prepared_path: folder written by preprocess; hold-out windows check the export.
        model_path: folder written by train.
        evaluation_path: folder written by evaluate, holding ``metrics.json``.
        exported_path: folder to write, see :mod:`components.register.export`.

    Raises:
        InputError: the artifacts do not belong together, or no registry can be at the configured place.
        ExportError: the export does not answer like the model; nothing is registered.
        RegistryError: the registry cannot be read or written.
    """
    prepared, model = Prepared.open(prepared_path), TrainedModel.open(model_path)
    evaluation = Evaluation.read(evaluation_path)
    registry = open_registry(config.registry)
    difference = export(model, prepared, exported_path, tolerance=config.tolerance)
    progress.report("exported and checked", 1, 2, max_difference=difference)
    candidate = Candidate.of(
        config, model, evaluation, evaluation_path=Path(evaluation_path), exported_path=Path(exported_path)
    )
    version = registry.register(candidate)
    progress.report(f"registered as {', '.join(version.aliases)}", 2, 2)
    return Registration(
        version=version,
        digest=candidate.tags["digest"],
        verdict=evaluation.verdict.sentence,
        beats=evaluation.verdict.beats,
        max_difference=difference,
    )
