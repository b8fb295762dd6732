"""The run store: records survive, locks say who runs, names find runs."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from local_runner.errors import StoreError, UsageError
from local_runner.records import ArtifactRecord, State, TaskKind, TaskRecord
from local_runner.store import Store


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path) as opened:
        yield opened


def a_task(run_id: str, folder: Path, path: str = "train", **changes) -> TaskRecord:
    return TaskRecord(run_id, path, path, TaskKind.PYTHON, State.SUCCEEDED, folder=folder / "tasks" / path, **changes)


def test_a_task_record_comes_back_as_it_was(store: Store) -> None:
    run = store.new_run("p", "text", {"n": 1}, {})
    artifact = ArtifactRecord("model", "system.Model", "/data/model", {"rows": 3}, "digest", "stamp", {"a": "b"})
    task = a_task(run.id, run.folder, artifacts={"model": (artifact,)}, outputs={"x": [1, "two"]}, finished=2.0)
    store.save_task(task)
    assert store.tasks(run.id) == [task]
    assert store.producers("/data/model") == [(run.id, "train", "model")]


def test_tasks_come_in_the_order_they_started(store: Store) -> None:
    run = store.new_run("p", "text", {}, {})
    for path in ("b", "a", "c", "a"):
        store.save_task(a_task(run.id, run.folder, path))
    assert [task.path for task in store.tasks(run.id)] == ["b", "a", "c"]


def test_a_store_can_be_moved(store: Store, tmp_path: Path) -> None:
    run = store.new_run("p", "text", {}, {})
    store.save_task(a_task(run.id, run.folder))
    store.close()
    moved = tmp_path.with_name("moved")
    tmp_path.rename(moved)
    with Store(moved) as opened:
        assert opened.run(run.id).folder == moved / run.id
        assert opened.tasks(run.id)[0].folder == moved / run.id / "tasks" / "train"


@pytest.mark.parametrize("part", [slice(None), slice(0, 20), slice(-4, None)], ids=["whole", "beginning", "end"])
def test_a_run_is_found_by_part_of_its_name(store: Store, part: slice) -> None:
    run = store.new_run("forecasting", "text", {}, {})
    assert store.run(run.id[part]).id == run.id


def test_an_unknown_or_ambiguous_run_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="holds no run yet"):
        store.run("latest")
    runs = [store.new_run("p", "text", {}, {}) for _ in range(2)]
    with pytest.raises(UsageError, match="no run 'absent'"):
        store.run("absent")
    with pytest.raises(UsageError, match="fits 2 runs"):
        store.run(runs[0].id[:4])


def test_runs_are_filtered(store: Store) -> None:
    first, second = (store.new_run(name, "text", {}, {}) for name in ("a", "b"))
    assert [run.id for run in store.runs(pipeline="a")] == [first.id]
    assert {run.id for run in store.runs(state=State.RUNNING)} == {first.id, second.id}
    assert len(store.runs(limit=1)) == 1


def test_a_run_whose_process_is_gone_reads_as_interrupted(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import os
        from local_runner.records import State, TaskKind, TaskRecord
        from local_runner.store import Store
        store = Store({str(tmp_path)!r})
        run = store.new_run("p", "text", {{}}, {{}})
        store.save_task(TaskRecord(run.id, "t", "t", TaskKind.PYTHON, State.RUNNING, folder=run.folder / "tasks" / "t"))
        os.kill(os.getpid(), 9)
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with Store(tmp_path) as store:
        (run,) = store.runs()
        assert run.state == State.INTERRUPTED
        assert [task.state for task in store.tasks(run.id)] == [State.INTERRUPTED]
        store.hold(run.id)
        assert store.run(run.id).state == State.RUNNING


def test_a_run_is_held_by_one_process_at_a_time(store: Store, tmp_path: Path) -> None:
    run = store.new_run("p", "text", {}, {})
    with Store(tmp_path) as other, pytest.raises(StoreError, match="another process"):
        other.hold(run.id)


def test_whoever_looks_whether_a_run_is_held_is_waited_for(store: Store) -> None:
    run = store.new_run("p", "text", {}, {})
    store.release(run.id)
    descriptor = os.open(run.folder / "records.jsonl", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    looked = threading.Timer(0.1, os.close, [descriptor])
    looked.start()
    store.hold(run.id)
    assert store.is_held(run.id)
    looked.join()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="cannot"):
        Store(tmp_path / "runs")


def test_what_is_saved_for_later_is_read_here_at_once_and_elsewhere_after_the_flush(
    store: Store, tmp_path: Path
) -> None:
    run = store.new_run("p", "text", {}, {})
    with Store(tmp_path) as other:
        store.save_task(a_task(run.id, run.folder, "a", cache_key="key", finished=1.0), later=True)
        assert other.tasks(run.id) == []
        store.flush()
        assert [task.path for task in other.tasks(run.id)] == ["a"]
    store.save_task(a_task(run.id, run.folder, "b", cache_key="key", finished=2.0), later=True)
    assert [task.path for task in store.reusable("key")] == ["b", "a"]


def test_closing_writes_what_was_saved_for_later(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        run = store.new_run("p", "text", {}, {})
        store.save_task(a_task(run.id, run.folder, "a"), later=True)
    with Store(tmp_path) as store:
        assert [task.path for task in store.tasks(run.id)] == ["a"]


def test_an_attempt_without_artifacts_leaves_no_link_of_the_one_before(store: Store) -> None:
    run = store.new_run("p", "text", {}, {})
    model = ArtifactRecord("model", "system.Model", "/data/model")
    store.save_task(a_task(run.id, run.folder, artifacts={"model": (model,)}))
    store.save_task(a_task(run.id, run.folder, attempt=1))
    assert store.producers("/data/model") == []


def test_processes_that_make_one_store_together_all_get_it(tmp_path: Path) -> None:
    """Changing a new database to WAL is refused at once, without waiting, while another process does the same."""
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from local_runner.store import Store

        root, instant = Path(sys.argv[1]), float(sys.argv[2])
        for number in range(100):
            instant += 0.01
            while time.time() < instant:
                pass
            with Store(root / str(number)) as store:
                store.runs()
    """)
    words = [sys.executable, "-c", script, str(tmp_path), str(time.time() + 1)]
    makers = [subprocess.Popen(words, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [maker.communicate()[1] for maker in makers] == [""] * 3
