"""``--profile TASK`` leaves a profile of that task, and the run says where and how to look at it."""

import pstats

import pytest
from kfp import compiler, dsl

from local_runner import requests, summary
from local_runner.errors import UsageError

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def work(n: int) -> int:
    def busy_loop(count):
        return count + min(range(500_000), key=abs)

    if not n:
        raise ValueError("nothing to do")
    return busy_loop(n)


@dsl.component(base_image=IMAGE)
def multiply() -> float:
    import tensorflow as tf

    return float(tf.linalg.matmul(tf.ones((64, 64)), tf.ones((64, 64)))[0, 0])


@dsl.pipeline(name="profiled")
def pipeline(n: int = 1000):
    work(n=work(n=n).output)


def build(tmp_path, **how):
    path = tmp_path / "profiled.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    given = {
        "config": None, "overrides": (), "horizon": None, "parameters": (), "device": None, "from_task": None,
        "only_task": None, "no_cache": (), "parallel": 1, "fail_fast": False, "isolate": (), "profile": (),
        "timeout": (), "allow_host_commands": False, "components": None, "stub": (), "pdb": False,
    }  # fmt: skip
    return requests.build(str(path), root=tmp_path / "runs", **{**given, **how})


@pytest.mark.parametrize("n", [1000, 0], ids=["succeeds", "fails"])
@pytest.mark.parametrize("how", [{}, {"isolate": ("work",)}], ids=["in-process", "isolated"])
def test_a_task_is_profiled_with_its_own_functions(execute, n, how):
    run = execute(pipeline, {"n": n}, profile={"work": "python"}, **how)
    folder = run.tasks["work"].folder
    names = {name for _, _, name in pstats.Stats(str(folder / "profile.pstats")).stats}
    assert ("busy_loop" in names) == bool(n)
    # A task that fails at once is not among the functions that took longest; its profile is there all the same.
    assert ("(busy_loop)" in (folder / "profile.txt").read_text()) == bool(n)
    assert not (run.tasks["work-2"].folder / "profile.txt").exists()


def test_the_summary_says_where_the_profile_is_and_how_to_look_at_it(execute):
    run = execute(pipeline, profile={"work": "python"})
    (line,) = [line for line in summary.lines(run.record, list(run.tasks.values())) if line.startswith("profile ")]
    folder = run.tasks["work"].folder
    assert line == f"profile {folder}/profile.txt  (all of it: python -m pstats {folder}/profile.pstats)"


def test_a_profiled_task_runs_rather_than_come_from_the_cache(tmp_path):
    request = build(tmp_path, profile=("work-2",))
    assert (request.options.profile, request.options.no_cache) == ({"work-2": "python"}, ("work-2",))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"profile": ("wrok",)}, "--profile wrok: the pipeline has no such task. did you mean work?"),
        ({"profile": ("work=tensorflw",)}, "did you mean tensorflow?"),
        ({"timeout": ("absent=3",)}, "--timeout absent: the pipeline has no such task"),
        ({"isolate": ("absent",)}, "--isolate absent"),
        ({"no_cache": ("absent",)}, "--no-cache absent"),
        ({"timeout": ("work=soon",)}, "expected \\[TASK=\\]SECONDS"),
        ({"timeout": ("work=0",)}, "expected \\[TASK=\\]SECONDS"),
    ],
    ids=["task", "kind", "timeout-task", "isolate", "no-cache", "timeout", "no-time-at-all"],
)
def test_an_option_for_a_task_that_is_not_there_is_refused(tmp_path, how, message):
    with pytest.raises(UsageError, match=message):
        build(tmp_path, **how)


@pytest.mark.slow
def test_a_tensorflow_profile_is_a_trace_for_tensorboard(execute):
    pytest.importorskip("tensorflow")

    @dsl.pipeline(name="matmul")
    def multiplied():
        multiply()

    run = execute(multiplied, profile={"multiply": "tensorflow"})
    trace = run.tasks["multiply"].folder / "tensorflow_profile"
    (written,) = trace.rglob("*.xplane.pb")
    assert b"MatMul" in written.read_bytes()
    (line,) = [line for line in summary.lines(run.record, list(run.tasks.values())) if line.startswith("profile ")]
    assert f"tensorboard --logdir {trace}" in line
