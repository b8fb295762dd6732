from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.explain import step as explain_step
from components.explain.config import ExplainConfig
from components.explain.explanation import Explanation
from components.register import export
from components.shared import boosted
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.device import Device
from components.shared.errors import ArtifactError, InputError
from components.shared.files import read_json, write_json
from components.train import losses, step
from components.train.config import TrainConfig
from components.train.models import dart

SMALL = {"kind": "dart", "trees": 25, "lags": [1, 5], "spans": [3, 8], "learning_rate": 0.1, "min_child_weight": 2}
LEVELS = {"kind": "quantile", "levels": [0.1, 0.5, 0.9]}


def config(model: dict[str, Any] | None = None, **changes: Any) -> TrainConfig:
    return TrainConfig.parse({"model": SMALL | (model or {}), **changes}, section="train")


def train(folder: Path, prepared: Path, model: dict[str, Any] | None = None, seed: int = 0, **changes: Any) -> Any:
    return step.run(
        config(model, **changes), str(prepared), str(folder / "model"), str(folder / "page.html"), device="cpu",
        seed=seed,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, level_folder: Path) -> Path:
    """A model of the level, which the target's own history predicts."""
    folder = tmp_path_factory.mktemp("dart")
    train(folder, level_folder)
    return folder / "model"


def test_trees_learn_what_the_windows_say(level_folder: Path, tmp_path: Path) -> None:
    figures = train(tmp_path, level_folder, {"trees": 60}, best_checkpoint=False)
    prepared = Prepared.open(level_folder)
    labels = prepared.labels[prepared.origins(prepared.starts("train"))]
    assert figures.train_loss < 0.3 * float(np.mean(labels**2))
    assert figures.describe()["framework"] == "xgboost"


def test_the_folder_is_read_back_by_its_signature(folder: Path, level_folder: Path) -> None:
    model, prepared = TrainedModel.open(folder), Prepared.open(level_folder)
    starts = prepared.starts("test")
    assert (model.name, model.framework) == ("dart", "xgboost")
    assert model.trees.columns.features == ("price", "noise_1", "noise_2", "noise_3", "noise_4")
    assert "price mean 8" in model.trees.columns.names
    assert model.forecast(prepared, starts).shape == starts.shape
    np.testing.assert_array_equal(
        model.describe(prepared.windows(starts))[:, 0], model.predict(prepared.windows(starts))
    )
    with pytest.raises(ArtifactError, match="model of xgboost, not a network of Keras"):
        _ = model.keras


def test_the_kept_trees_answer_as_they_did_in_the_round_that_won(folder: Path, level_folder: Path) -> None:
    """Cutting a finished DART booster at the best round answers otherwise: later rounds have rescaled its trees."""
    prepared, model = Prepared.open(level_folder), TrainedModel.open(folder)
    starts = np.asarray(prepared.starts("validation"))
    rows = (folder / "history.csv").read_text().splitlines()[1:]
    best = min(float(row.split(",")[2]) for row in rows)
    errors = model.predict(prepared.windows(starts)) - prepared.labels[prepared.origins(starts)]
    assert float(np.square(errors.astype(np.float64)).mean()) == pytest.approx(best, rel=1e-6)


def test_equal_seeds_give_equal_files_and_others_do_not(level_folder: Path, tmp_path: Path) -> None:
    for name, seed in {"first": 1, "again": 1, "other": 2}.items():
        train(tmp_path / name, level_folder, {"trees": 5}, seed=seed)
    first, again, other = (
        (tmp_path / name / "model" / "model.json").read_bytes() for name in ("first", "again", "other")
    )
    assert first == again
    assert first != other


def test_patience_ends_what_no_longer_gets_better(prepared_folder: Path, tmp_path: Path) -> None:
    figures = train(tmp_path, prepared_folder, {"trees": 200, "patience": 4})
    assert figures.epochs == figures.best_epoch + 4 < 200


@pytest.mark.parametrize(
    "loss", ["mse", "mae", {"kind": "huber", "delta": 0.7}, LEVELS], ids=lambda loss: str(loss)[:16]
)
def test_the_loss_reported_is_the_one_networks_report(loss: Any) -> None:
    rng = np.random.default_rng(3)
    chosen = config(loss=loss).loss
    outputs = rng.normal(size=(40, losses.parameters(chosen))).astype(np.float32)
    labels = rng.normal(size=40).astype(np.float32)
    theirs = float(np.mean(losses.build(chosen)(labels[:, None], outputs)))
    assert dart.loss_of(chosen, labels, outputs) == pytest.approx(theirs, rel=1e-5)


