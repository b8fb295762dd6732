"""The explanations artifact: attributions in units people read, with what is needed to check them.

attributions.npy  float32 (samples, rows, features, steps)
predictions.npy   float64 (samples, steps), what is explained: ``base_values + attributions.sum() + residual``
residuals.npy     float64 (samples, steps), completeness gaps
inputs.npy        float32 (samples, rows, features), what the features were, NaN where a row ahead was not known
starts.npy        int64 (samples,), first row of each window in the prepared arrays
origins.npy       datetime64[us] (samples,), the day of each forecast
importance.csv    one row a feature, strongest first
manifest.json     axes, names along them, base values, unit, what the numbers mean, residual, method
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from components.explain import importance
from components.explain.attributions import joined_shape
from components.shared.errors import ArtifactError, InputError
from components.shared.files import new_folder, read_json, write_json

if TYPE_CHECKING:
    import shap
    from numpy.typing import NDArray

    from components.explain.attributions import Attributions
    from components.shared.artifacts import Prepared
    from components.shared.preprocessing import Preprocessing

MANIFEST_VERSION = 2
AXES = ("sample", "time", "feature", "horizon")
"""Axes of ``attributions.npy``; ``time`` runs from the oldest row of the window over its origin to the rows ahead."""
ARRAYS = ("attributions", "predictions", "residuals", "inputs", "starts", "origins")
WORDS = ("quantity", "unit", "residual", "method")

QUANTITIES = {
    "level": "{target}, {horizon} rows ahead",
    "difference": "change of {target} over {horizon} rows",
    "log_return": "log-return of {target} over {horizon} rows",
}
"""What a prediction is for each target transform: attributions add up to this, not always to the target itself."""


@dataclass(frozen=True)
class Explanation:
    """Attributions of forecasts; shapes and files are those of the module's docstring.

    ``rows`` are the places of the time axis, counted from the day of the forecast, 0; ``steps`` the rows ahead that are
    forecast. ``entities`` name the series of each sample of a panel and are empty otherwise. ``quantity`` says what is
    explained and ``unit`` in what unit all numbers are. ``residual`` is the share of ``sum|prediction - base_value|``
    that attributions miss. ``method`` holds how they were made.
    """

    attributions: NDArray[np.float32]
    predictions: NDArray[np.float64]
    residuals: NDArray[np.float64]
    inputs: NDArray[np.float32]
    starts: NDArray[np.int64]
    origins: NDArray[np.datetime64]
    features: tuple[str, ...]
    rows: tuple[int, ...]
    steps: tuple[int, ...]
    entities: tuple[str, ...]
    base_values: tuple[float, ...]
    quantity: str
    unit: str
    residual: float
    method: dict[str, Any]

    @classmethod
    def in_units(
        cls,
        found: Attributions,
        prepared: Prepared,
        starts: NDArray[np.int64],
        steps: Sequence[int],
        method: dict[str, Any],
    ) -> Self:
        """Undo the scaling of what is forecast, which is affine, so that attributions only need its scale.

        A log-return stays one, because its exponential does not divide into a sum over features.
        """
        manifest = prepared.preprocessing
        center, scale, quantity, unit = _measure(manifest)
        lookback, ahead = manifest.lookback, found.values.shape[1] - manifest.lookback
        origins = prepared.origins(starts)
        return cls(
            attributions=(found.values * scale).astype(np.float32),
            predictions=found.outputs * scale + center,
            residuals=found.residuals * scale,
            inputs=_raw_inputs(prepared, starts, ahead > 0),
            starts=np.asarray(starts),
            origins=np.asarray(prepared.times[origins]),
            features=tuple(manifest.feature_names),
            rows=tuple(range(1 - lookback, ahead + 1)),
            steps=tuple(steps),
            entities=tuple(manifest.entities[place].name for place in prepared.entity_of(origins))
            if manifest.entities
            else (),
            base_values=tuple((found.base_values * scale + center).tolist()),
            quantity=quantity,
            unit=unit,
            residual=found.relative_residual,
            method=method | {"nodes": found.nodes, "evaluations": found.evaluations},
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
                f"{folder}: expected manifest version {MANIFEST_VERSION}, got {manifest.get('version')}: "
                "run the explain stage again"
            )
        try:
            arrays: dict[str, Any] = {
                name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS
            }
            names: dict[str, Any] = {
                key: tuple(manifest[key]) for key in ("features", "rows", "steps", "entities", "base_values")
            }
            return cls(**arrays, **names, **{key: manifest[key] for key in WORDS})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{folder} is not an explanations artifact: {type(error).__name__}: {error}") from error

    @cached_property
    def importance(self) -> list[importance.Importance]:
        """Features by strength over all steps, see :func:`components.explain.importance.rank`."""
        return importance.rank(self.attributions, self.features)

    def summed(self, over: Iterable[str]) -> NDArray[np.float64]:
        """Attributions added up over axes, the others left in their order.

        Args:
            over: of ``sample``, ``time``, ``feature`` and ``horizon``.

        Raises:
            InputError: there is no such axis.
        """
        wanted = list(over)
        unknown = [name for name in wanted if name not in AXES]
        if unknown:
            raise InputError(f"explanations have the axes {', '.join(AXES)}, not {', '.join(unknown)}")
        return np.asarray(self.attributions.sum(axis=tuple(AXES.index(name) for name in wanted), dtype=np.float64))

    def grouped(self, groups: Mapping[str, Sequence[str]]) -> Self:
        """The same with features added up to groups; see :func:`components.explain.importance.members`."""
        return importance.grouped(self, groups)

    def place(self, step: int | None) -> int:
        """Position on the horizon axis of a forecast ``step`` rows ahead; of the last one without."""
        if step is None:
            return len(self.steps) - 1
        if step not in self.steps:
            raise InputError(f"step {step} was not explained: expected one of {', '.join(map(str, self.steps))}")
        return self.steps.index(step)

    def shap(self, *, step: int | None = None, over: str | None = "time") -> shap.Explanation:
        """One step as an object of the shap package, for its plots.

        Args:
            step: rows ahead; the last that was explained without.
            over: the axis to add up, ``time`` for (samples, features) with the newest values as data, ``feature`` for
                (samples, rows), or None for both.

        Raises:
            InputError: the package is not installed, or there is no such step or axis.
        """
        from components.explain import shap_package

        return shap_package.explanation(self, step=step, over=over)

    def write(self, path: str | Path) -> None:
        """Write the artifact; it appears only when complete."""
        with new_folder(path) as folder:
            for name in ARRAYS:
                np.save(folder / f"{name}.npy", getattr(self, name))
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
            "rows": list(self.rows),
            "steps": list(self.steps),
            "entities": list(self.entities),
            "base_values": list(self.base_values),
            **{key: getattr(self, key) for key in WORDS},
        }


def _measure(manifest: Preprocessing) -> tuple[float, float, str, str]:
    """Center and scale of what a model forecasts, what it is, and its unit."""
    target = manifest.target
    unit = target.unit or f"units of {target.name}"
    if manifest.predict != "label":
        own = manifest.features[0]
        return own.center, own.scale, f"{target.name}, up to {manifest.horizon} rows ahead", unit
    quantity = QUANTITIES[target.transform].format(target=target.name, horizon=manifest.horizon)
    return target.center, target.scale, quantity, "log-return" if target.transform == "log_return" else unit


def _raw_inputs(prepared: Prepared, starts: NDArray[np.int64], ahead: bool) -> NDArray[np.float32]:
    """Features of windows in their own units, and of the rows ahead those that are known: (samples, rows, features)."""
    names = ("window", "ahead") if ahead else ("window",)
    parts = list(prepared.inputs(starts, names).values())
    scaled = np.full((len(starts), *joined_shape(parts)), np.nan, dtype=np.float32)
    row = 0
    for part in parts:
        scaled[:, row : row + part.shape[1], scaled.shape[2] - part.shape[2] :] = part
        row += part.shape[1]
    centers, scales = np.array([(own.center, own.scale) for own in prepared.preprocessing.features]).T
    return np.asarray(scaled * scales + centers, dtype=np.float32)
