from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.shared.artifacts import TrainedModel
from components.shared.device import Device
from components.shared.distribution import Cluster, Distribution
from components.shared.errors import InputError
from components.train import history, placing, replication
from components.train.config import TrainConfig
from components.train.mode import choose
from components.train.source import WindowSource
from components.train.stepping.replicas import own

Make = Callable[..., WindowSource]
PROBE = Path(__file__).parent / "probe_replicas.py"
NET: dict[str, Any] = {"kind": "gru", "units": [6], "dropout": 0.0}
PLATEAU: dict[str, Any] = {"kind": "plateau", "patience": 1}
SECTION: dict[str, Any] = {
    "model": NET, "epochs": 4, "batch_size": 33, "optimizer": {"clip_norm": 0.1}, "schedule": PLATEAU
}  # fmt: skip
"""239 windows in batches of 33: no batch divides by 2, the last one of 8 not by 3, and the gradient is clipped."""

GPUS = Device("cuda", "NVIDIA A100", 4, "played", memory_bytes=40 << 30)
MIRRORED = Distribution("mirrored", ("GPU:0", "GPU:1", "GPU:2", "GPU:3"), "played")
WORKERS = Distribution("workers", ("GPU:0",), "played", Cluster(("a:1", "b:1"), 1, False))
TPU = Distribution("tpu", ("TPU:0",), "played")


def parsed(**changes: Any) -> TrainConfig:
    return TrainConfig.parse({**SECTION, **changes}, section="train")


