from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.evaluate import step
from components.evaluate.config import EvaluateConfig
from components.evaluate.metrics import LABELS
from components.shared.artifacts import Prepared, Table, TrainedModel
from components.shared.errors import InputError, TandemError
from components.shared.files import read_json, write_json


def evaluate(
    folder: Path, prepared: Path, model: Path, config: EvaluateConfig | None = None
) -> tuple[dict[str, float], dict[str, Any]]:
    numbers = step.run(
        config or EvaluateConfig(),
        prepared,
        model,
        metrics_path=folder / "metrics",
        forecasts_path=folder / "forecasts",
        report_path=folder / "report.html",
    )
    return numbers, read_json(folder / "metrics" / "metrics.json")


def copy_with(folder: Path, to: Path, file: str, **changes: Any) -> Path:
    """A copy of an artifact whose manifest ``file`` has other values."""
    shutil.copytree(folder, to)
    write_json(to / file, read_json(to / file) | changes)
    return to


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, prepared_folder: Path, model_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    numbers, _ = evaluate(folder, prepared_folder, model_folder)
    write_json(folder / "numbers.json", numbers)
    return folder


def test_the_model_and_its_baselines_share_one_table(evaluated: Path) -> None:
    content = read_json(evaluated / "metrics" / "metrics.json")
    assert list(content["table"]) == ["feedforward", "random_walk", "seasonal_naive", "ridge"]
    assert all(list(scores) == list(LABELS) for scores in content["table"].values())
    assert (content["model"], content["target"], content["unit"]) == ("feedforward", "price", "USD")
    assert (content["horizon"], content["windows"], content["absent"]) == (7, 66, {})
    assert (content["first_date"], content["last_date"]) == ("2020-11-23", "2021-01-27")


def test_the_numbers_follow_from_the_forecasts(evaluated: Path) -> None:
    frame = Table.open(evaluated / "forecasts").read().to_pandas()
    table = read_json(evaluated / "metrics" / "metrics.json")["table"]
    for name, scores in table.items():
        assert scores["mae"] == pytest.approx((frame[name] - frame["truth"]).abs().mean(), rel=1e-12)
    moved = np.sign(frame["truth"] - frame["origin_value"])
    expected = 100 * (np.sign(frame["ridge"] - frame["origin_value"]) == moved).mean()
    assert table["ridge"]["directional_accuracy"] == pytest.approx(expected)


def test_the_returned_numbers_are_the_table_without_its_nulls_and_how_sure_forecasts_are(evaluated: Path) -> None:
    numbers = read_json(evaluated / "numbers.json")
    table = read_json(evaluated / "metrics" / "metrics.json")["table"]
    assert table["random_walk"]["directional_accuracy"] is None
    expected = {f"{f}/{m}": v for f, scores in table.items() for m, v in scores.items() if v is not None}
    judged = read_json(evaluated / "metrics" / "metrics.json")["uncertainty"]["forecasters"]
    assert list(judged) == list(table)
    expected |= {f"{name}/crps": found["crps"] for name, found in judged.items()}
    expected |= {f"{name}/coverage_90": 100 * found["intervals"][2]["coverage"] for name, found in judged.items()}
    assert numbers == expected


def test_the_bands_in_the_table_are_those_that_were_judged(evaluated: Path) -> None:
    frame = Table.open(evaluated / "forecasts").read().to_pandas()
    judged = read_json(evaluated / "metrics" / "metrics.json")["uncertainty"]
    assert (judged["method"], judged["source"], list(judged["stages"])) == ("adaptive", "none", ["split", "adaptive"])
    for interval in judged["forecasters"]["feedforward"]["intervals"]:
        words = f"{100 * interval['share']:.0f}"
        held = frame["truth"].between(frame[f"lower_{words}"], frame[f"upper_{words}"])
        assert held.mean() == pytest.approx(interval["coverage"])
        assert (frame[f"upper_{words}"] - frame[f"lower_{words}"]).mean() == pytest.approx(interval["width"])


def test_bands_can_be_left_out(tmp_path: Path, prepared_folder: Path, model_folder: Path) -> None:
    numbers, content = evaluate(tmp_path, prepared_folder, model_folder, EvaluateConfig(uncertainty=None))
    assert "uncertainty" not in content
    assert "feedforward/crps" not in numbers
    assert "lower_90" not in Table.open(tmp_path / "forecasts").schema.names


def test_conformalised_quantiles_need_quantiles(tmp_path: Path, prepared_folder: Path, model_folder: Path) -> None:
    config = EvaluateConfig.parse({"uncertainty": {"method": "cqr"}}, section="evaluate")
    with pytest.raises(InputError, match=r"cqr.*feedforward has none.*choose adaptive or split"):
        evaluate(tmp_path, prepared_folder, model_folder, config)


def test_a_network_with_dropout_is_shown_before_and_after_calibration(
    tmp_path: Path, prepared_folder: Path, network_folder: Any
) -> None:
    model = network_folder("feedforward", units=(8,), dropout=0.3)
    _, content = evaluate(tmp_path, prepared_folder, model)
    stages = content["uncertainty"]["stages"]
    assert list(stages) == ["raw", "split", "cqr", "adaptive"]
    assert content["uncertainty"]["source"] == "mc_dropout"
    page = (tmp_path / "report.html").read_text()
    assert "raw: Monte Carlo dropout" in page
    assert "before calibration" in page


