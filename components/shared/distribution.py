"""Over how many accelerators and machines one training is spread: the one seam that picks a ``tf.distribute`` strategy.

Training is synchronous and data-parallel. Every replica holds the whole model and the whole array, takes its slice of
each batch, and all of them apply the same summed gradient, so the outcome is that of one device but for rounding.
Only the TensorFlow backend spreads; torch and JAX train on one accelerator.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from components.shared import tpu
from components.shared.device import Device
from components.shared.errors import InputError, TandemError

logger = logging.getLogger(__name__)

Kind = Literal["single", "mirrored", "workers", "tpu"]
Wanted = Literal["auto", "off"]

LONGEST_WAIT_S = 1800.0
"""Seconds that a worker waits for the others in one exchange; without an end it would wait for a lost one for ever."""

_ROLES = {"chief": "chief", "master": "chief", "worker": "worker", "workerpool0": "chief", "workerpool1": "worker"}
"""Roles of ``TF_CONFIG``, and the pools of Vertex AI's ``CLUSTER_SPEC``, that can train in lock step."""


@dataclass(frozen=True)
class Cluster:
    """Processes that train together, and which of them this one is.

    Attributes:
        addresses: ``host:port`` of every process; the first is the chief's.
        rank: place of this process among them.
        chief_has_a_role: whether the chief is called so, rather than being worker 0.
    """

    addresses: tuple[str, ...]
    rank: int
    chief_has_a_role: bool

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Cluster | None:
        """The cluster that ``TF_CONFIG`` describes, or ``CLUSTER_SPEC`` without it; None where there is one process.

        Raises:
            InputError: the variable is not the JSON that TensorFlow and Vertex AI document, or names other roles.
        """
        name = next((name for name in ("TF_CONFIG", "CLUSTER_SPEC") if environment.get(name)), None)
        if name is None:
            return None
        try:
            described = json.loads(environment[name])
            members = {str(role): tuple(map(str, hosts)) for role, hosts in described.get("cluster", {}).items()}
            task = described.get("task", {})
            role, index = str(task.get("type", "worker")), int(task.get("index", 0))
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(
                f'{name}: expected JSON like {{"cluster": {{"worker": ["host:port", ...]}}, '
                f'"task": {{"type": "worker", "index": 0}}}}, got {environment[name][:200]!r} ({error})'
            ) from None
        if sum(map(len, members.values())) < 2:
            return None
        return cls._checked(name, members, role, index)

    @classmethod
    def _checked(cls, name: str, members: Mapping[str, tuple[str, ...]], role: str, index: int) -> Cluster:
        unknown = sorted(members.keys() - _ROLES.keys())
        if unknown:
            raise InputError(
                f"{name}: expected the roles {', '.join(_ROLES)}, got {', '.join(unknown)}: "
                "training in lock step has neither parameter servers nor evaluators; leave them out of the cluster"
            )
        chiefs = [host for each, hosts in members.items() if _ROLES[each] == "chief" for host in hosts]
        workers = [host for each, hosts in members.items() if _ROLES[each] == "worker" for host in hosts]
        if len(chiefs) > 1:
            raise InputError(f"{name}: expected one chief, got {', '.join(chiefs)}")
        if role not in members or not 0 <= index < len(members[role]):
            raise InputError(f"{name}: task {role} {index} is not in the cluster {dict(members)}")
        rank = 0 if _ROLES[role] == "chief" else len(chiefs) + index
        return cls((*chiefs, *workers), rank, bool(chiefs))

    def resolver(self) -> Any:
        """The same as TensorFlow wants to be told."""
        import tensorflow as tf

        first = 1 if self.chief_has_a_role else 0
        jobs = {"worker": list(self.addresses[first:])}
        if first:
            jobs["chief"] = [self.addresses[0]]
        role, index = ("chief", 0) if first and self.rank == 0 else ("worker", self.rank - first)
        return tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec(jobs), task_type=role, task_id=index, rpc_layer="grpc"
        )


