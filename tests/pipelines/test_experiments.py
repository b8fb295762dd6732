from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from components.shared.errors import InputError
from components.shared.preprocessing import HORIZONS
from pipelines import experiments


@pytest.mark.parametrize(
    ("pipeline", "config"),
    [(pipeline, config) for pipeline in experiments.PIPELINES for config in experiments.config_names(pipeline)],
)
def test_every_shipped_config_is_valid_and_names_every_stage(pipeline: str, config: str) -> None:
    arguments = experiments.resolve(pipeline, config).arguments
    sections = experiments.PIPELINES[pipeline].experiment.model_fields
    assert set(arguments) == set(sections) - {"description"}


def test_every_shipped_config_belongs_to_one_pipeline() -> None:
    owned = [config for pipeline in experiments.PIPELINES for config in experiments.config_names(pipeline)]
    assert sorted(owned) == experiments.config_names()


def test_the_four_configs_cover_the_four_horizons() -> None:
    wanted = {"lstm_1m": "1m", "gru_3m": "3m", "feedforward_6m": "6m", "feedforward_12m": "12m"}
    for config, horizon in wanted.items():
        arguments = experiments.resolve("forecasting", config).arguments
        assert arguments["preprocess"]["horizon"] == horizon
        assert arguments["train"]["model"]["kind"] == config.split("_")[0]
        assert horizon in HORIZONS


def test_the_catalog_travels_inside_the_arguments() -> None:
    columns = experiments.resolve("forecasting").arguments["ingest"]["catalog"]["columns"]
    assert len(columns) == 58
    assert [column["name"] for column in columns if column["role"] == "target"] == ["target"]


def test_overrides_and_horizon_reach_their_sections() -> None:
    arguments = experiments.resolve("forecasting", "lstm_1m", ["train.epochs=3", "seed=7"], "6m").arguments
    assert (arguments["train"]["epochs"], arguments["seed"], arguments["preprocess"]["horizon"]) == (3, 7, "6m")


def test_a_config_is_also_a_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text((experiments.CONFIGS / "gru_3m.yaml").read_text())
    mine, shipped = (experiments.resolve("forecasting", name).arguments for name in (str(path), "gru_3m"))
    assert mine == shipped


@pytest.mark.parametrize(
    ("name", "config", "overrides", "horizon", "expected"),
    [
        ("forcasting", None, [], None, "unknown pipeline 'forcasting': did you mean forecasting?"),
        ("forecasting", "lstm1m", [], None, "unknown config 'lstm1m': did you mean lstm_1m?"),
        ("forecasting", "absent.yaml", [], None, "cannot read config file absent.yaml"),
        ("forecasting", None, ["train.epoch=3"], None, "unknown key train.epoch: did you mean epochs?"),
        ("forecasting", None, [], "2m", "preprocess.horizon"),
        ("forecasting", None, ["tran.epochs=3"], None, "unknown key tran: did you mean train?"),
    ],
    ids=["pipeline", "config", "path", "key", "horizon", "section"],
)
def test_a_mistake_is_named_with_its_remedy(
    name: str, config: str | None, overrides: list[str], horizon: str | None, expected: str
) -> None:
    with pytest.raises(InputError) as caught:
        experiments.resolve(name, config, overrides, horizon)
    assert expected in str(caught.value)


def test_checking_a_config_needs_no_framework() -> None:
    code = (
        "import sys; from pipelines import experiments; experiments.resolve('forecasting');"
        "print(sorted({'tensorflow', 'keras', 'kfp', 'pandas', 'mlflow', 'google.cloud.bigquery'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["bigquery=true"], "twin.project: expected the Google Cloud project that owns the twin"),
        (["bigquery=true", "twin.project=my-project", "train_b.loss=mae"], "expected mse, got mae"),
        (["bigquery=true", "twin.project=my-project", "train_b.model={kind: lstm}"], "expected dart, got lstm"),
        (["twin.project=My Project"], "twin.project"),
    ],
    ids=["project", "loss", "model", "name"],
)
def test_a_twin_that_cannot_be_is_refused_before_a_run(overrides: list[str], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        experiments.resolve("forecasting_ab", "ab_1m", overrides)
    assert expected in str(caught.value)
