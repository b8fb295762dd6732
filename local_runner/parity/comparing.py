"""Whether two artifacts are the same: byte by byte first, by numbers within a tolerance where bytes cannot agree."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_runner import digests

RELATIVE, ABSOLUTE = 1e-5, 1e-6
"""Largest difference of two numbers: RELATIVE of the larger one, or ABSOLUTE. Training sums float32 in an order that
depends on the threads it gets, so equal bytes cannot be asked of what it makes."""

TIMES = frozenset(["seconds", "windows_per_second", "created", "saved", "date_saved", "started", "finished"])
"""Keys whose numbers are times of the run itself."""
DERIVED = frozenset(["digest", "model_digest", "source_digest", "location", "path", "uri"])
"""Keys that follow from other content (its digest) or say where it lies; the content itself is compared."""


@dataclass(frozen=True)
class Finding:
    """What was found of one file or value: ``how`` is identical, within tolerance, not compared, or different."""

    what: str
    how: str
    detail: str = ""

    @property
    def good(self) -> bool:
        return self.how != DIFFERENT


IDENTICAL, WITHIN, UNCOMPARED, DIFFERENT = "identical", "within tolerance", "not compared", "different"


def compare_artifact(name: str, first: Path, second: Path) -> list[Finding]:
    """Compare two files or folders."""
    if first.is_file() and second.is_file():
        return [compare_file(name, first, second)]
    if not (first.is_dir() and second.is_dir()):
        shown = ["a folder" if p.is_dir() else "a file" if p.is_file() else "nothing" for p in (first, second)]
        if shown[0] == shown[1]:
            return [Finding(name, IDENTICAL, "no file, in either")]
        return [Finding(name, DIFFERENT, f"{shown[0]} and {shown[1]}")]
    ours, theirs = ({p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file()} for top in (first, second))
    found = [Finding(f"{name}/{file}", DIFFERENT, "only in this process") for file in sorted(ours - theirs)]
    found += [Finding(f"{name}/{file}", DIFFERENT, "only in the image") for file in sorted(theirs - ours)]
    return found + [compare_file(f"{name}/{file}", first / file, second / file) for file in sorted(ours & theirs)]


def compare_file(name: str, first: Path, second: Path) -> Finding:
    """Compare two files by the rule of their kind, unless their bytes agree already."""
    if digests.of_file(first) == digests.of_file(second):
        return Finding(name, IDENTICAL)
    rule = next((rule for ending, rule in RULES.items() if first.name.endswith(ending)), None)
    if rule is None:
        return Finding(name, DIFFERENT, "bytes differ, and files of this kind must not")
    try:
        return rule(name, first, second)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        return Finding(name, DIFFERENT, f"cannot be compared: {type(error).__name__}: {error}")


def compare_values(name: str, first: Any, second: Any) -> Finding:
    """Compare plain values, numbers within the tolerance."""
    problems = list(_value_differences("", first, second))
    if problems:
        return Finding(name, DIFFERENT, "; ".join(problems[:3]) + (f"; {len(problems)} in all" if problems[3:] else ""))
    return Finding(name, IDENTICAL if first == second else WITHIN)


def _value_differences(place: str, first: Any, second: Any) -> Iterator[str]:
    if place.rpartition(".")[2] in TIMES | DERIVED:
        return
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in sorted({*first, *second}, key=str):
            if key not in first or key not in second:
                yield f"{place}.{key} is only in {'the image' if key not in first else 'this process'}".lstrip(".")
            else:
                yield from _value_differences(f"{place}.{key}", first[key], second[key])
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for index, pair in enumerate(zip(first, second, strict=True)):
            yield from _value_differences(f"{place}[{index}]", *pair)
    elif _number(first) and _number(second):
        if not close(float(first), float(second)):
            yield f"{place.lstrip('.')}: {first!r} and {second!r}"
    elif first != second:
        yield f"{place.lstrip('.')}: {_short(first)} and {_short(second)}"


def close(first: float, second: float) -> bool:
    """Whether two numbers agree within the tolerance; NaN agrees with NaN."""
    both_nan = math.isnan(first) and math.isnan(second)
    return both_nan or math.isclose(first, second, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# -- rules by kind of file ---------------------------------------------------------------------------------------------


def _json(name: str, first: Path, second: Path) -> Finding:
    return compare_values(name, json.loads(first.read_bytes()), json.loads(second.read_bytes()))


def _csv(name: str, first: Path, second: Path) -> Finding:
    return compare_values(name, *([_cells(row) for row in csv.reader(p.open(newline=""))] for p in (first, second)))


def _cells(row: list[str]) -> list[Any]:
    return [_cell(text) for text in row]


def _cell(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _npy(name: str, first: Path, second: Path) -> Finding:
    import numpy as np

    ours, theirs = (np.load(path, mmap_mode="r", allow_pickle=False) for path in (first, second))
    return _arrays(name, ours, theirs)


def _arrays(name: str, first: Any, second: Any) -> Finding:
    import numpy as np

    if first.shape != second.shape or first.dtype != second.dtype:
        return Finding(name, DIFFERENT, f"{first.dtype}{first.shape} and {second.dtype}{second.shape}")
    if first.dtype.kind not in "fc":
        return Finding(name, IDENTICAL if np.array_equal(first, second) else DIFFERENT, "values differ")
    # float32 results are sums of many terms: the tolerance is of the array's size, not of each value's own.
    size = float(np.nanmax(np.abs(first), initial=0.0))
    differs = ~(np.isnan(first) & np.isnan(second)) & (first != second)
    largest = float(np.nanmax(np.where(differs, np.abs(first - second), 0), initial=0.0))
    good = not (np.isnan(first) ^ np.isnan(second)).any() and largest <= RELATIVE * size + ABSOLUTE
    return Finding(name, WITHIN if good else DIFFERENT, f"largest difference {largest:.3g} of values up to {size:.3g}")


def _parquet(name: str, first: Path, second: Path) -> Finding:
    import pyarrow.parquet as pq

    ours, theirs = pq.read_table(first), pq.read_table(second)
    if ours.schema != theirs.schema or ours.num_rows != theirs.num_rows:
        return Finding(name, DIFFERENT, f"{ours.num_rows} and {theirs.num_rows} rows, or other columns")
    if ours.equals(theirs):
        return Finding(name, WITHIN, "equal values in other bytes")
    for column in ours.column_names:
        found = compare_values(column, ours[column].to_pylist(), theirs[column].to_pylist())
        if not found.good:
            return Finding(name, DIFFERENT, f"column {column}: {found.detail}")
    return Finding(name, WITHIN)


def _keras(name: str, first: Path, second: Path) -> Finding:
    """A zip of config.json, metadata.json (with the date) and the weights."""
    with zipfile.ZipFile(first) as ours, zipfile.ZipFile(second) as theirs:
        if sorted(ours.namelist()) != sorted(theirs.namelist()):
            return Finding(name, DIFFERENT, "other members in the file")
        for member in ours.namelist():
            pair = ours.read(member), theirs.read(member)
            if member.endswith(".json"):
                found = compare_values(member, json.loads(pair[0]), json.loads(pair[1]))
            else:
                found = _weights(member, *pair)
            if not found.good:
                return Finding(name, DIFFERENT, f"{member}: {found.detail}")
    return Finding(name, WITHIN, found.detail)


def _weights(name: str, first: bytes, second: bytes) -> Finding:
    import h5py

    with h5py.File(io.BytesIO(first)) as ours, h5py.File(io.BytesIO(second)) as theirs:
        paths = _datasets(ours)
        if paths != _datasets(theirs):
            return Finding(name, DIFFERENT, "other weights in the file")
        for path in paths:
            found = _arrays(path, ours[path][()], theirs[path][()])
            if not found.good:
                return found
    return Finding(name, WITHIN, f"{len(paths)} arrays of weights agree")


def _datasets(file: Any) -> list[str]:
    import h5py

    found: list[str] = []
    file.visititems(lambda path, item: found.append(path) if isinstance(item, h5py.Dataset) else None)
    return sorted(found)


_IMAGE = re.compile(rb"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+")
_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def _page(name: str, first: Path, second: Path) -> Finding:
    """Text must be equal but for its numbers, and have as many pictures; what they show is in other artifacts."""
    ours, theirs = (_IMAGE.subn(b"", path.read_bytes()) for path in (first, second))
    if ours[1] != theirs[1]:
        return Finding(name, DIFFERENT, f"{ours[1]} and {theirs[1]} pictures")
    if _NUMBER.sub(b"#", ours[0]) != _NUMBER.sub(b"#", theirs[0]):
        return Finding(name, DIFFERENT, "the text differs")
    return Finding(name, WITHIN, "text equal but for numbers, pictures not compared")


def _environment(name: str, first: Path, second: Path) -> Finding:
    """Where something was made differs by nature between two places; what differs is worth showing all the same."""
    found = compare_values(name, json.loads(first.read_bytes()), json.loads(second.read_bytes()))
    return found if found.good else Finding(name, UNCOMPARED, f"says where it was made: {found.detail}")


def _graph(name: str, first: Path, second: Path) -> Finding:  # noqa: ARG001
    return Finding(name, UNCOMPARED, "TensorFlow writes graphs in no fixed order; register asks the export for answers")


def _checkpoint(name: str, first: Path, second: Path) -> Finding:
    """The variables of a SavedModel. Their names count up in no fixed order, so they are paired by shape and sum."""
    ours, theirs = (_variables(path) for path in (first, second))
    if [array.shape for array in ours] != [array.shape for array in theirs]:
        return Finding(name, DIFFERENT, "variables of other shapes")
    for number, pair in enumerate(zip(ours, theirs, strict=True)):
        found = _arrays(f"variable {number}", *pair)
        if not found.good:
            return Finding(name, DIFFERENT, f"a variable of shape {pair[0].shape}: {found.detail}")
    return Finding(name, WITHIN, f"{len(ours)} variables agree")


def _variables(index: Path) -> list[Any]:
    import numpy as np
    import tensorflow as tf

    checkpoint = tf.train.load_checkpoint(str(index.with_suffix("")))
    arrays = [np.asarray(checkpoint.get_tensor(name)) for name in checkpoint.get_variable_to_shape_map()]
    # The others are states of random numbers, which no forecast depends on.
    weights = [array for array in arrays if array.dtype.kind == "f"]
    return sorted(weights, key=lambda array: (array.shape, array.dtype.str, float(array.sum())))


def _in_index(name: str, first: Path, second: Path) -> Finding:  # noqa: ARG001
    return Finding(name, UNCOMPARED, "compared variable by variable, with variables.index")


RULES: dict[str, Callable[[str, Path, Path], Finding]] = {
    "environment.json": _environment,
    ".json": _json,
    ".csv": _csv,
    ".npy": _npy,
    ".parquet": _parquet,
    ".keras": _keras,
    ".html": _page,
    "variables.index": _checkpoint,
    "variables.data-00000-of-00001": _in_index,
    "saved_model.pb": _graph,
    "fingerprint.pb": _graph,
}
"""How files whose bytes differ are compared; those of any other kind must agree byte by byte."""
