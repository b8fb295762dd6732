"""The champion on the windows of another run: the same forecasts, on other scales, or a reason why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from components.evaluate import step
from components.evaluate.champion import ChampionUnavailableError, forecast_champion
from components.evaluate.config import EvaluateConfig
from components.evaluate.holdout import Holdout
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.files import read_json, write_json


@pytest.fixture
def rescaled(prepared_folder: Path, tmp_path: Path) -> Prepared:
    """The same rows, prepared with other scales and with the features in another order."""
    folder = tmp_path / "rescaled"
    shutil.copytree(prepared_folder, folder)
    manifest = read_json(folder / "preprocessing.json")
    features = np.load(folder / "features.npy").astype(np.float64)
    for position, feature in enumerate(manifest["features"]):
        features[:, position] = (features[:, position] * feature["scale"] + feature["center"] - 3.0) / 2.0
        feature |= {"center": 3.0, "scale": 2.0}
    manifest["features"] = manifest["features"][::-1]
    np.save(folder / "features.npy", np.ascontiguousarray(features[:, ::-1], dtype=np.float32))
    write_json(folder / "preprocessing.json", manifest)
    return Prepared.open(folder)


def test_a_champion_of_other_scales_forecasts_as_it_did(
    rescaled: Prepared, prepared_folder: Path, model_folder: Path
) -> None:
    original = Prepared.open(prepared_folder)
    expected = TrainedModel.open(model_folder).forecast(original, np.asarray(original.starts("test")))
    found = forecast_champion(str(model_folder), rescaled, Holdout.of(rescaled))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"horizon": 9}, "price 9 rows ahead"),
        ({"lookback": 13}, "looks back 13 rows, these windows 12"),
    ],
)
def test_a_champion_that_cannot_be_compared_says_why(
    prepared_folder: Path, model_folder: Path, tmp_path: Path, change: dict[str, int], reason: str
) -> None:
    shutil.copytree(model_folder, tmp_path / "champion")
    manifest = tmp_path / "champion" / "preprocessing.json"
    write_json(manifest, read_json(manifest) | change)
    prepared = Prepared.open(prepared_folder)
    with pytest.raises(ChampionUnavailableError, match=reason):
        forecast_champion(str(tmp_path / "champion"), prepared, Holdout.of(prepared))


@pytest.mark.parametrize("last", ["2020-12-31", "2020-11-23"], ids=["within", "its first day"])
def test_a_champion_that_has_seen_the_holdout_is_left_out(
    prepared_folder: Path, model_folder: Path, tmp_path: Path, last: str
) -> None:
    shutil.copytree(model_folder, tmp_path / "champion")
    manifest = tmp_path / "champion" / "preprocessing.json"
    content = read_json(manifest)
    content["splits"]["validation"]["last_date"] = last
    write_json(manifest, content)
    prepared = Prepared.open(prepared_folder)
    with pytest.raises(
        ChampionUnavailableError, match=f"trained on days up to {last}, and the hold-out begins on 2020-11-23"
    ):
        forecast_champion(str(tmp_path / "champion"), prepared, Holdout.of(prepared))


@pytest.mark.parametrize("there", [True, False], ids=["there", "not yet"])
def test_the_champion_is_tested_in_pairs_and_does_not_decide_the_verdict(
    prepared_folder: Path, model_folder: Path, tmp_path: Path, there: bool
) -> None:
    config = EvaluateConfig(champion=str(model_folder) if there else "price-7@champion", uncertainty=None)
    paths = {name: tmp_path / name for name in ("metrics_path", "forecasts_path", "report_path")}
    step.run(config, prepared_folder, model_folder, **paths)
    content = read_json(tmp_path / "metrics_path" / "metrics.json")
    assert ("champion" in content["tests"]) is there
    assert ("champion" in content["absent"]) is not there
    assert content["verdict"]["best_baseline"] in {"random_walk", "seasonal_naive", "ridge"}