@dataclass(frozen=True)
class Distribution:
    """What trains together.

    Attributes:
        kind: ``single`` device, ``mirrored`` over devices of this machine, over ``workers``, or over ``tpu`` cores.
        devices: those of this machine, as TensorFlow calls them.
        reason: why, in words.
        cluster: the processes that were started together, though a ``single`` one trains alone.
    """

    kind: Kind
    devices: tuple[str, ...]
    reason: str
    cluster: Cluster | None = None

    @property
    def workers(self) -> int:
        """Processes that train together."""
        return len(self.cluster.addresses) if self.kind == "workers" and self.cluster else 1

    @property
    def replicas(self) -> int:
        """Copies of the model in lock step; workers are taken to be machines of one kind."""
        return 1 if self.kind == "single" else len(self.devices) * self.workers

    @property
    def chief(self) -> bool:
        """Whether this process writes what the training makes."""
        return self.cluster is None or self.cluster.rank == 0

    @property
    def idle(self) -> bool:
        """Whether this process has nothing to do: the chief trains alone and this is another."""
        return self.kind == "single" and not self.chief

    def alone(self, reason: str) -> Distribution:
        """One device instead, for a training that cannot be spread."""
        return replace(self, kind="single", devices=self.devices[:1], reason=reason)

    def announce(self) -> None:
        """Say once, in the log, what trains and who is the chief."""
        if self.kind != "single" or self.cluster is not None:
            logger.info("distribution: %s", self.reason)
        if self.cluster is not None:
            mine = "writes the artifacts" if self.chief else f"is worker 0; this is worker {self.cluster.rank}"
            rest = "" if self.chief else ", which writes nothing" + (" and has nothing to do" if self.idle else "")
            logger.info("distribution: chief %s %s%s", self.cluster.addresses[0], mine, rest)


def choose(device: Device, wanted: Wanted = "auto", environment: Mapping[str, str] = os.environ) -> Distribution:
    """Spread over all accelerators of the machine and all workers, or over none.

    Args:
        device: what :func:`components.shared.device.detect` chose.
        wanted: ``auto``, or ``off`` for one device of one machine.
        environment: where ``TF_CONFIG`` or ``CLUSTER_SPEC`` name the workers.

    Raises:
        InputError: the cluster's description is wrong, or asks for what no strategy does.
    """
    cluster = Cluster.of(environment)
    kind = {"cuda": "GPU", "metal": "GPU", "tpu": "TPU", "cpu": "CPU"}[device.accelerator]
    devices = tuple(f"{kind}:{index}" for index in range(device.count))
    one = Distribution("single", devices[:1], "one device", cluster)
    if device.accelerator == "tpu" and device.backend == "tensorflow":
        if cluster is not None:
            raise InputError("TF_CONFIG names several workers, but TPUs train on one machine: use one worker")
        if wanted == "off" and device.count > 1:
            raise InputError("train.distribution: off trains on one device, but a TPU's cores work together: use auto")
        return Distribution("tpu", devices, f"{device.count} TPU core(s) of this machine train together")
    if wanted == "off":
        return one.alone("asked to be off")
    if device.backend != "tensorflow":
        return one.alone(f"the {device.backend} backend trains on one accelerator")
    if cluster is not None:
        count = len(cluster.addresses)
        reason = f"{count} workers with {device.count} device(s) each train together ({device.accelerator})"
        return Distribution("workers", devices, reason, cluster)
    if device.count > 1 and device.accelerator != "metal":
        return Distribution("mirrored", devices, f"{device.count} devices of this machine train together ({kind})")
    return one


@cache
def strategy(distribution: Distribution) -> Any:
    """TensorFlow's strategy, made once a process; that of one device is TensorFlow's default, which costs nothing.

    Raises:
        TandemError: TensorFlow has already started in this process, so that no worker can join a cluster any more.
    """
    import tensorflow as tf

    if distribution.kind == "mirrored":
        return tf.distribute.MirroredStrategy(list(distribution.devices))
    if distribution.kind == "tpu":
        return tf.distribute.TPUStrategy(tpu.resolver())
    if distribution.kind == "workers" and distribution.cluster is not None:
        try:
            return tf.distribute.MultiWorkerMirroredStrategy(
                distribution.cluster.resolver(),
                tf.distribute.experimental.CommunicationOptions(timeout_seconds=LONGEST_WAIT_S),
            )
        except RuntimeError as error:
            raise TandemError(
                f"this process cannot join the workers that TF_CONFIG names: {error}. Start each worker in a process "
                "of its own that has run no TensorFlow before, or: unset TF_CONFIG CLUSTER_SPEC"
            ) from error
    return tf.distribute.get_strategy()


@contextmanager
def scope(distribution: Distribution | None) -> Iterator[None]:
    """Make models and optimizers inside this block for all replicas."""
    if distribution is None or distribution.kind == "single":
        yield
        return
    with strategy(distribution).scope():
        yield


def everyone(distribution: Distribution, value: int) -> list[int]:
    """The values that all replicas bring; each waits here until all have come."""
    if distribution.workers == 1:
        return [value]
    import tensorflow as tf

    spread = strategy(distribution)

    def gather() -> Any:
        def mine() -> Any:
            return tf.distribute.get_replica_context().all_gather(tf.constant([value], tf.int64), axis=0)

        return spread.experimental_local_results(spread.run(mine))[0]

    return [int(each) for each in tf.function(gather)()]
