"""Removing runs frees room without taking artifacts from runs that took them over, nor anything the user put there."""

import json
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from local_runner import housekeeping, why
from local_runner.errors import UsageError
from local_runner.store import Store


def remaining(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def later(path: Path) -> Path:
    """Wait until a file written now is newer than the run, whatever the slack for clocks."""
    time.sleep(max(0.0, path.stat().st_mtime + 2.2 - time.time()))
    return path


def test_a_run_whose_artifacts_are_used_stays_until_its_users_go(execute, store, make_and_measure):
    first, second = execute(make_and_measure), execute(make_and_measure)
    with pytest.raises(UsageError, match=f"used by {second.id}"):
        housekeeping.remove(store, [first.record])
    assert first.tasks["make"].artifacts["out"][0].path.exists()
    assert sum(one.size for one in housekeeping.remove(store, [first.record, second.record])) >= 1000
    assert (store.runs(), first.folder.exists(), second.folder.exists()) == ([], False, False)


def test_force_takes_artifacts_from_runs_that_use_them_and_says_from_which(execute, store, make_and_measure):
    first, second = execute(make_and_measure), execute(make_and_measure)
    (removal,) = housekeeping.remove(store, [first.record], force=True)
    assert removal.users == (second.id,)
    assert [run.id for run in store.runs()] == [second.id]


def test_a_run_named_by_an_argument_of_another_is_used(execute, store, make_and_measure):
    first = execute(make_and_measure)
    other = store.new_run("p", "text", {"model": str(first.folder / "tasks" / "make" / "out")}, {})
    store.release(other.id)
    with pytest.raises(UsageError, match=f"used by {other.id}"):
        housekeeping.plan(store, [first.record])


def test_what_the_user_put_into_a_run_folder_stays(execute, store, make_and_measure):
    run = execute(make_and_measure)
    later(run.tasks["measure"].folder / "log.txt")
    kept = ["notes.md", "plots/a.png", "tasks/make/mine.csv"]
    for name in kept:
        (run.folder / name).parent.mkdir(exist_ok=True)
        (run.folder / name).write_text("mine")
    changed = run.tasks["make"].artifacts["out"][0].path
    changed.write_text("edited by hand")
    (removal,) = housekeeping.remove(store, [run.record])
    assert remaining(run.folder) == {*kept, "tasks/make/out"}
    assert {str(path) for path in removal.kept} == {*kept, "tasks/make/out"}
    assert changed.read_text() == "edited by hand"


def test_a_copied_store_can_be_tidied_too(execute, store, tmp_path, make_and_measure):
    run = execute(make_and_measure)
    later(run.tasks["measure"].folder / "log.txt")
    store.close()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "runs", copy)  # every file is newer than the run now
    shutil.rmtree(tmp_path / "runs")
    copy.rename(tmp_path / "runs")
    with Store(tmp_path / "runs") as again:
        housekeeping.remove(again, again.runs())
    assert not run.folder.exists()


def test_a_link_goes_and_what_it_points_to_stays(execute, store, tmp_path, make_and_measure):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "data.csv").write_text("1")
    run = execute(make_and_measure)
    (run.tasks["make"].folder / "link").symlink_to(outside)
    housekeeping.remove(store, [run.record])
    assert (run.folder.exists(), remaining(outside)) == (False, {"data.csv"})


def test_a_run_that_another_process_works_on_is_not_removed(store):
    script = textwrap.dedent(f"""
        import sys
        from local_runner.store import Store
        store = Store({str(store.root)!r})
        print(store.new_run("p", "text", {{}}, {{}}).id, flush=True)
        sys.stdin.read()
    """)
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    run = store.run(process.stdout.readline().strip())
    with pytest.raises(UsageError, match="is running; stop it"):
        housekeeping.remove(store, [run], force=True)
    assert run.spec.exists()
    process.communicate("")
    housekeeping.remove(store, [store.run(run.id)])
    assert not run.folder.exists()


def test_a_removal_that_was_cut_short_is_finished_without_the_users_files(execute, store, make_and_measure):
    run = execute(make_and_measure)
    (removal,) = housekeeping.plan(store, [run.record])
    (run.folder / ".removing").write_text(json.dumps([str(file) for file in removal.files]))
    store.forget_run(run.id)
    (run.folder / "pipeline.yaml").unlink()
    (run.folder / "notes.md").write_text("mine")
    assert housekeeping.finish_removals(store) >= 1000
    assert remaining(run.folder) == {"notes.md"}


def test_a_folder_without_a_record_may_be_all_that_is_left_of_a_lost_database(store):
    orphan = store.root / "20260101-000000-kept-0000"
    orphan.mkdir()
    (orphan / "pipeline.yaml").write_text("")
    housekeeping.finish_removals(store)
    assert orphan.exists()
    (orphan / ".removing").touch()
    housekeeping.finish_removals(store)
    assert not orphan.exists()


@pytest.mark.parametrize(
    ("how", "gone"),
    [
        ({"keep": 0}, {"failed-1", "failed-2"}),
        ({"keep": 1}, {"failed-1"}),
        ({"keep": 0, "before": 0.0}, set()),
        ({"keep": 0, "succeeded": True}, {"good", "failed-1", "failed-2"}),
        ({"keep": 2, "succeeded": True}, {"good"}),
    ],
    ids=["failed", "but-the-newest", "none-that-old", "succeeded-too", "succeeded-but-two"],
)
def test_collecting_chooses_by_state_age_and_number(execute, store, make_and_measure, how, gone):
    runs = {
        "good": execute(make_and_measure),
        "failed-1": execute(make_and_measure, {"n": 0}, no_cache=("make",)),
        "failed-2": execute(make_and_measure, {"n": 0}, no_cache=("make",)),
    }
    chosen = {run.id for run in housekeeping.expendable(store, **how)}
    assert {name for name, run in runs.items() if run.id in chosen} == gone


def test_collecting_spares_what_a_run_that_stays_uses(execute, store, make_and_measure):
    failed = execute(make_and_measure, {"n": 0})
    user = execute(make_and_measure, {"n": 0})
    assert user.tasks["make"].reused_from == f"{failed.id}/make"
    assert housekeeping.expendable(store, keep=1) == []
    assert {run.id for run in housekeeping.expendable(store, keep=0)} == {failed.id, user.id}


def test_a_removed_artifact_is_a_miss_and_why_says_so(execute, store, states, make_and_measure):
    first = execute(make_and_measure)
    first.tasks["make"].artifacts["out"][0].path.unlink()
    again = execute(make_and_measure)
    assert states(again) == {"make": "succeeded", "measure": "cached"}
    (line,) = why.explain(store, again.record, "make")
    assert "changed or removed" in line


def test_why_names_the_changed_file(execute, store, make_and_measure):
    execute(make_and_measure)
    again = execute(make_and_measure, {"n": 5})
    assert "  parameter `n` changed: 1000 → 5" in why.explain(store, again.record, "make")
    assert "  input `data` changed: its content" in why.explain(store, again.record, "measure")
