"""Expected gradients by quadrature beside shap's explainers: LSTM, GRU and iTransformer, 100 forecasts x 100 baselines.

    python -m benchmarks.explain [--json] [--models lstm,gru] [--samples 100] [--baselines 100] [--panel]

Windows are (30, 56) of standard normal values, models the shipped kinds with their default sizes, trained a little so
that features matter. Each explainer runs in a process of its own on one thread; seconds are CPU time of explaining,
with tracing and compilation, without imports and training. Both explain against all baselines given.

<kind>_residual_pct   share of the explained differences that attributions miss, in percent
<kind>_cpu_s          CPU seconds; the peer is shap's GradientExplainer with its 200 samples a forecast
<kind>_error_pct      distance from converged attributions (12 inner nodes, a few forecasts), in percent of their size

shap's DeepExplainer is run as well, on a few forecasts, and what became of it is said. ``--panel`` takes models and
windows of the shipped soybean panel instead: test windows lie far from train windows there, which is harder for both.
There paths are refined as the explain stage does, to a quarter of its bound, and converged means a residual of 0.01 %.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import Figure, show

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("lstm", "gru", "itransformer")
LOOKBACK, FEATURES = 30, 56
NODES = {"lstm": 4, "gru": 3, "itransformer": 3}
"""Inner nodes a path; with the shared ends, 4 integrate polynomials of degree 9."""
CHECKED = 3
CONVERGED = {"nodes": 12}
CONVERGED_PANEL = {"nodes": 12, "max_nodes": 4096, "target": 1e-4}
EXPLAINERS = ("ours", "shap_gradient", "shap_deep")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    parser.add_argument("--models", default=",".join(KINDS))
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--baselines", type=int, default=100)
    parser.add_argument("--panel", action="store_true", help="models and windows of the shipped panel")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(_explain_here(Path(arguments.one))))
        return
    kinds = arguments.models.split(",")
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        parser.error(f"--models: expected some of {', '.join(KINDS)}, got {', '.join(unknown)}")
    sizes = (arguments.samples, arguments.baselines)
    show(_figures(kinds, *sizes, panel=arguments.panel), peer="shap", as_json=arguments.json)


def _figures(kinds: list[str], samples: int, baselines: int, *, panel: bool) -> Iterator[Figure]:
    for kind in kinds:
        with tempfile.TemporaryDirectory() as work:
            _run("prepare", Path(work), kind=kind, samples=samples, baselines=baselines, panel=panel)
            told = {who: _run(who, Path(work), panel=panel) for who in EXPLAINERS}
        ours, theirs, deep = (told[who] for who in EXPLAINERS)
        says = deep.get("error") or f"residual {deep['residual_pct']:.3g} %, {deep['cpu_s']:.3g} s"
        print(f"# {kind}: shap.DeepExplainer on {CHECKED} forecasts: {says}", file=sys.stderr, flush=True)
        print(f"# {kind}: {ours['evaluations']:,.0f} gradients, shap {200 * samples:,}", file=sys.stderr, flush=True)
        for name, unit in (("residual_pct", "%"), ("cpu_s", "s"), ("error_pct", "%")):
            yield Figure(f"{'panel_' * panel}{kind}_{name}", ours[name], theirs[name], unit)


def _run(task: str, work: Path, **settings: Any) -> dict[str, Any]:
    """Do one task in a new process on one thread; what it answers."""
    (work / "task.json").write_text(json.dumps({"task": task, **settings}))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    command = [sys.executable, "-m", "benchmarks.explain", "--one", str(work)]
    environment = {
        **os.environ,
        **threads,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    }
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{task} failed:\n{done.stderr[-3000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _explain_here(work: Path) -> dict[str, Any]:
    asked = json.loads((work / "task.json").read_text())
    task = asked.pop("task")
    if task == "prepare":
        _prepare(work, **asked)
        return {}
    import keras

    from components.shared import layers  # noqa: F401  registers what the model holds

    model = keras.saving.load_model(work / "model.keras", compile=False)
    arrays = np.load(work / "arrays.npz")
    samples, baselines = arrays["samples"], arrays["baselines"]
    if task == "shap_deep":
        samples = samples[:CHECKED]
    explain: Explain = {"ours": _ours, "shap_gradient": _gradient, "shap_deep": _deep}[task]
    converged = CONVERGED
    if asked["panel"]:
        from components.explain import ExplainConfig

        converged, stage = CONVERGED_PANEL, ExplainConfig()
        if task == "ours":
            explain = partial(_ours, max_nodes=stage.max_nodes, target=stage.max_residual / 4)
    return _measure(explain, model, samples, baselines, converged)


def _prepare(work: Path, kind: str, samples: int, baselines: int, panel: bool) -> None:
    """Write a trained model and the windows to explain."""
    if panel:
        model, given, background = _panel(work, kind, samples, baselines)
    else:
        model, given, background = _synthetic(kind, samples, baselines)
    model.save(work / "model.keras")
    np.savez(work / "arrays.npz", samples=given, baselines=background)


def _synthetic(kind: str, samples: int, baselines: int) -> tuple[Any, NDArray[Any], NDArray[Any]]:
    import keras

    from components.train.models import REGISTRY, build
    from components.train.models.kind import WindowShape

    keras.utils.set_random_seed(1)
    model = build(REGISTRY[kind].config(kind=kind), WindowShape(LOOKBACK, FEATURES))
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(1000 if kind == "itransformer" else 4000, LOOKBACK, FEATURES)).astype(np.float32)
    labels = np.tanh(windows[:, -5:, :3].sum(axis=(1, 2))) + windows[:, -1, 4] * windows[:, -2, 5]
    model.compile("adam", "mse")
    model.fit(windows, labels, epochs=4, batch_size=64, verbose=0)
    return model, windows[:samples], windows[samples : samples + baselines]


def _panel(work: Path, kind: str, samples: int, baselines: int) -> tuple[Any, NDArray[Any], NDArray[Any]]:
    from components.ingest import step as ingest
    from components.ingest.config import IngestConfig
    from components.preprocess import step as preprocess
    from components.preprocess.config import PreprocessConfig
    from components.shared.artifacts import Prepared, TrainedModel
    from components.train import step as train
    from components.train.config import TrainConfig
    from pipelines import experiments

    section = experiments.resolve("forecasting", config="lstm_1m").arguments["ingest"]
    ingest.run(IngestConfig.parse(section, section="ingest"), str(work / "table"))
    settings = {"horizon": "1m", "lookback": LOOKBACK, "target_transform": "log_return"}
    preprocess.run(PreprocessConfig.parse(settings, section="preprocess"), str(work / "table"), str(work / "prepared"))
    config = TrainConfig.parse({"model": {"kind": kind}, "epochs": 4, "batch_size": 64, "backup": False})
    train.run(config, str(work / "prepared"), str(work / "model"), str(work / "page"), device="cpu", seed=0)
    prepared = Prepared.open(work / "prepared")
    drawn = np.random.default_rng(0).choice(prepared.starts("train"), baselines, replace=False)
    spread = np.linspace(0, len(prepared.starts("test")) - 1, samples).round().astype(int)
    given = prepared.windows(np.asarray(prepared.starts("test"))[spread])
    return TrainedModel.open(work / "model").keras, given, prepared.windows(drawn)


Explain = Callable[[Any, NDArray[np.float32], NDArray[np.float32]], tuple[NDArray[np.float64], float]]
"""Model, samples and baselines to attributions (samples, rows, features), and gradients taken."""


def _measure(
    explain: Explain, model: Any, samples: NDArray[np.float32], baselines: NDArray[np.float32], exact: dict[str, Any]
) -> dict[str, Any]:
    """Explain, with the CPU seconds that took; ``exact`` is how attributions are found that count as converged."""
    begun = time.process_time()
    try:
        values, evaluations = explain(model, samples, baselines)
    except Exception as error:  # an explainer that cannot explain a model is a result
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return {"error": f"fails: {type(error).__name__}: {lines[-1][:160] if lines else ''}"}
    seconds = time.process_time() - begun
    outputs, base = (model.predict(part, verbose=0)[:, 0].astype(np.float64) for part in (samples, baselines))
    explained = outputs - base.mean()
    missed = explained - values.sum(axis=(1, 2))
    converged = _ours(model, samples[:CHECKED], baselines, **exact)[0]
    distance = np.linalg.norm(values[:CHECKED] - converged) / np.linalg.norm(converged)
    return {
        "residual_pct": 100 * float(np.abs(missed).sum() / np.abs(explained).sum()),
        "cpu_s": seconds,
        "error_pct": 100 * float(distance),
        "evaluations": evaluations,
    }


def _ours(
    model: Any,
    samples: NDArray[np.float32],
    baselines: NDArray[np.float32],
    *,
    nodes: int = 0,
    max_nodes: int | None = None,
    target: float = 0.0,
) -> tuple[NDArray[np.float64], float]:
    import logging

    from components.explain import expected_gradients, folding, gradients, narrowing

    logging.getLogger("tandem.progress").addHandler(logging.NullHandler())
    nodes = nodes or NODES[model.name]
    points = len(samples) * len(baselines) * nodes
    function = gradients.of_model(folding.folded(narrowing.narrowed(model)), points=points)
    found = expected_gradients(
        function, [samples], [baselines], nodes=nodes, max_nodes=max_nodes, target_residual=target
    )
    return found.values[..., 0], found.evaluations


def _gradient(
    model: Any, samples: NDArray[np.float32], baselines: NDArray[np.float32]
) -> tuple[NDArray[np.float64], float]:
    import shap

    begun = shap.GradientExplainer(model, baselines).shap_values(samples, nsamples=200, rseed=0)
    return np.asarray(begun, dtype=np.float64).reshape(samples.shape), 200 * len(samples)


def _deep(
    model: Any, samples: NDArray[np.float32], baselines: NDArray[np.float32]
) -> tuple[NDArray[np.float64], float]:
    import shap

    found = shap.DeepExplainer(model, baselines).shap_values(samples)
    return np.asarray(found, dtype=np.float64).reshape(samples.shape), float("nan")


if __name__ == "__main__":
    main()
