"""An answer as a table and as a picture."""

from __future__ import annotations

from pathlib import Path

import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest

from components.scenario import export
from components.scenario.config import Scenario
from components.scenario.engine import Engine
from components.scenario.outcome import Outcome
from components.shared.errors import InputError


@pytest.fixture
def outcome(engine: Engine) -> Outcome:
    shock = {"kind": "percent", "features": ["meal*"], "amount": 10}
    return engine.run(Scenario.parse({"name": "10 % of $5 & $6", "shocks": [shock]}))


def test_table_holds_every_figure(outcome: Outcome, tmp_path: Path) -> None:
    export.write(outcome, tmp_path / "out.parquet")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    found = {(row["series"], row["quantity"], row["level"], row["time"]): row["value"] for row in rows}
    assert len(found) == len(rows)
    at = outcome.times[-1]
    assert found["difference", "point", None, at] == outcome.difference.points[-1]
    assert found["scenario", "upper", 0.9, at] == outcome.scenario.bands[2].upper
    assert found["difference", "quantile", 0.05, at] == outcome.difference.spread.quantiles[1][-1]
    assert found["meal1", "after", None, outcome.origin] == outcome.changed[0].scenario[-1]
    assert {row["scenario"] for row in rows} == {outcome.name}


def test_csv_is_the_same_table(outcome: Outcome, tmp_path: Path) -> None:
    export.write(outcome, tmp_path / "out.csv")
    assert pv.read_csv(tmp_path / "out.csv").num_rows == export.table(outcome).num_rows


def test_picture_is_a_png(outcome: Outcome) -> None:
    content = export.encode(outcome, "png")
    assert content.startswith(b"\x89PNG")
    assert len(content) > 10_000


def test_path_is_drawn(path_engine: Engine) -> None:
    assert export.encode(path_engine.run(Scenario()), "png").startswith(b"\x89PNG")


def test_other_files_are_refused(outcome: Outcome, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a file that ends in \.csv, \.parquet, \.png"):
        export.write(outcome, tmp_path / "out.xlsx")
    assert list(tmp_path.iterdir()) == []
