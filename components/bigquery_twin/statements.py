"""SQL of the twin. Names are validated and quoted, options are typed literals; nothing a user writes becomes SQL text.

https://cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-create-boosted-tree
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.shared.errors import InputError
from components.shared.sql import BIGQUERY

if TYPE_CHECKING:
    from components.bigquery_twin.config import TwinConfig
    from components.train.models.dart import DartConfig

LABEL, ROW, SPLIT, VALIDATION = "label", "row", "split", "is_validation"
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Value = bool | int | float | str | list[str]


def options(model: DartConfig) -> dict[str, Value]:
    """BigQuery ML's names for the settings of the local model.

    Two have no equal there: ``skip_drop`` (BigQuery ML never skips dropout) and ``patience`` (it stops when a round
    brings too little, by ``MIN_REL_PROGRESS``). ``MIN_TREE_CHILD_WEIGHT`` takes whole numbers only.
    """
    return {
        "MODEL_TYPE": "BOOSTED_TREE_REGRESSOR",
        "BOOSTER_TYPE": "DART",
        "DART_NORMALIZE_TYPE": model.normalize.upper(),
        "TREE_METHOD": "HIST",
        "NUM_PARALLEL_TREE": 1,
        "MAX_ITERATIONS": model.trees,
        "MAX_TREE_DEPTH": model.depth,
        "LEARN_RATE": model.learning_rate,
        "DROPOUT": model.rate_drop,
        "SUBSAMPLE": model.subsample,
        "COLSAMPLE_BYTREE": model.colsample,
        "MIN_TREE_CHILD_WEIGHT": math.ceil(model.min_child_weight),
        "L2_REG": model.l2,
        "EARLY_STOP": model.patience is not None,
        "INPUT_LABEL_COLS": [LABEL],
        # The same rows decide here as there: what training may look at is told row by row.
        "DATA_SPLIT_METHOD": "CUSTOM",
        "DATA_SPLIT_COL": VALIDATION,
    }


def literal(value: Value) -> str:
    """A GoogleSQL literal of a Python value.

    Raises:
        InputError: a text that is not one plain word, or a number that is not finite.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, str):
        if not _WORD.fullmatch(value):
            raise InputError(f"{value!r} cannot be an option of a model: expected letters, digits and _")
        return f"'{value}'"
    if not math.isfinite(value):
        raise InputError(f"{value} cannot be an option of a model: expected a finite number")
    return repr(value)


def create_model(config: TwinConfig, model: DartConfig, columns: Sequence[str]) -> str:
    """The statement that trains the twin on train rows and stops it by validation rows; test rows are not read."""
    written = [f"{name} = {literal(value)}" for name, value in options(model).items()]
    if config.encryption_key:  # letters, digits and / . : _ - alone, see EncryptionKey
        written.append(f"KMS_KEY_NAME = '{config.encryption_key}'")
    settings = ",\n  ".join(written)
    chosen = ", ".join(map(BIGQUERY.identifier, [*columns, LABEL, VALIDATION]))
    return (
        f"CREATE OR REPLACE MODEL {path(config, config.name)}\n"
        f"OPTIONS (\n  {settings}\n)\nAS\n"
        f"SELECT {chosen}\nFROM {path(config, table_name(config))}\n"
        f"WHERE {BIGQUERY.identifier(SPLIT)} IN ('train', 'validation')"
    )


def holdout_rows(config: TwinConfig, columns: Sequence[str]) -> str:
    """The SELECT of the hold-out, to evaluate and to predict on; ``row`` finds the forecast's origin again."""
    chosen = ", ".join(map(BIGQUERY.identifier, [ROW, *columns, LABEL]))
    return (
        f"SELECT {chosen}\nFROM {path(config, table_name(config))}\n"
        f"WHERE {BIGQUERY.identifier(SPLIT)} = 'test'\nORDER BY {BIGQUERY.identifier(ROW)}"
    )


def table_name(config: TwinConfig) -> str:
    return f"{config.name}_columns"


def path(config: TwinConfig, name: str) -> str:
    """A quoted name with its project and dataset."""
    return ".".join(map(BIGQUERY.identifier, (str(config.project), config.dataset, name)))
