from __future__ import annotations

from typing import Any

import pytest
from kfp.dsl import ClassificationMetrics

from local_runner.classification import confusion, drawings, roc


@pytest.fixture
def metrics() -> ClassificationMetrics:
    """Filled by KFP's own methods."""
    found = ClassificationMetrics()
    found.log_confusion_matrix(["down", "<up>"], [[8, 2], [1, 9]])
    found.log_roc_curve([1.0, 0.0, 0.5], [1.0, 0.0, 1.0], [0.0, 1.0, 0.5])
    return found


def test_what_kfp_logs_is_read_back(metrics: ClassificationMetrics) -> None:
    matrix, curve = confusion(metrics.metadata), roc(metrics.metadata)
    assert matrix is not None
    assert (matrix.labels, matrix.rows) == (("down", "<up>"), ((8.0, 2.0), (1.0, 9.0)))
    assert curve is not None
    assert curve.points == ((0.0, 0.0, 1.0), (0.5, 1.0, 0.5), (1.0, 1.0, 0.0))
    assert curve.area == pytest.approx(0.75)


def test_both_are_drawn_and_labels_are_escaped(metrics: ClassificationMetrics) -> None:
    matrix, curve = drawings(metrics.metadata)
    assert "&lt;up&gt;" in matrix
    assert "<up>" not in matrix
    assert "actual down, predicted down: 8 of 10 (80%)" in matrix
    assert "area under the curve 0.750" in curve


@pytest.mark.parametrize(
    "metadata",
    [
        {}, {"confusionMatrix": {}}, {"confusionMatrix": 3}, {"confidenceMetrics": [{"recall": 1}]},
        {"confidenceMetrics": [3]}, {"confusionMatrix": {"annotationSpecs": [{"displayName": "a"}], "rows": []}},
        {"confidenceMetrics": [{"recall": 7, "falsePositiveRate": 0}] * 2}, {"accuracy": 0.5},
        {"confusionMatrix": {"annotationSpecs": [{"displayName": "a"}], "rows": [{"row": [float("nan")]}]}},
    ],
    ids=["nothing", "no-labels", "number", "no-rate", "no-point", "no-rows", "outside", "other", "nan"],
)  # fmt: skip
def test_what_cannot_be_read_is_not_drawn(metadata: dict[str, Any]) -> None:
    assert drawings(metadata) == []


def test_a_matrix_of_many_classes_is_drawn_without_numbers() -> None:
    count = 60
    specs = [{"displayName": f"class {i}"} for i in range(count)]
    rows = [{"row": [int(i == j) for j in range(count)]} for i in range(count)]
    (drawn,) = drawings({"confusionMatrix": {"annotationSpecs": specs, "rows": rows}})
    assert drawn.count("<rect") == count * count
    assert "class 59" in drawn
    assert drawn.count("<text") == 1
