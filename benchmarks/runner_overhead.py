"""What a task costs beyond its own work, beside kfp.local's SubprocessRunner on the same compiled files.

    python -m benchmarks.runner_overhead [--json] [--quick]

CPU seconds (user and system, children included), because wall times on a busy machine say little. Each side runs in a
process of its own that has already run one small pipeline, so that importing KFP is counted for neither. Imported
modules have their bytecode, as after an installation with pip, also where the environment forbids to write it.

overhead_cpu_ms_per_task        6 chained tasks as users write them; kfp.local runs pip before each (use_venv=False)
overhead_nopip_cpu_ms_per_task  the same with install_kfp_package=False, which spares kfp.local its pip
overhead_200_cpu_ms_per_task    200 chained tasks, without pip
overhead_flatness_ms            2,000 chained tasks; here the peer is this runner on 10
tf_chain_cpu_s                  6 tasks that import TensorFlow, without pip
parallelfor_1000_s              a ParallelFor over 1,000 items, wall seconds; the locked kfp.local refuses loops, so it
                                runs 20 tasks side by side and is scaled up
"""

# No `from __future__ import annotations`: KFP reads the components' annotations as they are.
import argparse
import contextlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import Figure, show

PEER_TASKS = 20
"""Tasks that stand for a loop on kfp.local."""


def components(*, pip: bool) -> tuple[Any, Any]:
    """A component that adds one, and one that imports TensorFlow."""
    from kfp import dsl

    component = dsl.component(install_kfp_package=pip)

    @component
    def add_one(x: int) -> int:
        return x + 1

    @component
    def import_tensorflow(x: int) -> int:
        import tensorflow  # noqa: F401

        return x + 1

    return add_one, import_tensorflow


def compile_files(folder: Path, lengths: list[int]) -> None:
    """Write every pipeline that is measured."""
    from kfp import compiler, dsl

    def chain(component: Any, length: int, name: str) -> None:
        @dsl.pipeline(name=name)
        def pipeline(x: int = 0) -> int:
            value = component(x=x)
            for _ in range(length - 1):
                value = component(x=value.output)
            return value.output

        compiler.Compiler().compile(pipeline, str(folder / f"{name}.yaml"))

    def loop(component: Any, items: int) -> None:
        @dsl.pipeline(name=f"loop-{items}")
        def pipeline() -> None:
            with dsl.ParallelFor(list(range(items))) as item:
                component(x=item)

        compiler.Compiler().compile(pipeline, str(folder / f"loop-{items}.yaml"))

    def fan(component: Any, tasks: int) -> None:
        @dsl.pipeline(name=f"fan-{tasks}")
        def pipeline() -> None:
            for item in range(tasks):
                component(x=item)

        compiler.Compiler().compile(pipeline, str(folder / f"fan-{tasks}.yaml"))

    with_pip, _ = components(pip=True)
    plain, tensorflow = components(pip=False)
    chain(with_pip, 6, "pip-6")
    for length in lengths:
        chain(plain, length, f"chain-{length}")
    chain(with_pip, 1, "pip-1")
    for length in (1, 6):
        chain(tensorflow, length, f"tensorflow-{length}")
    loop(plain, 1000)
    fan(plain, PEER_TASKS)


def run_ours(path: Path, root: Path) -> None:
    from local_runner import run

    run(path, root=root, cache=False)


def run_peer(path: Path, root: Path) -> None:
    from kfp import components as kfp_components
    from kfp import local

    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
    task = kfp_components.load_component_from_file(str(path))()
    state = str(getattr(task, "state", ""))
    if "FAILED" in state:
        raise SystemExit(f"kfp.local failed on {path.name}")


SIDES: dict[str, Callable[[Path, Path], None]] = {"ours": run_ours, "peer": run_peer}


def cpu_seconds() -> float:
    """CPU seconds of this process and its finished children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def run_task(side: str, folder: str, name: str) -> None:
    """Warm up, run one pipeline, and print what it took."""
    with tempfile.TemporaryDirectory() as root, contextlib.redirect_stdout(io.StringIO()):
        SIDES[side](Path(folder) / "chain-2.yaml", Path(root))
        cpu, wall = cpu_seconds(), time.perf_counter()
        SIDES[side](Path(folder) / f"{name}.yaml", Path(root))
        cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    sys.__stdout__.write(json.dumps({"cpu": cpu, "wall": wall}) + "\n")


def measure(side: str, folder: Path, name: str) -> dict[str, float]:
    # A new interpreter each: what one side imports or caches must not help the other. One thread: fewer surprises.
    command = [sys.executable, "-m", "benchmarks.runner_overhead", "--task", side, str(folder), name]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    root = Path(__file__).resolve().parent.parent
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
    if result.returncode:
        sys.exit(f"{side} failed on {name}:\n{result.stderr[-4000:]}")
    values: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return values


def median_cpu(side: str, folder: Path, name: str) -> float:
    """CPU seconds of the middle one of three runs: what else the machine does only ever adds, and never evenly."""
    return statistics.median(measure(side, folder, name)["cpu"] for _ in range(3))


def figures(*, quick: bool) -> Iterator[Figure]:
    long = 50 if quick else 200
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as scratch:
        folder = Path(scratch)
        compile_files(folder, [2, 6, 10, long, 2000])

        for name in ("pip-1", "tensorflow-1"):  # writes the bytecode of KFP, pip and TensorFlow for both sides
            measure("peer", folder, name)

        def per_task(name: str, tasks: int, figure: str) -> Figure:
            ours, peer = (median_cpu(side, folder, name) * 1000 / tasks for side in ("ours", "peer"))
            return Figure(figure, ours, peer, "ms")

        yield per_task("pip-6", 6, "overhead_cpu_ms_per_task")
        yield per_task("chain-6", 6, "overhead_nopip_cpu_ms_per_task")
        yield per_task(f"chain-{long}", long, f"overhead_{long}_cpu_ms_per_task")
        many, few = (median_cpu("ours", folder, f"chain-{n}") * 1000 / n for n in (2000, 10))
        yield Figure("overhead_flatness_ms", many, few, "ms")
        ours, peer = (measure(side, folder, "tensorflow-6")["cpu"] for side in ("ours", "peer"))
        yield Figure("tf_chain_cpu_s", ours, peer, "s")
        loop_ours = measure("ours", folder, "loop-1000")["wall"]
        loop_peer = measure("peer", folder, f"fan-{PEER_TASKS}")["wall"] * 1000 / PEER_TASKS
        yield Figure("parallelfor_1000_s", loop_ours, loop_peer, "s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one line a figure; ratio is ours / peer")
    parser.add_argument("--quick", action="store_true", help="a chain of 50 in place of 200")
    parser.add_argument("--task", nargs=3, metavar=("SIDE", "FOLDER", "NAME"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        run_task(*arguments.task)
        return
    show(figures(quick=arguments.quick), peer="kfp.local", as_json=arguments.json)


if __name__ == "__main__":
    main()
