"""A run that was clearly slower than its like says so."""

import dataclasses

import pytest

from local_runner import pace, summary
from local_runner.records import State, TaskKind, TaskRecord


@pytest.fixture
def add(store):
    """``add(7.0)`` records a good run whose one task took seven seconds; gives the run and its tasks."""
    count = iter(range(1, 1000))

    def record(seconds, *, state=State.SUCCEEDED, machine="here", arguments=None, cached=False, **changes):
        run = store.new_run("p", "text", arguments or {"items": [1, 2]}, {}, {"machine": machine})
        store.release(run.id)
        run = dataclasses.replace(run, state=state, created=float(next(count)), finished=2000.0, **changes)
        store.save_run(run)
        end = State.CACHED if cached else State.SUCCEEDED
        task = TaskRecord(run.id, "train", "train", TaskKind.PYTHON, end, started=100.0, finished=100.0 + seconds)
        store.save_task(dataclasses.replace(task, folder=run.folder / "tasks" / "train"))
        return run, store.tasks(run.id)

    return record


@pytest.mark.parametrize(
    ("earlier", "now", "said"),
    [
        ([10, 10, 10], 16, "1.6 times the median of the last 3 such runs on this machine (10.0 s)"),
        ([10, 10, 10], 14, ""),
        ([10, 10], 100, ""),
        ([4, 4, 4], 8, ""),
        ([10, 10, 300], 16, "1.6 times"),
        ([100] * 5 + [10] * 10, 16, "1.6 times the median of the last 10"),
    ],
    ids=["slower", "a-little", "too-few", "by-seconds", "an-outlier", "only-the-last-ten"],
)
def test_a_clearly_slower_run_is_remarked(store, add, earlier, now, said):
    for seconds in earlier:
        add(seconds)
    line = pace.remark(store, *add(now))
    assert (said in line) if said else (line == "")


@pytest.mark.parametrize(
    "other",
    [{"machine": "there"}, {"arguments": {"items": [1]}}, {"cached": True}, {"state": State.FAILED}],
    ids=["machine", "shape-of-arguments", "taken-from-the-cache", "failed"],
)
def test_only_runs_like_it_count(store, add, other):
    for _ in range(3):
        add(10, **other)
    assert pace.remark(store, *add(100)) == ""


def test_other_values_of_the_same_shape_count(store, add):
    for _ in range(3):
        add(10, arguments={"items": [8, 9]})
    assert pace.remark(store, *add(100))


def test_the_summary_carries_the_remark(add):
    run, tasks = add(10)
    assert "slower than usual" in summary.lines(dataclasses.replace(run, note="slower than usual"), tasks)[1]
