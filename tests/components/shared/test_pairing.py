from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.shared.artifacts import Prepared
from components.shared.errors import InputError
from components.shared.pairing import check_pair
from components.shared.preprocessing import Preprocessing


@pytest.fixture
def prepared(prepared_folder: Path) -> Preprocessing:
    return Prepared.open(prepared_folder).preprocessing


def changed(preprocessing: Preprocessing, **values: Any) -> Preprocessing:
    return preprocessing.model_copy(update=values)


def test_a_model_belongs_to_the_data_it_was_trained_on(prepared: Preprocessing) -> None:
    check_pair(Preprocessing.model_validate_json(prepared.model_dump_json()), prepared)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"lookback": 30}, "lookback: model 30, prepared 12", id="lookback"),
        pytest.param({"horizon": 63}, "horizon: model 63, prepared 7", id="horizon"),
        pytest.param({"source_digest": "sha256:x"}, "source digest: model sha256:x, prepared sha256:test", id="source"),
        pytest.param({"splits": {}}, "train origins: model none, prepared rows 11 to 249", id="splits"),
    ],
)
def test_another_value_is_named(prepared: Preprocessing, values: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        check_pair(changed(prepared, **values), prepared)


def test_another_target_is_named(prepared: Preprocessing) -> None:
    target = prepared.target.model_copy(update={"transform": "level", "scale": 1.5})
    with pytest.raises(InputError) as caught:
        check_pair(changed(prepared, target=target), prepared)
    assert caught.value.problems == [
        "target transform: model level, prepared difference",
        "target scale: model 1.5, prepared 2.0",
    ]


def test_features_that_differ_are_named(prepared: Preprocessing) -> None:
    first, *others = prepared.features
    renamed = changed(prepared, features=(first.model_copy(update={"name": "cost"}), *others))
    with pytest.raises(InputError) as caught:
        check_pair(renamed, prepared)
    assert caught.value.problems == [
        "features only the model has: cost",
        "features only the prepared data has: price",
    ]


def test_features_in_another_order_or_scale_are_named(prepared: Preprocessing) -> None:
    first, *others = prepared.features
    with pytest.raises(InputError, match="another order"):
        check_pair(changed(prepared, features=(*others, first)), prepared)
    with pytest.raises(InputError, match=r"scaled differently: price$"):
        check_pair(changed(prepared, features=(first.model_copy(update={"scale": 9.0}), *others)), prepared)


def test_every_difference_is_reported_at_once(prepared: Preprocessing) -> None:
    with pytest.raises(InputError) as caught:
        check_pair(changed(prepared, lookback=3, horizon=2, features=prepared.features[1:]), prepared)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "features only the prepared data has",
        "lookback",
        "horizon",
    ]
    assert caught.value.exit_code == 2
