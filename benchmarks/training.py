"""Whole epochs in one compiled call, beside Keras's own ``fit`` on the same net, the same windows and one thread.

    python -m benchmarks.training [--json]

Figures are CPU seconds an epoch once compiled; compile time is printed beside them, because short trainings never earn
it back. The peer is fed from memory by start index, as ours is, so that the difference is the stepping alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

for _variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_variable, "1")

from benchmarks import Figure, show  # noqa: E402

if TYPE_CHECKING:
    from components.train.source import WindowSource

NETS: dict[str, tuple[dict[str, Any], int, int, int]] = {
    # name -> (model, rows, look-back, features)
    "small_net": ({"kind": "feedforward", "units": [10, 10], "norm": "batch", "dropout": 0.1}, 50_000, 1, 20),
    "lstm": ({"kind": "lstm", "units": [64, 32]}, 3_000, 30, 20),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    show(_figures(), peer="Keras fit", as_json=parser.parse_args().json)


def _figures() -> Iterator[Figure]:
    for name, (model, rows, lookback, features) in NETS.items():
        source = _source(rows, lookback, features)
        peer = _timed(_fit(model, source), f"{name} by Keras")
        ours = {xla: _timed(_ours(model, source, xla), f"{name}{' with XLA' if xla else ''}") for xla in (False, True)}
        yield Figure(f"{name}_epoch_cpu_s", ours[False], peer, "s")
        yield Figure(f"{name}_epoch_xla_cpu_s", ours[True], peer, "s")


def _source(rows: int, lookback: int, features: int) -> WindowSource:
    import numpy as np

    from components.train.models.kind import WindowShape
    from components.train.source import WindowSource

    rng = np.random.default_rng(0)
    values, labels = rng.standard_normal((rows, features), np.float32), rng.standard_normal(rows, np.float32)
    starts = {"train": np.arange(rows - lookback + 1)}
    return WindowSource(values, labels, starts, WindowShape(lookback, features))


def _ours(model: dict[str, Any], source: WindowSource, xla: bool) -> Callable[[], object]:
    import numpy as np

    from components.train import loop
    from components.train.config import TrainConfig

    config = TrainConfig.parse({"model": model, "batch_size": 32}, section="train")
    _, steps = loop.compiled(config, source, seed=0, target=None, xla=xla)
    order = np.random.default_rng(1).permutation(source.starts["train"]).astype(np.int32)
    return lambda: steps.train(order, 32)


def _fit(model: dict[str, Any], source: WindowSource) -> Callable[[], object]:
    import keras

    from components.train import feeding, loop
    from components.train.config import TrainConfig

    config = TrainConfig.parse({"model": model, "batch_size": 32}, section="train")
    net, _ = loop.compiled(config, source, seed=0, target=None)
    net.compile(keras.optimizers.AdamW(1e-3, global_clipnorm=1.0), loss="mse")
    batches, order = feeding.window_batches(net, source, "train", batch_size=32, seed=1)
    return lambda: net.fit(batches, epochs=1, callbacks=[order], shuffle=False, verbose=0)


def _timed(epoch: Callable[[], object], what: str) -> float:
    """CPU seconds of an epoch, the median of three after one that compiles."""
    taken = []
    for _ in range(4):
        began = time.process_time()
        epoch()
        taken.append(time.process_time() - began)
    first, median = taken[0], sorted(taken[1:])[1]
    print(f"# {what}: {first - median:.1f} s CPU to compile", file=sys.stderr, flush=True)
    return median


if __name__ == "__main__":
    main()
