"""What a small net costs on each device of this machine, in each precision, compiled and not.

    python -m benchmarks.device [--json] [--quick] [--write FILE] [--models lstm,itransformer] [--threads N]

The backend is the one in use (KERAS_BACKEND). Each combination is measured in a process of its own, with its threads
pinned, beside the plain one of the same model, which comes first: the CPU, float32, not compiled. Compiling is XLA with
TensorFlow and torch.compile with torch; JAX is always compiled, being of no use otherwise.

step_ms             one training step, median
windows_per_s       inference, full batches
latency_p50_ms      inference of one window, median; latency_p95_ms is its 95th percentile
memory_mib          most memory over that of the imported backend, the GPU's own included
warmup_s            first inference: tracing, and moving weights
compile_s           first training step less a usual one

``--write FILE`` also writes the recommendations: the combination with the fastest step whose loss after the same
steps is within 20 % of the plain one's, and which combination answers fastest.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import Figure, show
from benchmarks.memory import held_mib, peak_mib

ROOT = Path(__file__).resolve().parent.parent
LOOKBACK, FEATURES, STEPS = 96, 7, 24
MODELS = ("feedforward", "lstm", "itransformer")
UNITS = {
    "step_ms": "ms", "windows_per_s": "1/s", "latency_p50_ms": "ms", "latency_p95_ms": "ms", "memory_mib": "MiB",
    "warmup_s": "s", "compile_s": "s",
}  # fmt: skip
SAFE = 0.2
"""Largest difference of the loss from the plain combination's that is still taken for the same training."""


@dataclass(frozen=True)
class Cell:
    """One combination to measure."""

    model: str
    accelerator: str
    precision: str
    compiled: bool

    @property
    def name(self) -> str:
        return f"{self.model}_{self.accelerator}_{self.precision}{'_compiled' if self.compiled else ''}"


@dataclass(frozen=True)
class Measured:
    """Figures of a cell by name, and the loss after the same steps; ``error`` in place of them when it failed."""

    figures: dict[str, float]
    loss: float
    error: str = ""


def cells(models: list[str], *, quick: bool) -> list[Cell]:
    """Every combination that this machine offers, the plain one of each model first."""
    seen = json.loads(_run([sys.executable, "-m", "components.shared"], threads=1))
    precisions = ["float32"] if quick else list(seen["advice"]["precision_candidates"])
    devices = list(dict.fromkeys(["cpu", seen["accelerator"]]))
    choices = (True,) if seen["backend"] == "jax" else (False, True)
    return [
        Cell(model, accelerator, precision, compiled)
        for model in models
        for accelerator in devices
        for precision in precisions
        for compiled in choices
    ]


def measure(cell: Cell, *, quick: bool, threads: int) -> Measured:
    """Measure one combination in a new process."""
    command = [sys.executable, "-m", "benchmarks.device", "--cell", json.dumps(asdict(cell))]
    try:
        told = json.loads(_run(command + ["--quick"] * quick, threads=threads))
    except subprocess.CalledProcessError as failure:  # a combination this machine refuses is a result
        lines = [line for line in failure.stderr.splitlines() if line.strip()]
        return Measured({}, float("nan"), lines[-1][:200] if lines else f"exit code {failure.returncode}")
    return Measured(told["figures"], told["loss"])


