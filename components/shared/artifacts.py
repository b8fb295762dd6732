"""Layout of the artifact folders that stages hand to each other. Readers read manifests, not file names by convention.

table       part-*.parquet, schema.json
prepared    features.npy labels.npy targets.npy times.npy starts-<split>.npy, preprocessing.json
model       model.keras (or model.json of XGBoost, or the folder members of an ensemble), config.yaml,
            preprocessing.json, history.csv, environment.json, signature.json, residuals.json
forecasts   a table: origin, time, truth, then one column a forecaster; with an entity for a panel, a step for paths
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from components.shared.boosted import BoostedTrees, WindowColumns
from components.shared.errors import ArtifactError, InputError
from components.shared.files import digest_of_files, new_folder, read_json, write_json
from components.shared.preprocessing import Preprocessing
from components.shared.schema import Schema

if TYPE_CHECKING:
    import pyarrow as pa
    from keras import Model
    from numpy.typing import NDArray

    Inputs = Mapping[str, NDArray[np.float32]]
    """What a model is fed, by input name: ``window``, and ``ahead`` where it takes features known ahead."""

MANIFEST_VERSION = 1
MODEL_FILES = {"keras": "model.keras", "xgboost": "model.json", "ensemble": "members"}
"""What holds the model itself, by the framework it is made with."""


@dataclass(frozen=True)
class Table:
    """A sharded Parquet table with its schema, row count and content digest."""

    path: Path
    schema: Schema
    rows: int
    digest: str
    shards: tuple[str, ...]

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a table artifact by its manifest ``schema.json``.

        Raises:
            ArtifactError: the manifest or a shard is missing.
        """
        folder = Path(path)
        manifest = read_json(folder / "schema.json")
        try:
            table = cls(
                path=folder,
                schema=Schema.model_validate({"columns": manifest["columns"]}),
                rows=manifest["rows"],
                digest=manifest["digest"],
                shards=tuple(manifest["shards"]),
            )
        except (KeyError, ValueError) as error:
            raise ArtifactError(f"{folder / 'schema.json'} is not a table manifest: {error}") from error
        absent = [name for name in table.shards if not (folder / name).is_file()]
        if absent:
            raise ArtifactError(f"{folder}: the manifest names shards that are absent: {', '.join(absent)}")
        return table

    def batches(self, columns: list[str] | None = None, batch_rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Record batches in row order, of ``columns`` only; memory is bounded by a batch."""
        import pyarrow.parquet as pq

        for name in self.shards:
            # Pre-buffering, the default, reads a whole shard into memory before its first batch.
            with pq.ParquetFile(self.path / name, pre_buffer=False) as shard:
                # Decoded by threads it costs a quarter more CPU at the same speed, and each keeps memory of its own.
                yield from shard.iter_batches(batch_size=batch_rows, columns=columns, use_threads=False)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """The whole table in memory; for tables known to be small (forecasts, explanations)."""
        import pyarrow as pa

        names = columns or self.schema.names
        return pa.Table.from_batches(self.batches(names), schema=self.schema.select(names).arrow())


def write_table(
    path: str | Path, schema: Schema, batches: Iterable[pa.RecordBatch], *, rows_per_shard: int = 1_000_000
) -> Table:
    """Stream record batches into a table artifact; memory is bounded by a batch.

    Args:
        path: the artifact folder; it appears only when complete.
        schema: columns the batches have, in this order; batches are cast to its types.
        batches: record batches in row order.
        rows_per_shard: a new ``part-*.parquet`` starts after at least this many rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = schema.arrow()
    shards: list[str] = []
    rows = rows_in_shard = 0
    with new_folder(path) as scratch:
        writer: pq.ParquetWriter | None = None
        try:
            for batch in batches:
                if writer is None or rows_in_shard >= rows_per_shard:
                    if writer is not None:
                        writer.close()
                    shards.append(f"part-{len(shards):05d}.parquet")
                    writer, rows_in_shard = pq.ParquetWriter(scratch / shards[-1], arrow, compression="zstd"), 0
                writer.write_batch(batch.select(schema.names).cast(arrow))
                rows += batch.num_rows
                rows_in_shard += batch.num_rows
            if writer is None:
                shards.append("part-00000.parquet")
                writer = pq.ParquetWriter(scratch / shards[0], arrow)
                writer.write_table(pa.Table.from_batches([], schema=arrow))
        finally:
            if writer is not None:
                writer.close()
        manifest = {
            "version": MANIFEST_VERSION,
            "rows": rows,
            "shards": shards,
            "digest": digest_of_files([scratch / name for name in shards]),
            "columns": schema.model_dump(mode="json")["columns"],
        }
        write_json(scratch / "schema.json", manifest)
    return Table.open(path)


@dataclass(frozen=True)
class Prepared:
    """Arrays ready for windowing, memory-mapped; a batch of windows is one gather by start index.

    ``features`` float32 (rows, features), scaled. ``labels`` float32 (rows,), the scaled label of the window whose
    origin is that row, NaN where the future is unknown. ``targets`` float64 (rows,), original units. ``times``
    datetime64[us] (rows,).
    """

    path: Path
    preprocessing: Preprocessing

    @classmethod
    def open(cls, path: str | Path) -> Self:
        folder = Path(path)
        return cls(folder, Preprocessing.read(folder / "preprocessing.json"))

    def _array(self, name: str) -> NDArray[Any]:
        try:
            # Copy-on-write: a device may share these pages only if they can be written; the file itself never is.
            return np.load(self.path / f"{name}.npy", mmap_mode="c", allow_pickle=False)  # type: ignore[no-any-return]
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{self.path / name}.npy cannot be read: {error}") from error

    @cached_property
    def features(self) -> NDArray[np.float32]:
        return self._array("features")

    @cached_property
    def labels(self) -> NDArray[np.float32]:
        return self._array("labels")

    @cached_property
    def targets(self) -> NDArray[np.float64]:
        return self._array("targets")

    @cached_property
    def times(self) -> NDArray[np.datetime64]:
        return self._array("times")

    def starts(self, split: str) -> NDArray[np.int64]:
        """First rows of the windows of ``train``, ``validation`` or ``test``, ascending, shape (windows,)."""
        return self._array(f"starts-{split}")

    def origins(self, starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Last row of each window: the day the forecast is made."""
        return starts + (self.preprocessing.lookback - 1)

    def entity_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which entity of the manifest each row belongs to, shape of ``rows``; 0 for one series."""
        firsts = [entity.first for entity in self.preprocessing.entities] or [0]
        return np.searchsorted(firsts, rows, side="right") - 1

    def windows(self, starts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Gather windows: (n,) starts to a (n, lookback, features) array."""
        # One window is one contiguous block, so indexing the view by start is a single block copy a window.
        shape = (self.preprocessing.lookback, self.features.shape[1])
        return np.lib.stride_tricks.sliding_window_view(self.features, shape)[:, 0][starts]

    def ahead(self, starts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Features known ahead over the ``horizon`` rows after each window: (n,) starts to (n, horizon, known).

        Raises:
            InputError: some of those rows lie beyond the data, or beyond their entity's.
        """
        manifest = self.preprocessing
        first, last = starts + manifest.lookback, starts + manifest.lookback + manifest.horizon - 1
        stops = np.asarray([entity.last for entity in manifest.entities] or [len(self.features) - 1])
        beyond = last > stops[self.entity_of(self.origins(starts))]
        if beyond.any():
            raise InputError(
                f"{beyond.sum()} of {len(starts)} windows end less than {manifest.horizon} rows before the last row "
                f"of their series, so their features known ahead are not in {self.path}: forecast from earlier origins"
            )
        known = self.features[:, self.features.shape[1] - manifest.known :]
        blocks = np.lib.stride_tricks.sliding_window_view(known, (manifest.horizon, manifest.known))
        return np.asarray(blocks[:, 0][first])

    def inputs(self, starts: NDArray[np.int64], names: Iterable[str] = ("window",)) -> Inputs:
        """What a model takes, by input name; see :attr:`TrainedModel.input_names`."""
        gather = {"window": self.windows, "ahead": self.ahead}
        return {name: gather[name](starts) for name in names}

    def outcomes(self, starts: NDArray[np.int64]) -> NDArray[np.float32]:
        """What came of each window on the scale of :meth:`TrainedModel.predict`, shape (n,)."""
        origins = self.origins(starts)
        if self.preprocessing.predict == "label":
            return np.asarray(self.labels[origins])
        return np.asarray(self.features[origins + self.preprocessing.horizon, 0])


@dataclass(frozen=True)
class TrainedModel:
    """A trained model folder: the model's file with everything needed to feed it and to read its answer."""

    path: Path
    preprocessing: Preprocessing

    @classmethod
    def open(cls, path: str | Path) -> Self:
        folder = Path(path)
        if not any((folder / name).exists() for name in MODEL_FILES.values()):
            raise ArtifactError(f"{folder} holds no {' or '.join(MODEL_FILES.values())}: is it a model artifact?")
        return cls(folder, Preprocessing.read(folder / "preprocessing.json"))

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What the model takes and gives: ``kind``, ``inputs``, ``outputs``, and which output is the point forecast."""
        found: dict[str, Any] = read_json(self.path / "signature.json")
        return found

    @property
    def name(self) -> str:
        """Kind of the model, for example ``lstm``."""
        return str(self.signature["kind"])

    @property
    def framework(self) -> str:
        """What the model is made with: a key of :data:`MODEL_FILES`."""
        return str(self.signature.get("framework", "keras"))

    @property
    def files(self) -> list[Path]:
        """The files that decide what the model answers."""
        own = [self.path / name for name in ("preprocessing.json", "signature.json")]
        if self.framework == "ensemble":
            return [*(file for member in self.members.values() for file in member.files), *own]
        return [self.path / MODEL_FILES[self.framework], *own]

    @cached_property
    def keras(self) -> Model:
        """The Keras model, loaded with ``safe_mode`` on and without its optimizer.

        Raises:
            ArtifactError: this model is made with something else.
        """
        if self.framework != "keras":
            raise ArtifactError(f"{self.path} is a model of {self.framework}, not a network of Keras")
        import keras

        from components.shared import layers  # noqa: F401  importing registers what the file may hold

        loaded = keras.saving.load_model(self.path / "model.keras", compile=False, safe_mode=True)
        return loaded

    @cached_property
    def trees(self) -> BoostedTrees:
        """The boosted trees with the columns they take.

        Raises:
            ArtifactError: this model is made with something else.
        """
        if self.framework != "xgboost":
            raise ArtifactError(f"{self.path} is a model of {self.framework}, not boosted trees of XGBoost")
        columns = WindowColumns.read(self.signature["columns"])
        return BoostedTrees.load(self.path / MODEL_FILES["xgboost"], columns, self.point)

    @cached_property
    def weights(self) -> dict[str, float]:
        """Weight of each member of an ensemble by name; empty for any other model."""
        return {name: float(weight) for name, weight in self.signature.get("weights", {}).items()}

    @cached_property
    def members(self) -> dict[str, TrainedModel]:
        """The models an ensemble is made of, by name; empty for any other model."""
        return {name: TrainedModel.open(self.path / MODEL_FILES["ensemble"] / name) for name in self.weights}

    @property
    def point(self) -> int:
        """Which of the numbers that describe a forecast is its point: a median, or a mean."""
        return int(self.signature.get("distribution", {}).get("point", 0))

    @property
    def input_names(self) -> list[str]:
        """What the model takes, of ``window`` and ``ahead``; an ensemble takes what any member takes."""
        if self.framework == "ensemble":
            return list(dict.fromkeys(name for member in self.members.values() for name in member.input_names))
        return list(self.signature.get("inputs", ("window",)))

    @cached_property
    def point_model(self) -> Model:
        """The Keras model with one output, the point forecast at the horizon: its inputs to (n, 1)."""
        import keras

        output = self.keras.outputs[0]
        if self.preprocessing.predict != "label":
            output = output[:, -1, 0, :] if len(output.shape) == 4 else output[:, -1, :1]
        if output.shape[-1] > 1:
            from components.shared import layers

            output = layers.Pick(self.point, name="point")(output)
        unchanged = output is self.keras.outputs[0]
        return self.keras if unchanged else keras.Model(self.keras.inputs, output, name=self.name)

    def describe(self, windows: NDArray[np.float32] | Inputs, batch_size: int = 1024) -> NDArray[np.float32]:
        """All numbers that describe the target at the horizon, scaled: (n, parameters).

        A path is described by its last step; :meth:`forecast_path` gives all of them.

        Args:
            windows: (n, lookback, features), or each of :attr:`input_names` for models that take more.
            batch_size: windows a call of the model.

        Raises:
            InputError: the model takes more than it was given.
        """
        parts = [self._answer(batch) for batch in self._batches(windows, batch_size)]
        if not parts:
            return np.empty((0, 1), dtype=np.float32)
        if self.framework == "keras" and self.preprocessing.predict != "label":
            parts = [part[:, -1, 0] for part in parts]
        return np.concatenate([part.reshape(len(part), -1) for part in parts])

    def _batches(self, windows: NDArray[np.float32] | Inputs, batch_size: int) -> Iterator[Inputs]:
        inputs = windows if isinstance(windows, Mapping) else {"window": windows}
        missing = [name for name in self.input_names if name not in inputs]
        if missing:
            raise InputError(
                f"{self.path}: {self.name} also takes {', '.join(missing)}, the features known ahead over the horizon, "
                "which was not given; train it with model.covariates: past to do without"
            )
        for first in range(0, len(inputs["window"]), batch_size):
            yield {name: values[first : first + batch_size] for name, values in inputs.items()}

    def _answer(self, inputs: Inputs) -> NDArray[np.float32]:
        if self.framework == "xgboost":
            return self.trees.describe(inputs["window"])
        if self.framework == "ensemble":
            answers = [member.predict(inputs).astype(np.float64) for member in self.members.values()]
            mean = np.average(answers, axis=0, weights=list(self.weights.values()))
            return np.asarray(mean, dtype=np.float32)[:, None]
        names = self.input_names
        given = inputs["window"] if names == ["window"] else {name: inputs[name] for name in names}
        from keras import ops

        return np.asarray(ops.convert_to_numpy(self.keras(given, training=False)))

    def predict(self, windows: NDArray[np.float32] | Inputs, batch_size: int = 1024) -> NDArray[np.float32]:
        """Point forecasts of the target at the horizon, scaled: inputs as in :meth:`describe` to (n,)."""
        described = self.describe(windows, batch_size)
        return described[:, self.point] if len(described) else np.empty(0, dtype=np.float32)

    def forecast(self, prepared: Prepared, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Target at ``origin + horizon`` in original units for each window start, shape (n,)."""
        scaled = np.concatenate(
            [self.predict(inputs) for inputs in self._gathered(prepared, starts)] or [np.empty(0, dtype=np.float32)]
        )
        return self.preprocessing.invert(scaled, np.asarray(prepared.targets[prepared.origins(starts)]))

    def forecast_path(self, prepared: Prepared, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Target at each of the rows after the origin that the model forecasts, in original units, (n, steps).

        The last of them is :meth:`forecast`; a model of labels, or an ensemble, has only that.
        """
        if self.preprocessing.predict == "label" or self.framework != "keras":
            return self.forecast(prepared, starts)[:, None]
        parts = [np.empty((0, self.preprocessing.steps), dtype=np.float32)]
        for gathered in self._gathered(prepared, starts):
            for batch in self._batches(gathered, 1024):
                target = self._answer(batch)[:, :, 0]
                parts.append(target[..., self.point] if target.ndim == 3 else target)
        return self.preprocessing.invert(np.concatenate(parts), np.empty(0))

    def _gathered(self, prepared: Prepared, starts: NDArray[np.int64]) -> Iterator[Inputs]:
        for first in range(0, len(starts), 4096):
            yield prepared.inputs(starts[first : first + 4096], self.input_names)
