"""Two runs side by side."""

import dataclasses

import pytest

from local_runner import compare


@pytest.fixture
def pair(execute, store, make_and_measure):
    return [
        (run.record, store.tasks(run.id)) for run in (execute(make_and_measure), execute(make_and_measure, {"n": 5}))
    ]


def test_arguments_metrics_and_cache_keys(pair):
    found = compare.compare(*pair)
    assert [(row.name, row.first, row.second) for row in found.arguments] == [("n", 1000, 5)]
    (metric,) = found.metrics
    assert (metric.name, metric.first, metric.second, metric.change) == ("measure/metrics: length", 1000, 5, -995)
    assert (found.equal_keys, found.other_keys) == ([], ["make", "measure"])


def test_tasks_that_did_the_same_work_are_named(execute, store, make_and_measure):
    pairs = [(run.record, store.tasks(run.id)) for run in (execute(make_and_measure), execute(make_and_measure))]
    found = compare.compare(*pairs)
    assert (found.equal_keys, found.other_keys) == (["make", "measure"], [])
    assert [row.name for row in found.seconds] == ["the whole run"], "a task from the cache took no time of its own"


def test_times_are_compared_with_their_difference(pair):
    (run_a, tasks_a), (run_b, tasks_b) = pair
    slow = [dataclasses.replace(task, started=100.0, finished=104.0) for task in tasks_b]
    fast = [dataclasses.replace(task, started=100.0, finished=102.0) for task in tasks_a]
    rows = {row.name: row for row in compare.compare((run_a, fast), (run_b, slow)).seconds}
    assert rows["make"].change == 2.0
    assert any(line.split() == ["make", "2.0", "s", "4.0", "s", "+2.0", "s", "(+100.0%)"] for line in compare.lines(
        (run_a, fast), (run_b, slow)))  # fmt: skip


def test_lines_for_people(pair):
    lines = compare.lines(*pair)
    assert "  n: 1000 → 5" in lines
    assert "  measure/metrics: length  1000  5  -995 (-99.5%)" in lines
    assert "  different cache keys: make, measure" in lines
    assert lines[:2] == [f"{letter}  {run.id}  succeeded" for letter, (run, _) in zip("AB", pair, strict=True)]


def test_a_task_of_one_run_alone_is_shown(pair):
    (run_a, tasks_a), second = pair
    assert "  measure: - → succeeded" in compare.lines((run_a, tasks_a[:1]), second)
