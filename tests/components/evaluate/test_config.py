from __future__ import annotations

import typing

import pytest

from components.evaluate import conformal, uncertainty_report
from components.evaluate.baselines import BASELINES, PHRASES
from components.evaluate.config import BaselineName, DecidingMetric, EvaluateConfig, UncertaintyConfig
from components.evaluate.metrics import IN_TARGET_UNITS, LABELS, PERCENT
from components.shared.errors import InputError


def test_the_default_compares_with_every_baseline() -> None:
    assert EvaluateConfig().baselines == tuple(BASELINES)


def test_every_name_the_config_allows_exists_and_can_be_spoken_of() -> None:
    assert set(typing.get_args(BaselineName)) == set(BASELINES) == set(PHRASES)
    assert set(typing.get_args(DecidingMetric)) < set(LABELS)
    assert set(LABELS) > (IN_TARGET_UNITS | PERCENT)
    methods = set(typing.get_args(UncertaintyConfig.model_fields["method"].annotation))
    assert methods == set(conformal.METHODS) == set(uncertainty_report.METHODS)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        pytest.param({"metrik": "rmse"}, "did you mean metric", id="unknown key"),
        pytest.param({"metric": "r2"}, "evaluate.metric", id="a metric where higher is better"),
        pytest.param({"baselines": ["drift"]}, "evaluate.baselines.0", id="unknown baseline"),
        pytest.param({"baselines": []}, "evaluate.baselines", id="nothing to beat"),
        pytest.param({"baselines": ["ridge", "ridge"]}, "named twice: ridge", id="repeated baseline"),
        pytest.param({"season": 0}, "evaluate.season", id="season of no rows"),
    ],
)
def test_a_bad_section_is_refused(section: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        EvaluateConfig.parse(section, section="evaluate")