def start(what: str, replicas: int, prepared: Path, folder: Path, **environment: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    given = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2", **environment}
    return subprocess.Popen(
        [sys.executable, str(PROBE), what, str(replicas), str(prepared), str(folder), json.dumps(SECTION)],
        env={**os.environ, **given}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def ended(*processes: subprocess.Popen[str]) -> list[str]:
    try:
        outputs = [process.communicate(timeout=240)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(outputs)
    return outputs


def arrays(path: Path) -> list[np.ndarray]:
    with np.load(path) as stored:
        return [stored[name] for name in stored.files]


@pytest.mark.slow
def test_replicas_end_with_the_weights_of_one_device_interrupted_or_not(prepared_folder: Path, tmp_path: Path) -> None:
    ended(*(start("fit", count, prepared_folder, tmp_path / f"{count}") for count in (1, 2, 3)))
    expected = arrays(tmp_path / "1" / "weights.npz")
    for count in (2, 3):
        for mine, theirs in zip(arrays(tmp_path / f"{count}" / "weights.npz"), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=2e-6)
        rows = history.read(tmp_path / f"{count}")
        assert len(rows) == 4
        for mine, theirs in zip(rows, history.read(tmp_path / "1"), strict=True):
            assert mine == pytest.approx(theirs, rel=1e-5)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.mark.slow
def test_two_workers_make_the_model_of_one_process_and_only_the_chief_writes_it(
    prepared_folder: Path, tmp_path: Path
) -> None:
    pools = ("workerpool0", "workerpool1")
    members = {pool: [f"127.0.0.1:{port}"] for pool, port in zip(pools, free_ports(2), strict=True)}
    tasks = [{"cluster": members, "task": {"type": pool, "index": 0}} for pool in members]
    chief, worker, alone = ended(
        *(
            start("step", 1, prepared_folder, tmp_path / name, CLUSTER_SPEC=json.dumps(task))
            for name, task in zip(("chief", "worker"), tasks, strict=True)
        ),
        start("step", 1, prepared_folder, tmp_path / "alone"),
    )
    assert "writes the artifacts" in chief
    assert "FIGURES 4" in chief
    assert "FIGURES None" in worker
    assert "FIGURES 4" in alone
    assert not list((tmp_path / "worker").iterdir())
    assert sorted(path.name for path in (tmp_path / "chief").iterdir()) == ["curves.html", "model"]
    models = [TrainedModel.open(tmp_path / name / "model") for name in ("chief", "alone")]
    for mine, theirs in zip(*(model.keras.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-6)
    made = json.loads((tmp_path / "chief" / "model" / "environment.json").read_text())["distribution"]
    assert made == {"kind": "workers", "replicas": 2, "workers": 2}


@pytest.mark.parametrize(
    ("distribution", "changes", "expected"),
    [
        (MIRRORED, {"precision": "mixed_float16"}, ["train.precision"]),
        (MIRRORED, {"xla": True, "precision": "mixed_float16"}, ["train.precision", "train.xla"]),
        (WORKERS, {"tune": {"trials": 2}, "xla": True}, ["train.xla", "train.tune"]),
        (MIRRORED, {"tune": {"trials": 2}}, []),
        (TPU, {"xla": True}, []),
        (None, {"xla": True, "precision": "mixed_float16"}, []),
    ],
    ids=["float16", "two", "workers", "search", "tpu", "one"],
)
def test_what_replicas_cannot_do_is_refused_all_at_once(
    distribution: Distribution | None, changes: dict[str, Any], expected: list[str]
) -> None:
    if not expected:
        replication.check(parsed(**changes), distribution)
        return
    with pytest.raises(InputError) as refused:
        replication.check(parsed(**changes), distribution)
    assert [
        key for key in ("train.precision", "train.xla", "train.tune") if f"{key}:" in str(refused.value)
    ] == expected
    assert "train.distribution=off" in str(refused.value)


def test_boosted_trees_grow_on_one_machine(label_source: Make, caplog: pytest.LogCaptureFixture) -> None:
    found = replication.settle(parsed(model={"kind": "dart"}), label_source(), GPUS)
    assert found.kind == "single"
    assert "3 of 4 accelerators stay idle: dart is no network" in caplog.text


def test_arrays_too_large_for_each_accelerator_are_fed_to_one_aloud(
    label_source: Make, caplog: pytest.LogCaptureFixture
) -> None:
    small = Device("cuda", "two GPUs of 100 bytes", 2, "played", memory_bytes=100)
    assert replication.settle(parsed(), label_source(), small).kind == "single"
    assert "too large for each accelerator" in caplog.text


def test_a_worker_begins_with_what_the_chief_had_finished_in_a_folder_of_its_own(tmp_path: Path) -> None:
    shared = tmp_path / "model.progress"
    shared.mkdir()
    for name in ("epoch-00002.weights.h5", "best.weights.h5", "history.csv", "batch_size.json"):
        (shared / name).write_text(name)
    mine = replication.progress_folder(str(tmp_path / "model"), WORKERS)
    assert mine != shared
    assert sorted(path.name for path in mine.iterdir()) == ["best.weights.h5", "epoch-00002.weights.h5", "history.csv"]
    assert replication.progress_folder(str(tmp_path / "model"), MIRRORED) == shared


def test_workers_take_a_batch_of_what_each_is_advised_and_try_nothing(label_source: Make, tmp_path: Path) -> None:
    def build() -> Any:
        raise AssertionError("a worker that tries sizes alone leaves the others waiting")

    source = label_source(rows=5000)
    source = WindowSource(source.features, source.labels, {"train": np.arange(4000)}, source.shape)
    assert placing.batch_size(source, GPUS, tmp_path, build, WORKERS) == 2 * 256


def test_workers_time_nothing_and_replicas_choose_among_what_they_can_run(label_source: Make) -> None:
    section = parsed(precision="auto", epochs=5000)

    def build(*_: Any) -> Any:
        raise AssertionError("each worker would time, and choose, for itself")

    chosen = choose(section, label_source(), GPUS, build, WORKERS)
    assert (chosen.precision, chosen.xla) == ("float32", False)


def test_one_replica_takes_the_batch_as_it_is() -> None:
    windows = tf.range(7)
    assert own(windows, 1) == (windows, None)
