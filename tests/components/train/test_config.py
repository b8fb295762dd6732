from __future__ import annotations

import subprocess
import sys

import pytest

from components.shared.errors import InputError
from components.train.config import TrainConfig
from components.train.models import REGISTRY


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_every_registered_model_has_defaults(kind: str) -> None:
    assert TrainConfig.parse({"model": {"kind": kind}}).model.kind == kind


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"model": {"kind": "lstm", "unitz": [3]}}, "unknown key train.model.unitz: did you mean units?"),
        ({"model": {"kind": "lstmm"}}, "train.model.kind: unknown 'lstmm': did you mean lstm?"),
        ({"model": {"kind": "gru", "dropout": 1.5}}, "train.model.dropout: input should be less than 1 (got 1.5)"),
        ({}, "missing key train.model"),
        ({"model": {"kind": "gru"}, "schedule": {"kind": "cosin"}}, "train.schedule.kind: unknown 'cosin'"),
    ],
    ids=["key", "kind", "range", "missing", "schedule"],
)
def test_a_mistake_is_named_with_its_remedy(data: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        TrainConfig.parse(data, section="train")
    assert expected in str(caught.value)


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(InputError) as caught:
        TrainConfig.parse({"model": {"kind": "gru", "units": [0]}, "epoch": 3, "batch_size": -1}, section="train")
    assert len(caught.value.problems) >= 3


def test_reading_a_config_imports_no_framework() -> None:
    code = "import sys, components.train.config; print({'keras', 'tensorflow', 'kfp'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
