from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kfp.dsl import Dataset

from components.preprocess.component import preprocess
from components.shared.artifacts import Prepared, Table


def test_the_component_takes_json_numbers_and_fills_in_metadata(
    values: dict[str, Any], write: Callable[..., Table], tmp_path: Path
) -> None:
    prepared = Dataset(uri=str(tmp_path / "prepared"))
    # A pipeline's parameters are JSON, where every number is a double.
    config = {"lookback": 12.0, "horizon": 9.0, "split": {"train": 0.6}}
    preprocess.python_func(table=Dataset(uri=str(write(values).path)), config=config, prepared=prepared)
    assert Prepared.open(prepared.path).preprocessing.lookback == 12
    assert prepared.metadata["horizon"] == 9
