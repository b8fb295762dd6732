"""Tasks in processes of their own: which tasks, and what becomes of one that dies."""

import os

from kfp import dsl

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def process() -> int:
    import os

    return os.getpid()


def test_isolated_and_parallel_tasks_run_in_other_processes(execute):
    @dsl.pipeline
    def pipeline():
        process().set_caching_options(False)
        process().set_caching_options(False)

    def pids(**options):
        return [task.outputs["Output"] for task in execute(pipeline, **options).tasks.values()]

    assert set(pids()) == {os.getpid()}
    first, second = pids(isolate=("process",))
    assert (first == os.getpid(), second == os.getpid()) == (False, True)
    assert os.getpid() not in pids(parallel=2)


def test_a_process_that_dies_is_a_failed_task(execute):
    @dsl.component(base_image=IMAGE)
    def dies():
        import os

        os._exit(3)

    @dsl.pipeline
    def pipeline():
        dies()

    assert "ended with code 3" in execute(pipeline, isolate=("dies",)).tasks["dies"].error
