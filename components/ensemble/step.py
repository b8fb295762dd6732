"""Ensemble: prepared arrays and several models in; one model out that is their weighted mean."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.ensemble import weights
from components.shared import files, progress
from components.shared.artifacts import MODEL_FILES, Prepared, TrainedModel
from components.shared.errors import InputError, TandemError
from components.shared.pairing import check_pair
from components.train import residuals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.ensemble.config import EnsembleConfig

MOST_MEMBERS = 8


@dataclass(frozen=True)
class Combination:
    """The weights and what they came to on the validation windows; losses are mean squared, of scaled labels.

    ``estimated`` are the least-squares weights, ``kept`` the share of them that few windows leave; all by member.
    """

    weights: dict[str, float]
    estimated: dict[str, float]
    kept: float
    val_loss: float
    member_losses: dict[str, float]

    def numbers(self) -> dict[str, float]:
        """Flat figures: ``<member>/weight``, ``<member>/val_loss``, ``val_loss``, ``kept``."""
        parts = {f"{name}/weight": weight for name, weight in self.weights.items()}
        parts |= {f"{name}/val_loss": loss for name, loss in self.member_losses.items()}
        return parts | {"val_loss": self.val_loss, "kept": self.kept}


def run(
    config: EnsembleConfig, prepared_path: str | Path, model_paths: Sequence[str | Path], ensemble_path: str | Path
) -> Combination:
    """Weigh models on the validation windows and write the model that is their weighted mean.

    Test windows are not looked at. Validation windows have also chosen each member's epoch or round, so its loss there
    is a little flattering for all members; that is one more reason to shrink.

    Args:
        config: the ``ensemble`` section.
        prepared_path: folder written by preprocess.
        model_paths: two to eight folders written by train, on these very arrays.
        ensemble_path: model folder to write; it holds copies of its members.

    Raises:
        InputError: too few or too many models, models of other data, ensembles among them, or no validation window.
        TandemError: a member answers something that is not a number.
    """
    prepared = Prepared.open(prepared_path)
    members = named([TrainedModel.open(path) for path in model_paths])
    check(members, prepared)
    starts = np.asarray(prepared.starts("validation"))
    truth = prepared.outcomes(starts).astype(np.float64)
    forecasts = np.stack([forecast(name, model, prepared, starts) for name, model in members.items()])
    # Entities of a panel tell the same story on the same day.
    days = len(np.unique(np.asarray(prepared.times)[prepared.origins(starts)]))
    kept = weights.trust(len(members), days, prepared.preprocessing.horizon, strength=config.shrinkage)
    found = combine(list(members), forecasts, truth, kept=kept)
    errors = truth - np.array(list(found.weights.values())) @ forecasts
    write(ensemble_path, config, members, found, errors)
    progress.report("combined", len(members), len(members), **found.weights)
    return found


def named(models: Sequence[TrainedModel]) -> dict[str, TrainedModel]:
    """Members by kind; several of one kind are numbered."""
    kinds = [model.name for model in models]
    names = [
        kind if kinds.count(kind) == 1 else f"{kind}_{kinds[: position + 1].count(kind)}"
        for position, kind in enumerate(kinds)
    ]
    return dict(zip(names, models, strict=True))


def check(members: dict[str, TrainedModel], prepared: Prepared) -> None:
    """Refuse what cannot be combined, all problems at once."""
    problems = []
    if not 2 <= len(members) <= MOST_MEMBERS:
        problems.append(f"an ensemble takes 2 to {MOST_MEMBERS} models, got {len(members)}")
    for name, model in members.items():
        if model.framework == "ensemble":
            problems.append(f"{model.path} is an ensemble itself: give its members instead")
            continue
        try:
            check_pair(model.preprocessing, prepared.preprocessing)
        except InputError as error:
            problems.append(f"{name}: {error}")
    if len(prepared.starts("validation")) == 0:
        problems.append(f"the validation split of {prepared.path} holds no windows to find weights on")
    if problems:
        raise InputError(problems)


def forecast(name: str, model: TrainedModel, prepared: Prepared, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Scaled labels (windows,) that a member forecasts; windows are gathered a block at a time."""
    blocks = (starts[first : first + 4096] for first in range(0, len(starts), 4096))
    answers = [model.predict(prepared.inputs(block, model.input_names)) for block in blocks]
    values = np.concatenate(answers).astype(np.float64)
    if not np.isfinite(values).all():
        raise TandemError(f"{name} answers NaN or infinity on validation windows: did its training diverge?")
    return values


def combine(
    names: Sequence[str], forecasts: NDArray[np.float64], truth: NDArray[np.float64], *, kept: float
) -> Combination:
    """Weigh members by their forecasts (members, windows) of ``truth`` (windows,), keeping a share of the estimate."""
    estimated = weights.least_squares(forecasts, truth)
    final = weights.shrunk(estimated, kept)
    losses = np.square(forecasts - truth).mean(axis=1)
    return Combination(
        weights=dict(zip(names, final.tolist(), strict=True)),
        estimated=dict(zip(names, estimated.tolist(), strict=True)),
        kept=kept,
        val_loss=float(np.square(final @ forecasts - truth).mean()),
        member_losses=dict(zip(names, losses.tolist(), strict=True)),
    )


def write(
    path: str | Path,
    config: EnsembleConfig,
    members: dict[str, TrainedModel],
    found: Combination,
    errors: NDArray[np.float64],
) -> None:
    """Write the model folder: copies of the members, a signature with their weights, and quantiles of the errors."""
    import yaml

    first = next(iter(members.values()))
    configs: dict[str, Any] = {
        name: yaml.safe_load((model.path / "config.yaml").read_text(encoding="utf-8"))
        for name, model in members.items()
    }
    with files.new_folder(path) as folder:
        for name, model in members.items():
            shutil.copytree(model.path, folder / MODEL_FILES["ensemble"] / name)
        first.preprocessing.write(folder / "preprocessing.json")
        residuals.write(folder, errors)
        settings = {"model": {"kind": "ensemble"}, "ensemble": config.model_dump(mode="json"), "members": configs}
        (folder / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        files.write_json(folder / "environment.json", {"python": sys.version.split()[0], "numpy": np.__version__})
        files.write_json(
            folder / "signature.json",
            {
                "kind": "ensemble",
                "framework": "ensemble",
                "weights": found.weights,
                "estimated": found.estimated,
                "kept": found.kept,
                "inputs": {
                    name: shape for model in members.values() for name, shape in model.signature["inputs"].items()
                },
                "outputs": {"forecast": [None, 1]},
                "distribution": {"kind": "point", "point": 0},
            },
        )
