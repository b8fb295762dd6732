"""Where artifacts came from and where they went, across runs."""

import pytest

from local_runner import provenance
from local_runner.errors import UsageError


@pytest.fixture
def runs(execute, make_and_measure):
    """A run, and one that takes ``make`` over from it but measures again."""
    return execute(make_and_measure), execute(make_and_measure, no_cache=("measure",))


def test_an_artifact_goes_back_to_the_first_task_and_on_to_its_readers(runs, store):
    first, second = runs
    metrics = first.tasks["measure"].artifacts["metrics"][0].uri
    data = first.tasks["make"].artifacts["out"][0].uri
    assert provenance.of_artifact(store, metrics) == [
        metrics, "came from", f"  {first.id}/measure (metrics)", f"    {data}", f"      {first.id}/make (out)",
    ]  # fmt: skip
    lines = provenance.of_artifact(store, data)
    ahead = lines[lines.index("went to") + 1 :]
    assert [line for line in ahead if line.endswith("(data)")] == [
        f"  {run.id}/measure (data)" for run in sorted(runs, key=lambda run: run.id)
    ]
    assert f"    {second.tasks['measure'].artifacts['metrics'][0].uri}" in ahead


def test_a_run_names_readers_in_every_run_and_what_it_took_over(runs, store):
    first, second = runs
    data = first.tasks["make"].artifacts["out"][0].uri
    lines = provenance.of_run(store, second.record)
    assert lines[0] == f"make/out  {data}  (from {first.id}/make)"
    assert {f"  read by {run.id}/measure" for run in runs} <= set(lines)


def test_a_task_shows_both_sides(runs, store):
    first, second = runs
    data = first.tasks["make"].artifacts["out"][0].uri
    lines = provenance.of(store, f"{second.id}/measure")
    assert lines[: lines.index("wrote")] == [
        f"{second.id}/measure", "", "read", f"  {data}", f"    {first.id}/make (out)", "",
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["folder", "latest", "task folder", "file", "task"])
def test_a_name_may_be_a_run_a_task_or_a_path(runs, store, how):
    _, second = runs
    metrics = second.tasks["measure"].artifacts["metrics"][0].uri
    name, wanted = {
        "folder": (str(second.folder), f"measure/metrics  {metrics}"),
        "latest": ("latest", f"measure/metrics  {metrics}"),
        "task folder": (str(second.tasks["measure"].folder), f"  {metrics}"),
        "file": (f"{metrics}/inside", metrics),
        "task": (f"{second.id}/measure", f"  {metrics}"),
    }[how]
    assert wanted in provenance.of(store, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("latest/absent", "has no task 'absent'.*make, measure"),
        ("gs://bucket/absent", "no task in .* wrote or read gs://bucket/absent"),
        ("absent", "runs list"),
        ("/", "no task in .* wrote or read /"),
    ],
    ids=["task", "address", "run", "path"],
)
def test_what_is_not_there_is_refused_with_what_is(runs, store, name, message):
    with pytest.raises(UsageError, match=message):
        provenance.of(store, name)
