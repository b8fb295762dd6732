from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from components.ensemble import step
from components.ensemble.config import EnsembleConfig
from components.evaluate import step as evaluate_step
from components.evaluate.config import EvaluateConfig
from components.explain import step as explain_step
from components.explain.config import ExplainConfig
from components.explain.explanation import Explanation
from components.register import export
from components.shared.artifacts import Prepared, Table, TrainedModel
from components.shared.errors import InputError
from components.shared.files import read_json, write_json
from components.train import step as train_step
from components.train.config import TrainConfig

DART = {"kind": "dart", "trees": 8, "lags": [1, 5], "spans": [3]}


@pytest.fixture(scope="module")
def dart_folder(tmp_path_factory: pytest.TempPathFactory, prepared_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("dart")
    config = TrainConfig.parse({"model": DART}, section="train")
    train_step.run(config, str(prepared_folder), str(folder / "model"), str(folder / "page.html"), device="cpu")
    return folder / "model"


@pytest.fixture(scope="module")
def combined(
    tmp_path_factory: pytest.TempPathFactory, prepared_folder: Path, model_folder: Path, dart_folder: Path
) -> tuple[Path, step.Combination]:
    path = tmp_path_factory.mktemp("ensemble") / "model"
    return path, step.run(EnsembleConfig(shrinkage=0.5), prepared_folder, [model_folder, dart_folder], path)


def test_the_ensemble_forecasts_the_weighted_mean_of_its_members(
    combined: tuple[Path, step.Combination], prepared_folder: Path, model_folder: Path, dart_folder: Path
) -> None:
    path, found = combined
    model, prepared = TrainedModel.open(path), Prepared.open(prepared_folder)
    windows = prepared.windows(prepared.starts("test"))
    parts = {"feedforward": TrainedModel.open(model_folder), "dart": TrainedModel.open(dart_folder)}
    expected = sum(found.weights[name] * member.predict(windows) for name, member in parts.items())
    np.testing.assert_allclose(model.predict(windows), expected, atol=1e-6)
    assert (model.name, list(model.weights)) == ("ensemble", ["feedforward", "dart"])
    assert sum(model.weights.values()) == pytest.approx(1)


def test_the_weights_come_from_validation_and_the_figures_say_how(combined: tuple[Path, step.Combination]) -> None:
    _, found = combined
    best = min(found.member_losses.values())
    assert found.estimated["dart"] > 0.7, "the untrained network is worse"
    assert 0 < found.kept < 1
    for name, weight in found.weights.items():
        assert weight == pytest.approx(found.kept * found.estimated[name] + (1 - found.kept) / 2)
    assert found.numbers()["dart/val_loss"] == pytest.approx(best)


def test_intervals_can_be_made_from_its_own_validation_errors(
    combined: tuple[Path, step.Combination], prepared_folder: Path
) -> None:
    prepared, kept = Prepared.open(prepared_folder), read_json(combined[0] / "residuals.json")
    starts = np.asarray(prepared.starts("validation"))
    errors = prepared.labels[prepared.origins(starts)] - TrainedModel.open(combined[0]).predict(
        prepared.windows(starts)
    )
    median = kept["quantiles"][kept["levels"].index(0.5)]
    assert median == pytest.approx(float(np.median(errors)), abs=1e-5)
    assert kept["windows"] == len(starts)


def test_other_test_windows_change_no_weight(
    combined: tuple[Path, step.Combination],
    prepared_folder: Path,
    model_folder: Path,
    dart_folder: Path,
    tmp_path: Path,
) -> None:
    other = shutil.copytree(prepared_folder, tmp_path / "prepared")
    labels = np.load(other / "labels.npy")
    labels[327:] = 99.0
    np.save(other / "labels.npy", labels)
    again = step.run(EnsembleConfig(shrinkage=0.5), other, [model_folder, dart_folder], tmp_path / "model")
    assert again.weights == combined[1].weights


def test_windows_of_one_day_are_one_observation(
    combined: tuple[Path, step.Combination],
    prepared_folder: Path,
    model_folder: Path,
    dart_folder: Path,
    tmp_path: Path,
) -> None:
    panel = shutil.copytree(prepared_folder, tmp_path / "prepared")
    np.save(panel / "times.npy", np.load(panel / "times.npy")[np.arange(400) // 2])
    half = step.run(EnsembleConfig(shrinkage=0.5), panel, [model_folder, dart_folder], tmp_path / "model")
    assert half.estimated == combined[1].estimated
    windows, horizon = len(np.load(panel / "starts-validation.npy")), Prepared.open(panel).preprocessing.horizon
    for found, days in ((combined[1], windows), (half, windows // 2 + 1)):
        assert found.kept == pytest.approx(1 - 0.5 * 2 / (days / horizon - 2))


def test_evaluation_scores_the_members_beside_their_ensemble(
    combined: tuple[Path, step.Combination], prepared_folder: Path, tmp_path: Path
) -> None:
    evaluate_step.run(
        EvaluateConfig(), prepared_folder, combined[0],
        metrics_path=tmp_path / "metrics", forecasts_path=tmp_path / "forecasts", report_path=tmp_path / "page.html",
    )  # fmt: skip
    content = read_json(tmp_path / "metrics" / "metrics.json")
    assert list(content["table"])[:3] == ["ensemble", "feedforward", "dart"]
    assert content["verdict"]["best_baseline"] not in ("feedforward", "dart")
    assert content["weights"] == pytest.approx(combined[1].weights)
    assert set(content["tests"]) == {"feedforward", "dart", "random_walk", "seasonal_naive", "ridge"}
    frame = Table.open(tmp_path / "forecasts").read().to_pandas()
    squared = (frame["ensemble"] - frame["truth"]) ** 2 - (frame["dart"] - frame["truth"]) ** 2
    assert content["tests"]["dart"]["difference"] == pytest.approx(squared.mean())
    assert "weighted mean of its members" in (tmp_path / "page.html").read_text()


def test_an_export_holds_every_member_in_its_form(
    combined: tuple[Path, step.Combination], prepared_folder: Path, tmp_path: Path
) -> None:
    model = TrainedModel.open(combined[0])
    assert export.export(model, Prepared.open(prepared_folder), tmp_path / "out", tolerance=1e-5) <= 1e-5
    described = read_json(tmp_path / "out" / "weights.json")
    assert {name: member["format"] for name, member in described.items()} == {
        "feedforward": "tf_saved_model",
        "dart": "xgboost_json",
    }


def test_a_change_of_a_member_changes_the_digest(combined: tuple[Path, step.Combination], tmp_path: Path) -> None:
    altered = shutil.copytree(combined[0], tmp_path / "model")
    before = export.model_digest(TrainedModel.open(altered))
    (altered / "members" / "dart" / "model.json").write_text("{}")
    assert export.model_digest(TrainedModel.open(altered)) != before


def test_an_ensemble_is_explained_by_its_members_weighted(
    combined: tuple[Path, step.Combination], prepared_folder: Path, tmp_path: Path
) -> None:
    config, found = ExplainConfig(samples=3, baselines=4, plots="none"), combined[1]
    paths = {"ensemble": combined[0], **{name: combined[0] / "members" / name for name in found.weights}}
    parts = {}
    for name, path in paths.items():
        explain_step.run(
            config, prepared_folder, path, explanations_path=tmp_path / name, report_path=tmp_path / f"{name}.html"
        )
        parts[name] = Explanation.open(tmp_path / name)
    for what in ("attributions", "predictions", "base_values"):
        expected = sum(weight * np.asarray(getattr(parts[name], what)) for name, weight in found.weights.items())
        np.testing.assert_allclose(getattr(parts["ensemble"], what), expected, atol=1e-5)
    assert "feedforward by expected gradients, dart by tree shap" in (tmp_path / "ensemble.html").read_text()


def test_members_of_one_kind_are_numbered(prepared_folder: Path, model_folder: Path, tmp_path: Path) -> None:
    found = step.run(EnsembleConfig(), prepared_folder, [model_folder, model_folder], tmp_path / "model")
    assert found.weights == pytest.approx({"feedforward_1": 0.5, "feedforward_2": 0.5})


def test_everything_that_cannot_be_combined_is_said_at_once(
    combined: tuple[Path, step.Combination], prepared_folder: Path, model_folder: Path, tmp_path: Path
) -> None:
    stranger = shutil.copytree(model_folder, tmp_path / "stranger")
    manifest = read_json(stranger / "preprocessing.json")
    write_json(stranger / "preprocessing.json", manifest | {"horizon": 3})
    with pytest.raises(InputError) as caught:
        step.run(EnsembleConfig(), prepared_folder, [combined[0], stranger], tmp_path / "model")
    assert "is an ensemble itself" in str(caught.value)
    assert "horizon: model 3, prepared 7" in str(caught.value)
    with pytest.raises(InputError, match="takes 2 to 8 models, got 1"):
        step.run(EnsembleConfig(), prepared_folder, [model_folder], tmp_path / "model")
    assert not (tmp_path / "model").exists()