def _run(command: list[str], *, threads: int) -> str:
    pinned = {
        name: str(threads)
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "VECLIB_MAXIMUM_THREADS")
    }
    eigen = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    environment = {**os.environ, **pinned, "XLA_FLAGS": eigen, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
    return done.stdout.splitlines()[-1]


def measure_here(cell: Cell, *, quick: bool) -> dict[str, Any]:
    """Measure one combination in this process."""
    import keras
    import numpy as np

    from components.shared import device
    from components.shared.memory import peak_bytes

    found = device.detect(cell.accelerator)
    device.apply(found)
    keras.config.set_dtype_policy(cell.precision)
    keras.utils.set_random_seed(0)
    imported = held_mib()
    model, windows, truth = _net(cell)
    batch = len(windows)
    model.compile(keras.optimizers.Adam(1e-3), loss="mse", jit_compile=cell.compiled)

    warmup = _seconds(lambda: model.predict_on_batch(windows[:1]))
    first = _seconds(lambda: model.train_on_batch(windows, truth))
    steps = [_seconds(lambda: model.train_on_batch(windows, truth)) for _ in range(8 if quick else 30)]
    loss = float(model.train_on_batch(windows, truth))
    model.predict_on_batch(windows)
    full = [_seconds(lambda: model.predict_on_batch(windows)) for _ in range(5 if quick else 15)]
    single = [_seconds(lambda: model.predict_on_batch(windows[:1])) for _ in range(40 if quick else 200)]
    step = statistics.median(steps)
    return {
        "loss": loss,
        "figures": {
            "step_ms": step * 1e3,
            "windows_per_s": batch / statistics.median(full),
            "latency_p50_ms": float(np.percentile(single, 50)) * 1e3,
            "latency_p95_ms": float(np.percentile(single, 95)) * 1e3,
            "memory_mib": peak_mib() - imported + peak_bytes(found.accelerator) / 2**20,
            "warmup_s": warmup,
            "compile_s": max(0.0, first - step),
        },
    }


def _net(cell: Cell, batch: int = 64) -> tuple[Any, Any, Any]:
    """A registered model of its usual size, and one batch of noise to learn."""
    import numpy as np

    from components.train import models
    from components.train.models.kind import WindowShape

    shape = WindowShape(lookback=LOOKBACK, features=FEATURES, steps=STEPS, channels=FEATURES)
    model = models.build(models.REGISTRY[cell.model].config(kind=cell.model), shape)
    rng = np.random.default_rng(0)
    windows = rng.normal(size=(batch, LOOKBACK, FEATURES)).astype(np.float32)
    return model, windows, rng.normal(size=(batch, *shape.output)).astype(np.float32)


def _seconds(call: Callable[[], Any]) -> float:
    """Wall seconds of a call that waits for its result: both of Keras's calls return numbers, not promises."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def figures(results: Iterable[tuple[Cell, Measured]]) -> Iterator[Figure]:
    """Each measured figure beside the plain combination's; a combination that failed is told on standard error."""
    plain: dict[str, Measured] = {}
    for cell, measured in results:
        if measured.error:
            print(f"{cell.name}: {measured.error}", file=sys.stderr)
            continue
        beside = plain.setdefault(cell.model, measured)
        for name, value in measured.figures.items():
            # A ratio needs a peer above zero, and what took no time at all has none.
            yield Figure(f"{cell.name}_{name}", value, max(beside.figures[name], 1e-9), UNITS[name])


def print_table(results: Iterable[tuple[Cell, Measured]]) -> None:
    """One line a combination, as it comes."""
    print(f"{'':44}" + "".join(f"{name:>16}" for name in UNITS), flush=True)
    for cell, measured in results:
        row = "".join(f"{measured.figures[name]:>16,.4g}" for name in UNITS) if measured.figures else measured.error
        print(f"{cell.name:44}{row}", flush=True)


def recommend(results: list[tuple[Cell, Measured]]) -> dict[str, Any]:
    """The fastest safe combination of each model for training, and the fastest for answering one window."""
    chosen: dict[str, Any] = {}
    for model in dict.fromkeys(cell.model for cell, _ in results):
        tried = {cell: measured for cell, measured in results if cell.model == model}
        ran = {cell: measured for cell, measured in tried.items() if not measured.error}
        usual = next((measured.loss for measured in ran.values()), float("nan"))
        safe = {cell: measured for cell, measured in ran.items() if abs(measured.loss - usual) <= SAFE * usual}
        chosen[model] = {
            "train": _fastest(safe, "step_ms"),
            "serve": _fastest(safe, "latency_p50_ms"),
            "refused": {cell.name: measured.error for cell, measured in tried.items() if measured.error},
            "unsafe": sorted(cell.name for cell in ran if cell not in safe),
        }
    return chosen


def _fastest(safe: dict[Cell, Measured], figure: str) -> dict[str, Any] | None:
    if not safe:
        return None
    cell = min(safe, key=lambda cell: safe[cell].figures[figure])
    rounded = {name: float(f"{value:.4g}") for name, value in safe[cell].figures.items()}
    return {"device": cell.accelerator, "precision": cell.precision, "compiled": cell.compiled, "measured": rounded}


def write(path: Path, results: list[tuple[Cell, Measured]], threads: int) -> None:
    """Write the recommendations with what they were measured on."""
    from components.shared.files import write_json

    seen = json.loads(_run([sys.executable, "-m", "components.shared"], threads=1))
    machine = {key: seen[key] for key in ("name", "chip", "memory_bytes", "backend", "version", "advice")}
    write_json(
        path,
        {
            "measured": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "threads": threads,
            "window": {"lookback": LOOKBACK, "features": FEATURES, "steps": STEPS}, "models": recommend(results),
        },
    )  # fmt: skip
    print(f"recommendations: {path}", file=sys.stderr)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one line a figure; ratio is this combination / plain")
    parser.add_argument("--quick", action="store_true", help="float32 only, and fewer repetitions")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write recommendations as JSON")
    parser.add_argument("--models", default=",".join(MODELS), help="comma-separated kinds (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of every measured process (default: 1)")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    if arguments.cell:
        print(json.dumps(measure_here(Cell(**json.loads(arguments.cell)), quick=arguments.quick)))
        return
    results: list[tuple[Cell, Measured]] = []

    def measured() -> Iterator[tuple[Cell, Measured]]:
        for cell in cells(arguments.models.split(","), quick=arguments.quick):
            results.append((cell, measure(cell, quick=arguments.quick, threads=arguments.threads)))
            yield results[-1]

    if arguments.json:
        show(figures(measured()), peer="plain", as_json=True)
    else:
        print_table(measured())
    if arguments.write:
        write(arguments.write, results, arguments.threads)


if __name__ == "__main__":
    main()
