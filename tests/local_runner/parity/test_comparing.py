"""The rules by kind of file: what is within tolerance, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local_runner.parity.comparing import DIFFERENT, IDENTICAL, WITHIN, compare_artifact, compare_values

Write = Callable[[Path, float], Any]


def _json(path: Path, value: float) -> None:
    path.write_text(json.dumps({"mae": [1.0, value], "name": "lstm", "seconds": np.random.default_rng().random()}))


def _csv(path: Path, value: float) -> None:
    path.write_text(f"epoch,loss\n0,{value!r}\n")


def _npy(path: Path, value: float) -> None:
    np.save(path, np.array([1.0, value, np.nan], dtype=np.float64))


def _parquet(path: Path, value: float) -> None:
    pq.write_table(pa.table({"day": ["a", "b"], "forecast": [1.0, value]}), path)


def _html(path: Path, value: float) -> None:
    path.write_text(f"<p>mae {value!r}</p><img src='data:image/png;base64,{'A' * int(value)}'>")


KINDS: dict[str, Write] = {"json": _json, "csv": _csv, "npy": _npy, "parquet": _parquet}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize(("value", "how"), [(2.0, IDENTICAL), (2.000001, WITHIN), (2.01, DIFFERENT), (-2.0, DIFFERENT)])
def test_numbers_in_files(tmp_path: Path, kind: str, value: float, how: str) -> None:
    first, second = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    KINDS[kind](first, 2.0)
    KINDS[kind](second, value)
    (finding,) = compare_artifact("artifact", first, second)
    expected = WITHIN if kind == "json" and how == IDENTICAL else how  # its time never is the same twice
    assert finding.how == expected


def test_pages_have_the_same_words(tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"{name}.html" for name in "abc")
    _html(first, 2.0)
    _html(second, 3.0)
    third.write_text(first.read_text().replace("mae", "rmse"))
    assert compare_artifact("page", first, second)[0].how == WITHIN
    assert compare_artifact("page", first, third)[0].how == DIFFERENT


@pytest.mark.slow
@pytest.mark.parametrize(("change", "how"), [(0.0, WITHIN), (1e-7, WITHIN), (0.1, DIFFERENT)])
def test_networks_are_compared_by_their_weights(tmp_path: Path, change: float, how: str) -> None:
    import keras

    for name, added in (("a", 0.0), ("b", change)):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((4,), name="window"), keras.layers.Dense(3, name="dense")], name="net")
        model.set_weights([weights + added for weights in model.get_weights()])
        model.save(tmp_path / f"{name}.keras")
    (finding,) = compare_artifact("model", tmp_path / "a.keras", tmp_path / "b.keras")
    # The file holds the date it was saved on, so its bytes differ as soon as a second has passed.
    assert finding.how in ({how, IDENTICAL} if change == 0 else {how}), finding.detail


def test_files_of_an_unknown_kind_must_be_equal(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"1.0")
    (tmp_path / "b.bin").write_bytes(b"1.0000001")
    assert compare_artifact("artifact", tmp_path / "a.bin", tmp_path / "b.bin")[0].how == DIFFERENT


def test_folders_hold_the_same_files(tmp_path: Path) -> None:
    for side, names in (("a", "xy"), ("b", "xz")):
        (tmp_path / side).mkdir()
        for name in names:
            (tmp_path / side / name).write_text("1")
    found = {f.what: f.detail for f in compare_artifact("out", tmp_path / "a", tmp_path / "b") if f.how == DIFFERENT}
    assert found == {"out/y": "only in this process", "out/z": "only in the image"}


@pytest.mark.parametrize(
    ("first", "second", "good"),
    [
        ({"a": 1, "digest": "x"}, {"a": 1, "digest": "y"}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1, 2], [1, 2, 3], False),
        ({"a": True}, {"a": 1.5}, False),
        ({"a": "1"}, {"a": "2"}, False),
        (float("nan"), float("nan"), True),
    ],
    ids=["derived key", "key only there", "longer", "kind", "text", "nan"],
)
def test_values(first: Any, second: Any, good: bool) -> None:
    assert compare_values("value", first, second).good == good
