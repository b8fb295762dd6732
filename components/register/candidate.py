"""A model on its way into a registry: its files, and everything that will be said about it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from components.register.export import model_digest
from components.shared.files import digest_of_files

if TYPE_CHECKING:
    from components.register.config import RegisterConfig
    from components.register.evaluation import Evaluation
    from components.shared.artifacts import TrainedModel


@dataclass(frozen=True)
class Candidate:
    """What a registry needs to know.

    ``identity`` is equal for the same model with the same evaluation under the same name, so that registering again,
    after a retry or a crash, finds what is there. ``folders`` maps a folder's name in the registry to the folder to
    copy. ``champion`` says whether the model has earned that alias.
    """

    name: str
    identity: str
    folders: Mapping[str, Path]
    champion: bool
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    description: str

    @classmethod
    def of(
        cls,
        config: RegisterConfig,
        model: TrainedModel,
        evaluation: Evaluation,
        *,
        evaluation_path: Path,
        exported_path: Path,
    ) -> Self:
        """Gather a candidate from the artifacts of one run."""
        preprocessing, digest = model.preprocessing, model_digest(model)
        name = f"{config.name}-{preprocessing.horizon_name}"
        evidence = digest_of_files([evaluation_path / "metrics.json"])
        return cls(
            name=name,
            identity=hashlib.sha256(f"{name} {digest} {evidence}".encode()).hexdigest()[:16],
            folders={"model": model.path, "exported": exported_path, "evaluation": evaluation_path},
            champion=evaluation.verdict.beats,
            tags={
                **config.tags,
                "digest": digest,
                "source_digest": preprocessing.source_digest,
                "horizon": preprocessing.horizon_name,
                "kind": model.name,
                "verdict": evaluation.verdict.sentence,
                "beats": str(evaluation.verdict.beats).lower(),
                **{f"metric/{metric}": f"{value:.6g}" for metric, value in evaluation.scores.items()},
            },
            params=_params(model),
            metrics=evaluation.numbers,
            description=evaluation.verdict.sentence,
        )


def _params(model: TrainedModel) -> dict[str, str]:
    """The model's config and the shape of its data, flattened to dotted keys."""
    preprocessing = model.preprocessing
    data = {
        "lookback": preprocessing.lookback,
        "horizon": preprocessing.horizon,
        "features": len(preprocessing.features),
        "target": preprocessing.target.name,
        "target_transform": preprocessing.target.transform,
    }
    config = yaml.safe_load((model.path / "config.yaml").read_text(encoding="utf-8")) or {}
    return dict(_flat({"data": data, "train": config}))


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for key, value in values.items():
        flat += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", str(value))]
    return flat
