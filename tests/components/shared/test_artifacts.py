from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.shared.artifacts import Prepared, Table, TrainedModel, write_table
from components.shared.errors import ArtifactError
from components.shared.schema import Column, Role, Schema

SCHEMA = Schema(columns=(Column(name="day", dtype="date", role=Role.TIME), Column(name="price", dtype="float64")))


def batches(rows: int, size: int = 10) -> list[pa.RecordBatch]:
    table = pa.table({"day": pa.array(range(rows), pa.date32()), "price": np.arange(rows, dtype=float)})
    return table.to_batches(max_chunksize=size)


def test_a_table_is_sharded_and_reads_back_in_order(tmp_path: Path) -> None:
    table = write_table(tmp_path / "table", SCHEMA, batches(35), rows_per_shard=20)
    assert table.rows == 35
    assert table.shards == ("part-00000.parquet", "part-00001.parquet")
    assert Table.open(tmp_path / "table").read(["price"])["price"].to_pylist() == [float(i) for i in range(35)]


def test_an_empty_table_has_a_shard(tmp_path: Path) -> None:
    assert write_table(tmp_path / "table", SCHEMA, []).read().num_rows == 0


def test_a_failing_writer_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    write_table(tmp_path / "table", SCHEMA, batches(5))

    def broken() -> object:
        yield from batches(5)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_table(tmp_path / "table", SCHEMA, broken())
    assert Table.open(tmp_path / "table").rows == 5
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def test_equal_content_has_an_equal_digest(tmp_path: Path) -> None:
    first, second = (write_table(tmp_path / name, SCHEMA, batches(35)) for name in ("a", "b"))
    other = write_table(tmp_path / "c", SCHEMA, batches(36))
    assert first.digest == second.digest != other.digest


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    write_table(tmp_path / "table", SCHEMA, batches(5))
    (tmp_path / "table" / "part-00000.parquet").unlink()
    with pytest.raises(ArtifactError, match=r"part-00000\.parquet"):
        Table.open(tmp_path / "table")


def test_windows_are_the_rows_from_each_start(prepared_folder: Path) -> None:
    prepared = Prepared.open(prepared_folder)
    starts = prepared.starts("test")[[0, 5, -1]]
    windows = prepared.windows(starts)
    lookback = prepared.preprocessing.lookback
    assert windows.flags.c_contiguous
    for window, start in zip(windows, starts, strict=True):
        np.testing.assert_array_equal(window, prepared.features[start : start + lookback])


def test_a_forecast_inverts_the_label_from_the_origin(prepared_folder: Path, model_folder: Path) -> None:
    prepared, model = Prepared.open(prepared_folder), TrainedModel.open(model_folder)
    starts = prepared.starts("test")
    forecast = model.forecast(prepared, starts)
    label = model.predict(prepared.windows(starts)).astype(float)
    origin = prepared.targets[prepared.origins(starts)]
    np.testing.assert_allclose(forecast, origin + 2.0 * label, rtol=1e-12)


def test_an_empty_split_gives_an_empty_forecast(prepared_folder: Path, model_folder: Path) -> None:
    forecast = TrainedModel.open(model_folder).forecast(Prepared.open(prepared_folder), np.empty(0, dtype=np.int64))
    assert forecast.shape == (0,)


def test_a_truncated_array_is_an_artifact_error(prepared_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(prepared_folder, tmp_path / "prepared")
    (folder / "labels.npy").write_bytes((folder / "labels.npy").read_bytes()[:60])
    with pytest.raises(ArtifactError, match=r"labels\.npy cannot be read"):
        _ = Prepared.open(folder).labels
