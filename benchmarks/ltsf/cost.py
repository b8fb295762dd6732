"""What training the iTransformer preset costs on one thread, beside the plain PyTorch twin: each in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Figure
from benchmarks.memory import held_mib, peak_mib

ROOT = Path(__file__).resolve().parent.parent.parent
ROWS, CHANNELS, MARKS, LOOKBACK, HORIZON = 8640, 7, 4, 96, 96
"""The size of ETTh1's train split."""
FEEDING_ROWS = (10**4, 10**5, 10**6, 10**7)
INTERPRETER = "TANDEM_BACKENDS_PYTHON"
"""Names an interpreter that has torch, where this one has not."""


def figures() -> Iterator[Figure]:
    """Step, epoch, memory and feeding. The twin is skipped, saying so, where no interpreter with torch is named."""
    peer = _twin()
    ours = _measure("ours")
    if peer is None:
        print(f"# no torch: set {INTERPRETER} to an interpreter that has it", file=sys.stderr)
        peer = dict.fromkeys(("step_ms", "epoch_s", "batch_us", "mib"), float("nan"))
    yield Figure("itransformer_step_cpu_ms", ours["step_ms"], peer["step_ms"], "ms")
    yield Figure("itransformer_epoch_cpu_s", ours["epoch_s"], peer["epoch_s"], "s")
    yield Figure("itransformer_compile_cpu_s", ours["compile_s"], ours["epoch_s"], "s once, beside an epoch")
    yield Figure("itransformer_memory_mib", ours["mib"], peer["mib"], "MiB over imports")
    flat = {rows: _measure("feed", str(rows))["batch_us"] for rows in FEEDING_ROWS}
    yield Figure("window_batch_us", flat[10**4], peer["batch_us"], "us")
    for rows in FEEDING_ROWS[1:]:
        yield Figure(f"window_batch_us_{rows:.0e}".replace("+0", ""), flat[rows], flat[10**4], "us, beside 10^4 rows")


def _twin() -> dict[str, float] | None:
    interpreter = os.environ.get(INTERPRETER, sys.executable)
    if subprocess.run([interpreter, "-c", "import torch"], capture_output=True).returncode:
        return None
    size = [str(value) for value in (ROWS, CHANNELS, MARKS, LOOKBACK, HORIZON)]
    return _answer([interpreter, "-m", "benchmarks.ltsf.twin", *size])


def _measure(*what: str) -> dict[str, float]:
    return _answer([sys.executable, "-m", "benchmarks.ltsf.cost", *what])


def _answer(command: list[str]) -> dict[str, float]:
    pinned = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **pinned})
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure_training() -> dict[str, float]:
    """CPU cost of the preset through the product's own training path: compiled epochs over arrays on the device."""
    import keras
    import numpy as np
    import tensorflow as tf

    from benchmarks.ltsf.models import MODELS
    from components.train import losses, models, optimization
    from components.train.models.kind import WindowShape
    from components.train.source import WindowSource
    from components.train.stepping import stepper

    tf.constant(0.0) + 1.0  # the runtime itself belongs to the imports
    before = held_mib()
    keras.utils.set_random_seed(0)
    features = (np.random.default_rng(0).standard_normal((ROWS, CHANNELS + MARKS)).cumsum(axis=0) * 0.05).astype("f4")
    shape = WindowShape(LOOKBACK, CHANNELS + MARKS, HORIZON, CHANNELS, MARKS)
    starts = np.arange(ROWS - LOOKBACK - HORIZON + 1, dtype=np.int32)
    source = WindowSource(features, np.zeros(0, np.float32), {"train": starts}, shape)
    config = MODELS["itransformer"].config(HORIZON)
    model = models.build(config.model, shape)
    steps = -(-len(starts) // config.windows_a_step)
    loss = losses.build(config.loss)
    model.compile(optimization.optimizer(config, steps), loss=loss)
    run = stepper(model, loss, source, xla=config.xla is True)
    order = np.random.default_rng(1).permutation(starts)
    began = time.process_time()
    run.train(order, config.windows_a_step)
    first = time.process_time() - began
    epochs = []
    for _ in range(3):
        began = time.process_time()
        run.train(order, config.windows_a_step)
        epochs.append(time.process_time() - began)
    epoch = sorted(epochs)[1]
    return {
        "step_ms": epoch / steps * 1e3,
        "epoch_s": epoch,
        "compile_s": max(0.0, first - epoch),
        "mib": peak_mib() - before,
    }


def measure_feeding(rows: int) -> dict[str, float]:
    """CPU microseconds to gather a batch of 32 windows on the host from a memory-mapped array of this many rows."""
    import numpy as np

    from components.train.models.kind import WindowShape
    from components.train.source import WindowSource

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.npy"
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, CHANNELS))
        for first in range(0, rows, 1 << 20):
            array[first : first + (1 << 20)] = first
        features = np.load(path, mmap_mode="c")
        source = WindowSource(features, np.zeros(rows, np.float32), {}, WindowShape(LOOKBACK, CHANNELS))
        batches = np.random.default_rng(0).integers(0, rows - LOOKBACK, (2000, 32))
        for starts in batches:  # every page is in memory before the clock starts
            source.host_batch(starts)
        began = time.process_time()
        for starts in batches:
            source.host_batch(starts)
        return {"batch_us": (time.process_time() - began) / len(batches) * 1e6}


if __name__ == "__main__":
    print(json.dumps(measure_training() if sys.argv[1] == "ours" else measure_feeding(int(sys.argv[2]))))
