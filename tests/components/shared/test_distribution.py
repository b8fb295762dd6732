from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from components.shared import distribution
from components.shared.device import Device
from components.shared.distribution import Cluster, Distribution, choose
from components.shared.errors import InputError

A100S = Device("cuda", "NVIDIA A100", 4, "played", memory_bytes=40 << 30)
L4 = Device("cuda", "NVIDIA L4", 1, "played", memory_bytes=24 << 30)
TPU = Device("tpu", "TPU", 8, "played")
CPU = Device("cpu", "x86_64", 1, "played")


def cluster(members: dict[str, list[str]], role: str, index: int) -> str:
    return json.dumps({"cluster": members, "task": {"type": role, "index": index}, "environment": "cloud"})


CHIEF_AND_WORKERS = {"chief": ["a:1"], "worker": ["b:1", "c:1", "d:1"]}
POOLS = {"workerpool0": ["a:1"], "workerpool1": ["b:1", "c:1", "d:1"]}
WORKERS = {"worker": ["a:1", "b:1", "c:1", "d:1"]}


@pytest.mark.parametrize(
    ("device", "environment", "kind", "replicas", "devices"),
    [
        (CPU, {}, "single", 1, ("CPU:0",)),
        (L4, {}, "single", 1, ("GPU:0",)),
        (A100S, {}, "mirrored", 4, ("GPU:0", "GPU:1", "GPU:2", "GPU:3")),
        (TPU, {}, "tpu", 8, tuple(f"TPU:{index}" for index in range(8))),
        (Device("tpu", "TPU", 1, "played"), {}, "tpu", 1, ("TPU:0",)),
        (Device("metal", "Apple M2", 1, "played"), {}, "single", 1, ("GPU:0",)),
        (L4, {"TF_CONFIG": cluster(CHIEF_AND_WORKERS, "worker", 2)}, "workers", 4, ("GPU:0",)),
        (L4, {"CLUSTER_SPEC": cluster(POOLS, "workerpool1", 0)}, "workers", 4, ("GPU:0",)),
        (A100S, {"TF_CONFIG": cluster(WORKERS, "worker", 0)}, "workers", 16, ("GPU:0", "GPU:1", "GPU:2", "GPU:3")),
        (L4, {"TF_CONFIG": cluster({"chief": ["a:1"]}, "chief", 0)}, "single", 1, ("GPU:0",)),
        (Device("cuda", "GPU", 4, "played", backend="torch"), {}, "single", 1, ("GPU:0",)),
    ],
    ids=["cpu", "gpu", "gpus", "tpu", "tpu-core", "metal", "workers", "vertex", "workers-gpus", "alone", "torch"],
)
def test_auto_takes_all_accelerators_and_all_workers(
    device: Device, environment: dict[str, str], kind: str, replicas: int, devices: tuple[str, ...]
) -> None:
    found = choose(device, "auto", environment)
    assert (found.kind, found.replicas, found.devices) == (kind, replicas, devices)


@pytest.mark.parametrize(
    ("members", "role", "index", "rank"),
    [
        (CHIEF_AND_WORKERS, "chief", 0, 0),
        (CHIEF_AND_WORKERS, "worker", 0, 1),
        (CHIEF_AND_WORKERS, "worker", 2, 3),
        (POOLS, "workerpool0", 0, 0),
        (POOLS, "workerpool1", 1, 2),
        (WORKERS, "worker", 0, 0),
        (WORKERS, "worker", 3, 3),
    ],
)
def test_one_process_is_the_chief_and_tensorflow_is_told_which(
    members: dict[str, list[str]], role: str, index: int, rank: int
) -> None:
    name = "CLUSTER_SPEC" if "workerpool0" in members else "TF_CONFIG"
    found = choose(L4, "auto", {name: cluster(members, role, index)})
    assert found.cluster is not None
    assert (found.cluster.rank, found.chief, found.idle) == (rank, rank == 0, False)
    told = found.cluster.resolver()
    hosts = told.cluster_spec().as_dict()
    assert hosts[told.task_type][told.task_id] == found.cluster.addresses[rank]
    assert sorted(host for each in hosts.values() for host in each) == ["a:1", "b:1", "c:1", "d:1"]


def test_tf_config_counts_where_both_are_set() -> None:
    both = {"TF_CONFIG": cluster(WORKERS, "worker", 1), "CLUSTER_SPEC": cluster(POOLS, "workerpool0", 0)}
    assert not choose(L4, "auto", both).chief


def test_off_leaves_the_training_to_one_device_of_the_chief(caplog: pytest.LogCaptureFixture) -> None:
    assert choose(A100S, "off", {}).replicas == 1
    worker = choose(L4, "off", {"TF_CONFIG": cluster(WORKERS, "worker", 2)})
    assert (worker.kind, worker.idle, worker.workers) == ("single", True, 1)
    with caplog.at_level(logging.INFO):
        worker.announce()
    assert "chief a:1 is worker 0; this is worker 2, which writes nothing and has nothing to do" in caplog.text


def test_the_chief_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        choose(L4, "auto", {"TF_CONFIG": cluster(WORKERS, "worker", 0)}).announce()
    assert "chief a:1 writes the artifacts" in caplog.text


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TF_CONFIG": "{"}, "TF_CONFIG: expected JSON like"),
        ({"CLUSTER_SPEC": "[1]"}, "CLUSTER_SPEC: expected JSON like"),
        ({"TF_CONFIG": cluster({**WORKERS, "ps": ["e:1"]}, "worker", 0)}, "got ps: training in lock step has neither"),
        ({"TF_CONFIG": cluster(WORKERS, "worker", 4)}, "task worker 4 is not in the cluster"),
        ({"TF_CONFIG": cluster(WORKERS, "chief", 0)}, "task chief 0 is not in the cluster"),
        ({"TF_CONFIG": cluster({"chief": ["a:1", "b:1"]}, "chief", 0)}, "expected one chief, got a:1, b:1"),
    ],
    ids=["not-json", "not-a-mapping", "servers", "index", "role", "two-chiefs"],
)
def test_a_cluster_that_is_not_one_is_refused_with_its_variable(environment: dict[str, str], expected: str) -> None:
    with pytest.raises(InputError) as refused:
        choose(L4, "auto", environment)
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("wanted", "environment", "expected"),
    [
        ("off", {}, "a TPU's cores work together"),
        ("auto", {"TF_CONFIG": cluster(WORKERS, "worker", 0)}, "TPUs train on one machine"),
    ],
    ids=["off", "workers"],
)
def test_what_a_tpu_cannot_do_is_refused(wanted: Any, environment: dict[str, str], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        choose(TPU, wanted, environment)


def test_one_device_has_tensorflows_default_strategy_and_waits_for_nobody() -> None:
    import tensorflow as tf

    one = choose(CPU, "auto", {})
    assert distribution.strategy(one) is tf.distribute.get_strategy()
    with distribution.scope(one):
        assert not tf.distribute.has_strategy()
    assert distribution.everyone(one, 7) == [7]


def test_alone_keeps_the_cluster_so_that_only_the_chief_trains() -> None:
    several = Distribution("workers", ("GPU:0",), "played", Cluster(("a:1", "b:1"), 1, False))
    assert several.alone("the arrays are large").idle
