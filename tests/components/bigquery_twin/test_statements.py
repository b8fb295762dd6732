from __future__ import annotations

import re
from typing import Any

import pytest

from components.bigquery_twin import statements
from components.bigquery_twin.config import TwinConfig
from components.shared.errors import InputError
from components.train.models.dart import DartConfig

TWIN = TwinConfig(project="my-project", dataset="market", name="twin")
COLUMNS = ["x0", "x1"]


def options_of(sql: str) -> dict[str, str]:
    """Options as written, by name."""
    inside = re.search(r"OPTIONS \((.*?)\n\)\nAS\n", sql, re.DOTALL)
    assert inside is not None
    pairs = [line.strip().rstrip(",").split(" = ", 1) for line in inside[1].strip().splitlines()]
    return dict(pairs)  # type: ignore[arg-type]


def test_the_twin_has_the_settings_of_the_local_trees() -> None:
    model = DartConfig(kind="dart", trees=70, depth=4, learning_rate=0.07, rate_drop=0.15, min_child_weight=2.5)
    found = options_of(statements.create_model(TWIN, model, COLUMNS))
    assert found == {
        "MODEL_TYPE": "'BOOSTED_TREE_REGRESSOR'",
        "BOOSTER_TYPE": "'DART'",
        "DART_NORMALIZE_TYPE": "'TREE'",
        "TREE_METHOD": "'HIST'",
        "NUM_PARALLEL_TREE": "1",
        "MAX_ITERATIONS": "70",
        "MAX_TREE_DEPTH": "4",
        "LEARN_RATE": "0.07",
        "DROPOUT": "0.15",
        "SUBSAMPLE": "0.8",
        "COLSAMPLE_BYTREE": "0.5",
        "MIN_TREE_CHILD_WEIGHT": "3",
        "L2_REG": "1.0",
        "EARLY_STOP": "TRUE",
        "INPUT_LABEL_COLS": "['label']",
        "DATA_SPLIT_METHOD": "'CUSTOM'",
        "DATA_SPLIT_COL": "'is_validation'",
    }


def test_a_key_of_ones_own_encrypts_the_model() -> None:
    key = "projects/my-project/locations/us/keyRings/ring/cryptoKeys/key"
    config = TwinConfig(project="my-project", encryption_key=key)
    assert options_of(statements.create_model(config, DartConfig(kind="dart"), COLUMNS))["KMS_KEY_NAME"] == f"'{key}'"


@pytest.mark.parametrize("key", ["key", "projects/p/locations/us/keyRings/r/cryptoKeys/k' --", "projects/p"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(InputError, match="encryption_key"):
        TwinConfig.parse({"encryption_key": key})


def test_training_reads_no_row_of_the_hold_out_and_evaluation_no_other() -> None:
    create = statements.create_model(TWIN, DartConfig(kind="dart"), COLUMNS)
    assert create.startswith("CREATE OR REPLACE MODEL `my-project`.`market`.`twin`\n")
    assert create.endswith(
        "SELECT `x0`, `x1`, `label`, `is_validation`\nFROM `my-project`.`market`.`twin_columns`\n"
        "WHERE `split` IN ('train', 'validation')"
    )
    assert statements.holdout_rows(TWIN, COLUMNS) == (
        "SELECT `row`, `x0`, `x1`, `label`\nFROM `my-project`.`market`.`twin_columns`\n"
        "WHERE `split` = 'test'\nORDER BY `row`"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, "TRUE"), (False, "FALSE"), (3, "3"), (0.5, "0.5"), (1e-7, "1e-07"), ("DART", "'DART'"), (["a"], "['a']")],
    ids=repr,
)
def test_a_literal_is_typed(value: Any, expected: str) -> None:
    assert statements.literal(value) == expected


@pytest.mark.parametrize("value", ["a'b", "a b", "", "1a", float("nan"), float("inf"), ["ok", "x'; DROP"]], ids=repr)
def test_no_other_value_becomes_sql(value: Any) -> None:
    with pytest.raises(InputError, match="cannot be an option of a model"):
        statements.literal(value)


@pytest.mark.parametrize(
    "changes",
    [
        {"project": "p`; DROP TABLE x; --"},
        {"project": "UPPER"},
        {"dataset": "a.b"},
        {"dataset": "a`b"},
        {"name": "model; DROP"},
        {"name": ""},
        {"location": "US'"},
    ],
    ids=lambda changes: "-".join(f"{key} {value}" for key, value in changes.items()),
)
def test_a_name_that_is_none_is_refused_at_the_edge(changes: dict[str, str]) -> None:
    with pytest.raises(InputError, match=f"twin.{next(iter(changes))}"):
        TwinConfig.parse(changes, section="twin")


def test_a_domain_scoped_project_is_quoted_as_one_name() -> None:
    assert statements.path(TwinConfig(project="example.com:my-project"), "m") == "`example.com:my-project`.`tandem`.`m`"
