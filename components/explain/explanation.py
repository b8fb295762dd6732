"""The explanations artifact: attributions in units people read, with what is needed to check them.

attributions.npy  float32 (samples, lookback, features)
predictions.npy   float64 (samples,), what is explained; ``base_value + attributions.sum() + residual`` of the sample
residuals.npy     float64 (samples,), completeness gaps
starts.npy        int64 (samples,), first row of each window in the prepared arrays
importance.csv    one row a feature, strongest first
manifest.json     axes, feature names, base value, unit, what the numbers mean, residual, method
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from components.explain import importance
from components.shared.errors import ArtifactError
from components.shared.files import new_folder, read_json, write_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from components.explain.attributions import Attributions
    from components.shared.preprocessing import Preprocessing

MANIFEST_VERSION = 1
AXES = ("sample", "time", "feature")
"""Axes of ``attributions.npy``; ``time`` runs from the oldest row of the window to its origin."""

QUANTITIES = {
    "level": "{target}, {horizon} rows ahead",
    "difference": "change of {target} over {horizon} rows",
    "log_return": "log-return of {target} over {horizon} rows",
}
"""What a prediction is for each target transform: attributions add up to this, not always to the target itself."""


@dataclass(frozen=True)
class Explanation:
    """Attributions of forecasts; shapes and files are those of the module's docstring.

    ``quantity`` says what is explained and ``unit`` in what unit all numbers are. ``residual`` is the share of
    ``sum|prediction - base_value|`` that attributions miss. ``method`` holds how they were made.
    """

    attributions: NDArray[np.float32]
    predictions: NDArray[np.float64]
    residuals: NDArray[np.float64]
    starts: NDArray[np.int64]
    features: tuple[str, ...]
    base_value: float
    quantity: str
    unit: str
    residual: float
    method: dict[str, Any]

    @classmethod
    def in_units(
        cls, found: Attributions, preprocessing: Preprocessing, starts: NDArray[np.int64], method: dict[str, Any]
    ) -> Self:
        """Undo the label's scaling: the label is affine in the quantity, so attributions only need its scale.

        A log-return stays one, because its exponential does not divide into a sum over features.
        """
        target = preprocessing.target
        words = {"target": target.name, "horizon": preprocessing.horizon}
        return cls(
            attributions=(found.values * target.scale).astype(np.float32),
            predictions=found.outputs * target.scale + target.center,
            residuals=found.residuals * target.scale,
            starts=starts,
            features=tuple(preprocessing.feature_names),
            base_value=found.base_value * target.scale + target.center,
            quantity=QUANTITIES[target.transform].format(**words),
            unit="log-return" if target.transform == "log_return" else target.unit or f"units of {target.name}",
            residual=found.relative_residual,
            method=method | {"nodes": found.nodes},
        )

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read an explanations artifact.

        Raises:
            ArtifactError: a file is absent or unreadable, or the manifest is of another version.
        """
        folder = Path(path)
        manifest = read_json(folder / "manifest.json")
        if manifest.get("version") != MANIFEST_VERSION:
            raise ArtifactError(
                f"{folder}: expected manifest version {MANIFEST_VERSION}, got {manifest.get('version')}"
            )
        try:
            arrays = {
                name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in ("attributions", "predictions", "residuals", "starts")
            }
            fields = {key: manifest[key] for key in ("base_value", "quantity", "unit", "residual", "method")}
            return cls(features=tuple(manifest["features"]), **arrays, **fields)
        except (OSError, ValueError, KeyError) as error:
            raise ArtifactError(f"{folder} is not an explanations artifact: {type(error).__name__}: {error}") from error

    @cached_property
    def importance(self) -> list[importance.Importance]:
        """Features by strength, see :func:`components.explain.importance.rank`."""
        return importance.rank(self.attributions, self.features)

    def write(self, path: str | Path) -> None:
        """Write the artifact; it appears only when complete."""
        with new_folder(path) as folder:
            np.save(folder / "attributions.npy", self.attributions)
            np.save(folder / "predictions.npy", self.predictions)
            np.save(folder / "residuals.npy", self.residuals)
            np.save(folder / "starts.npy", self.starts)
            with (folder / "importance.csv").open("w", newline="", encoding="utf-8") as stream:
                rows = csv.DictWriter(stream, fieldnames=["feature", "mean_abs", "share", "mean"], lineterminator="\n")
                rows.writeheader()
                rows.writerows(asdict(row) for row in self.importance)
            write_json(folder / "manifest.json", self._manifest())

    def _manifest(self) -> dict[str, Any]:
        return {
            "version": MANIFEST_VERSION,
            "axes": dict(zip(AXES, self.attributions.shape, strict=True)),
            "features": list(self.features),
            "quantity": self.quantity,
            "unit": self.unit,
            "base_value": self.base_value,
            "residual": self.residual,
            "method": self.method,
        }
