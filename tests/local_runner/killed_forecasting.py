"""Kill a forecasting run again and again, resume it, and tell how it ended; no pytest needed.

python killed_forecasting.py FOLDER KILLS

Each process of a run is forked from this one, which has imported TensorFlow but not started it: a start costs
milliseconds instead of ten seconds. Half of the instants are CPU times, half are the n-th write to the file system,
so that the gaps between two writes are met too. Prints one line of JSON.
"""

# ruff: noqa: T201  (a script)

import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

THREADS = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
SMALL = (
    "train.model={kind: feedforward, units: [8]}", "train.epochs=4", "explain.samples=8", "explain.baselines=4",
    "explain.max_residual=1",
)  # fmt: skip
KILLS_A_RUN = 5
LONGEST_CPU, MOST_WRITES = 3.0, 120
_WRITES = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "sqlite3.connect")
Arm = Callable[[], None]


def at_cpu_time(seconds: float) -> Arm:
    """The kernel ends the process after so much CPU time; no code of ours runs (SIGPROF has no handler)."""
    return lambda: signal.setitimer(signal.ITIMER_PROF, seconds) and None


def at_write(number: int) -> Arm:
    """The process ends just before its n-th write."""
    left = number

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        flags = arguments[2] if event == "open" else os.O_WRONLY
        if event in _WRITES and isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return lambda: sys.addaudithook(count)


def instants(seed: int) -> Iterator[Arm]:
    """Random instants without end."""
    draw = random.Random(seed)
    while True:
        yield at_cpu_time(draw.uniform(0.01, LONGEST_CPU))
        yield at_write(draw.randint(1, MOST_WRITES))


def in_child(work: Callable[[], object], arm: Arm | None) -> int:
    """Do ``work`` in a forked process; returns its wait status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    code = 1
    try:
        if arm is not None:
            arm()
        work()
        code = 0
    except BaseException:  # or nobody would ever see it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)  # nothing of the parent's is closed or flushed a second time


class Story:
    """One run in a store of its own, from its first process to its end.

    Attributes:
        kills: how many of its processes were killed.
        twice: tasks that had finished and ran again nevertheless.
    """

    def __init__(self, folder: Path) -> None:
        from pipelines import experiments

        registry = f"register.registry.uri=sqlite:///{folder}/registry.db"
        self.root = folder / "runs"
        self.experiment = experiments.resolve("forecasting", None, [*SMALL, registry])
        self.finished: dict[str, Any] = {}
        self.kills = 0
        self.twice: list[str] = []

    def tell(self, arms: Iterator[Arm], most: int) -> dict[str, Any]:
        """Kill up to ``most`` processes, then let the run end."""
        while not self.over():
            arm = next(arms) if self.kills < most else None
            status = in_child(self.advance, arm)
            self.look()
            if os.WIFSIGNALED(status):
                self.kills += 1
            elif status:
                return {**self.ending(), "kills": self.kills, "error": f"a process ended with {status}"}
        return {**self.ending(), "kills": self.kills, "twice": self.twice}

    def advance(self) -> None:
        """Begin the run, or resume it."""
        from local_runner import api

        if self.runs():
            api.resume("latest", root=self.root)
        else:
            api.run(str(self.experiment.compiled), self.experiment.arguments, root=self.root, cache=False)

    def runs(self) -> list[Any]:
        from local_runner.store import Store

        with Store(self.root) as store:
            return list(store.runs())

    def over(self) -> bool:
        return any(run.state == "succeeded" for run in self.runs())

    def look(self) -> None:
        """Note which tasks have finished, and whether one that had is not as it was."""
        from local_runner.store import Store

        with Store(self.root) as store:
            tasks = {task.path: task for run in store.runs() for task in store.tasks(run.id)}
        for path, task in self.finished.items():
            again = [folder.name for folder in task.folder.parent.glob(f"{task.folder.name}~*")]
            if tasks.get(path) != task or (again and "~" not in task.folder.name):
                self.twice.append(path)
        self.finished = {path: task for path, task in tasks.items() if task.state == "succeeded"}

    def ending(self) -> dict[str, Any]:
        """What the run gave: figures without those that are times."""
        runs = self.runs()
        figures = {
            path: dict(artifact.metadata)
            for path, task in self.finished.items()
            for artifact in task.artifacts.get("metrics", ())
        }
        figures.get("train", {}).pop("seconds", None)
        figures.get("train", {}).pop("windows_per_second", None)
        return {"runs": len(runs), "outputs": runs[0].outputs if runs else {}, "figures": figures}


def main(folder: str, kills: str) -> None:
    os.environ.update(THREADS, TF_CPP_MIN_LOG_LEVEL="3")
    import keras  # noqa: F401  (imported here so that the forked processes need not)
    import kfp.dsl.executor  # noqa: F401
    import mlflow  # noqa: F401
    import pandas  # noqa: F401
    import tensorflow  # noqa: F401

    arms, left = instants(seed=0), int(kills)
    undisturbed = Story(Path(folder) / "undisturbed").tell(arms, 0)
    stories = []
    while left > 0:
        stories.append(Story(Path(folder) / f"run{len(stories)}").tell(arms, min(KILLS_A_RUN, left)))
        left -= stories[-1]["kills"]
    print(json.dumps({"undisturbed": undisturbed, "killed": stories}))


if __name__ == "__main__":
    main(*sys.argv[1:])
