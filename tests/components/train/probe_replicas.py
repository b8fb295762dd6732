"""A process of its own, which tests start: train on logical CPU devices, or as one of several workers.

``probe_replicas.py fit REPLICAS PREPARED FOLDER CONFIG`` trains on so many logical CPUs, is interrupted after the
second epoch and goes on; ``probe_replicas.py step 1 PREPARED FOLDER CONFIG`` runs the train step as the environment
says. Logical devices must be set before TensorFlow starts, and a process joins a cluster once.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np


def fit(replicas: int, prepared: Path, folder: Path, config: Any) -> None:
    import keras
    import tensorflow as tf

    from components.shared.artifacts import Prepared
    from components.shared.device import Device
    from components.train import loop, replication
    from components.train.source import WindowSource

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
    source = WindowSource.of(Prepared.open(prepared), config.loss)
    device = Device("cpu", "logical", replicas, "played")
    together = replication.settle(config, source, device)

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  Keras fixes the signature
            if epoch == 1:
                raise KeyboardInterrupt

    try:
        loop.fit(config, source, folder, seed=3, device=device, distribution=together, watch=[Interrupt()])
    except KeyboardInterrupt:
        again = loop.fit(config, source, folder, seed=3, device=device, distribution=together)
        np.savez(folder / "weights.npz", *again.model.get_weights())


def step(_replicas: int, prepared: Path, folder: Path, config: Any) -> None:
    from components.train import step as train_step

    told = train_step.run(config, str(prepared), f"{folder}/model", f"{folder}/curves.html", device="cpu", seed=3)
    sys.stdout.write(f"FIGURES {None if told is None else told.epochs}\n")


if __name__ == "__main__":
    from components.train.config import TrainConfig

    logging.basicConfig(level=logging.INFO)
    what, replicas, prepared, folder, section = sys.argv[1:]
    run = {"fit": fit, "step": step}[what]
    run(int(replicas), Path(prepared), Path(folder), TrainConfig.parse(json.loads(section), section="train"))
