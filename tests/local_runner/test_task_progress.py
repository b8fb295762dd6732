# No `from __future__ import annotations`: KFP reads the components' annotations as they are.
import os
import time
from pathlib import Path

from kfp import dsl

from local_runner import run, task_progress


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def count() -> int:
    import logging

    for step in range(1, 4):
        told = {"what": "row", "step": step, "total": 3, "figures": {"loss": 0.5}}
        logging.getLogger("tandem.progress").info("row", extra={"progress": told})
    return 1


def test_a_task_leaves_its_last_progress_for_other_processes(tmp_path: Path) -> None:
    done = run(count, root=tmp_path / "runs")
    assert task_progress.read(done.tasks["count"].folder) == {
        "what": "row", "step": 3, "total": 3, "figures": {"loss": 0.5},
    }  # fmt: skip


def test_progress_is_written_now_and_then_and_the_last_step_always(tmp_path: Path) -> None:
    for step in range(1, 50):
        task_progress.write(tmp_path, {"step": step, "total": 50})
    assert task_progress.read(tmp_path)["step"] < 49
    task_progress.write(tmp_path, {"step": 50, "total": 50})
    assert task_progress.read(tmp_path)["step"] == 50
    long_ago = time.time() - 10
    os.utime(tmp_path / "progress.json", (long_ago, long_ago))
    task_progress.write(tmp_path, {"step": 1, "total": 50})
    assert task_progress.read(tmp_path)["step"] == 1


def test_a_folder_that_cannot_be_written_disturbs_nobody(tmp_path: Path) -> None:
    task_progress.write(tmp_path / "gone", {"step": 1})
    assert task_progress.read(tmp_path / "gone") == {}


def test_figures_that_are_no_figures_are_left_out(tmp_path: Path) -> None:
    task_progress.write(tmp_path, {"step": 1, "figures": [1, 2]})
    assert task_progress.read(tmp_path) == {"step": 1, "figures": {}}


def test_a_damaged_file_reads_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text('{"step": 1')
    assert task_progress.read(tmp_path) == {}