def test_mase_is_scaled_by_the_train_rows(evaluated: Path, prepared_folder: Path) -> None:
    prepared = Prepared.open(prepared_folder)
    train = prepared.preprocessing.splits["train"]
    rows = np.arange(train.first, train.last + 1)
    scale = np.abs(prepared.targets[rows + 7] - prepared.targets[rows]).mean()
    for scores in read_json(evaluated / "metrics" / "metrics.json")["table"].values():
        assert scores["mase"] == pytest.approx(scores["mae"] / scale)


def test_the_verdict_is_about_the_table(evaluated: Path) -> None:
    content = read_json(evaluated / "metrics" / "metrics.json")
    rmse = {name: scores["rmse"] for name, scores in content["table"].items()}
    verdict = content["verdict"]
    assert verdict["model"] == rmse.pop("feedforward")
    assert verdict["best_baseline_value"] == min(rmse.values()) == rmse[verdict["best_baseline"]]
    assert verdict["beats"] == (verdict["model"] < verdict["best_baseline_value"])


def test_the_forecasts_are_a_row_a_window(evaluated: Path, prepared_folder: Path, model_folder: Path) -> None:
    table = Table.open(evaluated / "forecasts")
    prepared = Prepared.open(prepared_folder)
    starts = np.asarray(prepared.starts("test"))
    assert table.schema.names[:5] == ["origin", "row", "truth_time", "origin_value", "truth"]
    columns = table.read().to_pydict()
    rows = np.array(columns["row"])
    np.testing.assert_array_equal(rows, prepared.origins(starts))
    np.testing.assert_array_equal(np.array(columns["origin"], "datetime64[us]"), prepared.times[rows])
    np.testing.assert_array_equal(np.array(columns["truth_time"], "datetime64[us]"), prepared.times[rows + 7])
    np.testing.assert_array_equal(columns["truth"], prepared.targets[rows + 7])
    np.testing.assert_array_equal(columns["random_walk"], columns["origin_value"])
    forecast = TrainedModel.open(model_folder).forecast(prepared, starts)
    np.testing.assert_allclose(columns["feedforward"], forecast, rtol=1e-6)


def test_evaluating_twice_writes_the_same_bytes(
    evaluated: Path, tmp_path: Path, prepared_folder: Path, model_folder: Path
) -> None:
    evaluate(tmp_path, prepared_folder, model_folder)
    for name in ("metrics/metrics.json", "report.html", "forecasts/schema.json"):
        assert (tmp_path / name).read_bytes() == (evaluated / name).read_bytes(), name


def test_an_absent_baseline_is_told_in_metrics_and_report(
    tmp_path: Path, prepared_folder: Path, model_folder: Path
) -> None:
    numbers, content = evaluate(tmp_path, prepared_folder, model_folder, EvaluateConfig(season=350))
    assert list(content["absent"]) == ["seasonal_naive"]
    assert "seasonal_naive" not in content["table"]
    assert not any(name.startswith("seasonal_naive/") for name in numbers)
    assert f"seasonal naive is absent: {content['absent']['seasonal_naive']}" in (tmp_path / "report.html").read_text()


def test_only_the_asked_baselines_are_compared(tmp_path: Path, prepared_folder: Path, model_folder: Path) -> None:
    config = EvaluateConfig(baselines=("ridge",), metric="mae")
    _, content = evaluate(tmp_path, prepared_folder, model_folder, config)
    assert list(content["table"]) == ["feedforward", "ridge"]
    assert content["verdict"]["metric"] == "mae"


def test_nothing_to_beat_is_an_input_error_and_writes_nothing(
    tmp_path: Path, prepared_folder: Path, model_folder: Path
) -> None:
    config = EvaluateConfig(baselines=("seasonal_naive",), season=350)
    with pytest.raises(InputError, match=r"add random_walk to evaluate\.baselines"):
        evaluate(tmp_path, prepared_folder, model_folder, config)
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_other_data_is_refused_before_it_is_loaded(
    tmp_path: Path, prepared_folder: Path, model_folder: Path
) -> None:
    model = copy_with(model_folder, tmp_path / "model", "preprocessing.json", horizon=21, source_digest="sha256:other")
    (model / "model.keras").write_text("would not load")
    with pytest.raises(InputError, match="not trained on this prepared data") as caught:
        evaluate(tmp_path / "out", prepared_folder, model)
    assert len(caught.value.problems) == 2
    assert not (tmp_path / "out").exists()


def test_a_model_named_like_a_baseline_is_refused(tmp_path: Path, prepared_folder: Path, model_folder: Path) -> None:
    model = copy_with(model_folder, tmp_path / "model", "signature.json", kind="ridge")
    with pytest.raises(InputError, match="bears the name of a baseline"):
        evaluate(tmp_path / "out", prepared_folder, model)


def test_a_diverged_model_fails_the_step(tmp_path: Path, prepared_folder: Path, model_folder: Path) -> None:
    import keras

    model = shutil.copytree(model_folder, tmp_path / "model")
    network = keras.saving.load_model(model / "model.keras")
    network.set_weights([np.full_like(weights, np.nan) for weights in network.get_weights()])
    network.save(model / "model.keras")
    with pytest.raises(TandemError, match="NaN or infinity for 66 of 66 test windows") as caught:
        evaluate(tmp_path / "out", prepared_folder, model)
    assert caught.value.exit_code == 1
    assert not (tmp_path / "out").exists()


def test_metrics_are_strict_json(evaluated: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    json.loads((evaluated / "metrics" / "metrics.json").read_text(), parse_constant=refuse)