def test_quantiles_ascend_and_their_median_is_the_point(level_folder: Path, tmp_path: Path) -> None:
    train(tmp_path, level_folder, loss=LEVELS)
    model, prepared = TrainedModel.open(tmp_path / "model"), Prepared.open(level_folder)
    windows = prepared.windows(prepared.starts("test"))
    described = model.describe(windows)
    assert described.shape == (len(windows), 3)
    assert (np.diff(described, axis=1) >= 0).all()
    np.testing.assert_array_equal(described[:, 1], model.predict(windows))


@pytest.mark.parametrize("loss", ["mse", LEVELS], ids=["mse", "median"])
def test_explanations_add_up_exactly(loss: Any, level_folder: Path, tmp_path: Path) -> None:
    train(tmp_path, level_folder, loss=loss)
    numbers = explain_step.run(
        ExplainConfig(samples=10, top=3), level_folder, tmp_path / "model",
        explanations_path=tmp_path / "explained", report_path=tmp_path / "page.html",
    )  # fmt: skip
    found = Explanation.open(tmp_path / "explained")
    assert numbers["residual_pct"] < 1e-3
    np.testing.assert_allclose(
        found.base_values + found.attributions.sum(axis=(1, 2)) + found.residuals, found.predictions, atol=1e-4
    )
    assert found.method["name"] == "tree_shap"
    assert found.importance[0].feature == "price", "the level follows from the target's own past"
    assert "TreeSHAP" in (tmp_path / "page.html").read_text()


def test_an_export_is_read_from_its_folder_alone(folder: Path, level_folder: Path, tmp_path: Path) -> None:
    import xgboost

    model, prepared = TrainedModel.open(folder), Prepared.open(level_folder)
    assert export.export(model, prepared, tmp_path / "out", tolerance=1e-5) <= 1e-5
    manifest, columns = read_json(tmp_path / "out" / "manifest.json"), read_json(tmp_path / "out" / "columns.json")
    assert (manifest["format"], manifest["model_digest"]) == ("xgboost_json", export.model_digest(model))
    windows = prepared.windows(np.asarray(prepared.starts("test")))
    rows = boosted.WindowColumns.read(columns).of(windows)
    booster = xgboost.Booster()
    booster.load_model(tmp_path / "out" / "model.json")
    np.testing.assert_allclose(booster.predict(xgboost.DMatrix(rows)), model.predict(windows), atol=1e-6)


def test_columns_of_another_model_are_caught(folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder, tmp_path / "model")
    signature = read_json(folder / "signature.json")
    write_json(tmp_path / "model" / "signature.json", signature | {"columns": signature["columns"] | {"lags": [1]}})
    with pytest.raises(ArtifactError, match=r"takes 19 columns, but its signature describes 14"):
        _ = TrainedModel.open(tmp_path / "model").trees


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"loss": "gaussian"}, r"train\.loss: dart learns mse, mae, huber, quantile, not gaussian"),
        ({"loss": "financial"}, "not financial"),
        ({"epochs": 3}, r"train\.epochs steers networks"),
        ({"optimizer": {"learning_rate": 0.1}}, r"train\.optimizer steers networks"),
        ({"model": {"lags": [1, 12]}}, r"look at 13 rows, but a window has preprocess\.lookback=12"),
    ],
    ids=["gaussian", "financial", "epochs", "optimizer", "lags"],
)
def test_what_trees_cannot_do_is_refused_before_work(
    changes: dict[str, Any], expected: str, prepared_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=expected):
        train(tmp_path, prepared_folder, **changes)
    assert not (tmp_path / "model").exists()


def test_all_of_it_is_refused_at_once(prepared_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        train(tmp_path, prepared_folder, {"spans": [40]}, loss="gaussian", batch_size=8, xla=True)
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("accelerator", "expected"),
    [
        ("metal", "cannot use that GPU: trees are grown on the CPU"),
        ("cuda", "built without CUDA: trees are grown on the CPU"),
    ],
)
def test_another_device_than_the_cpu_is_answered_for(
    accelerator: Any, expected: str, prepared_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import xgboost

    from components.train.source import WindowSource

    if accelerator == "cuda" and xgboost.build_info()["USE_CUDA"]:
        pytest.skip("this XGBoost has CUDA")
    source = WindowSource.of(Prepared.open(prepared_folder), config().loss)
    device = Device(accelerator=accelerator, name="that GPU", count=1, reason="asked for")
    with caplog.at_level("WARNING", logger="tandem.train"):
        fitted = dart.fit(config({"trees": 2}), source, tmp_path, seed=0, device=device)
    assert expected in caplog.text
    assert len(fitted.history) == 2
