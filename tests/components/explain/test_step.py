from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from components.explain import step
from components.explain.config import ExplainConfig
from components.explain.explanation import Explanation
from components.shared.artifacts import Prepared, TrainedModel
from components.shared.errors import InputError

SMALL = {"samples": 5, "baselines": 6}


def run(folder: Path, prepared: Path, model: Path, *, seed: int = 0, **config: object) -> dict[str, float]:
    return step.run(
        ExplainConfig.parse(SMALL | config),
        prepared,
        model,
        explanations_path=folder / "explanations",
        report_path=folder / "report.html",
        seed=seed,
    )


def test_the_stage_writes_attributions_that_add_up_and_a_page(
    tmp_path: Path, prepared_folder: Path, model_folder: Path
) -> None:
    numbers = run(tmp_path, prepared_folder, model_folder, top=2)
    explanation, prepared = Explanation.open(tmp_path / "explanations"), Prepared.open(prepared_folder)
    starts = prepared.starts("test")
    assert explanation.attributions.shape == (5, 12, 5, 1)
    assert (explanation.starts[0], explanation.starts[-1]) == (starts[0], starts[-1])
    # The label is a difference, so a prediction plus the target at the origin is the model's own forecast.
    origins = prepared.targets[prepared.origins(explanation.starts)]
    forecast = TrainedModel.open(model_folder).forecast(prepared, explanation.starts)
    np.testing.assert_allclose(explanation.predictions[:, 0] + origins, forecast, atol=1e-5)
    assert numbers["samples"] == 5
    assert 0 < numbers["residual_pct"] < 1
    assert sorted(key for key in numbers if key.endswith("/share")) == sorted(
        f"{row.feature}/share" for row in explanation.importance[:2]
    )
    page = (tmp_path / "report.html").read_text()
    lead = page.split('<p class="lead">')[1]
    assert lead.startswith(f"Residual {numbers['residual_pct']:.2g} %")
    assert "cosine" in page
    assert page.count("<img ") == 5


def test_the_seed_decides_the_background(tmp_path: Path, prepared_folder: Path, model_folder: Path) -> None:
    folders = {"first": 4, "again": 4, "other": 5}
    for name, seed in folders.items():
        run(tmp_path / name, prepared_folder, model_folder, seed=seed)
    first, again, other = ((tmp_path / name / "explanations" / "attributions.npy").read_bytes() for name in folders)
    assert first == again
    assert first != other
    assert (tmp_path / "first" / "report.html").read_bytes() == (tmp_path / "again" / "report.html").read_bytes()


def test_more_than_there_is_takes_what_there_is(tmp_path: Path, prepared_folder: Path, model_folder: Path) -> None:
    numbers = run(tmp_path, prepared_folder, model_folder, samples=10_000, baselines=3, split="validation", top=99)
    assert numbers["samples"] == len(Prepared.open(prepared_folder).starts("validation"))
    assert len([key for key in numbers if key.endswith("/share")]) == 5


def test_a_residual_above_the_bound_fails_and_writes_nothing(
    tmp_path: Path, prepared_folder: Path, model_folder: Path
) -> None:
    bounds = {"nodes": 1, "max_nodes": 1, "max_residual": 1e-6}
    with pytest.raises(step.ResidualError, match=r"with 1 quadrature nodes: raise explain\.max_nodes") as caught:
        run(tmp_path, prepared_folder, model_folder, **bounds)
    assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_diverged_model_is_said_to_be_one(tmp_path: Path, prepared_folder: Path, model_folder: Path) -> None:
    diverged = tmp_path / "model"
    shutil.copytree(model_folder, diverged)
    model = keras.saving.load_model(diverged / "model.keras")
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    model.save(diverged / "model.keras")
    with pytest.raises(step.ResidualError, match="did its training diverge"):
        run(tmp_path / "out", prepared_folder, diverged)


def test_an_empty_split_is_bad_input(tmp_path: Path, prepared_folder: Path, model_folder: Path) -> None:
    empty = tmp_path / "prepared"
    shutil.copytree(prepared_folder, empty)
    np.save(empty / "starts-test.npy", np.empty(0, dtype=np.int64))
    with pytest.raises(InputError, match=r"the test split of .* holds no windows"):
        run(tmp_path / "out", empty, model_folder)


def test_the_config_reports_every_problem_at_once() -> None:
    with pytest.raises(InputError) as caught:
        ExplainConfig.parse({"nods": 4, "samples": 0, "split": "future"}, section="explain")
    message = str(caught.value)
    assert "unknown key explain.nods: did you mean nodes?" in message
    assert "explain.samples" in message
    assert "explain.split" in message


def test_nodes_may_not_begin_above_their_maximum() -> None:
    with pytest.raises(InputError, match=r"nodes \(400\) must not exceed max_nodes \(384\)"):
        ExplainConfig.parse({"nodes": 400}, section="explain")


def test_without_shap_the_page_says_how_to_get_its_plots(
    tmp_path: Path, prepared_folder: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "shap" else found(name, *rest))
    run(tmp_path, prepared_folder, model_folder)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<img ") == 3
    assert "tandem-pipelines[explain]" in page
    with pytest.raises(InputError, match=r"explain\.plots is shap, and shap is not installed"):
        run(tmp_path / "forced", prepared_folder, model_folder, plots="shap")


def test_a_reference_and_groups_are_shown_when_asked_for(
    tmp_path: Path, prepared_folder: Path, model_folder: Path
) -> None:
    numbers = run(tmp_path, prepared_folder, model_folder, reference=2, groups={"noise": ["noise_*"]}, plots="none")
    assert numbers["reference_correlation"] > 0.95
    page = (tmp_path / "report.html").read_text()
    assert "Against permutation Shapley values of 2 windows" in page
    assert "Groups of features" in page


def test_a_step_that_is_not_forecast_is_refused(tmp_path: Path, prepared_folder: Path, model_folder: Path) -> None:
    with pytest.raises(InputError, match=r"explain\.steps: .* forecasts row 7 ahead, not 3, 9"):
        run(tmp_path, prepared_folder, model_folder, steps=[3, 7, 9])


def test_a_notebook_gets_the_explanation_itself(prepared_folder: Path, model_folder: Path) -> None:
    from components.explain import explain

    explanation = explain(model_folder, prepared_folder, samples=3, baselines=4, seed=1)
    assert explanation.summed(["time"]).shape == (3, 5, 1)
    with pytest.raises(InputError, match=r"unknown key explain\.sample: did you mean samples"):
        explain(model_folder, prepared_folder, sample=3)
