"""Compile pipelines with the kfp of this interpreter, or run compiled ones with it; no pytest, no TensorFlow needed.

python sdk_exchange.py compile FOLDER        write one .yaml a pipeline into FOLDER
python sdk_exchange.py run FOLDER STORE      run every .yaml of FOLDER; print outcomes as one line of JSON
"""

# ruff: noqa: PTH123, T201, UP006, UP035  (a script with plain components; KFP reads typing's names)

import json
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

from kfp import compiler, dsl

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def add(a: int, b: int) -> int:
    return a + b


@dsl.component(base_image=IMAGE)
def write(text: str, out: dsl.Output[dsl.Dataset]):
    with open(out.path, "w") as stream:
        stream.write(text)
    out.metadata["length"] = len(text)


@dsl.component(base_image=IMAGE)
def read(data: dsl.Input[dsl.Dataset]) -> str:
    with open(data.path) as stream:
        return f"{stream.read()}:{data.metadata['length']}"


@dsl.component(base_image=IMAGE)
def total(values: List[int]) -> int:
    return sum(values)


@dsl.component(base_image=IMAGE)
def types_of(values: List[int], table: Dict[str, float]) -> str:
    return ",".join(type(value).__name__ for value in [*values, *table.values()])


@dsl.component(base_image=IMAGE)
def fail():
    raise RuntimeError("on purpose")


@dsl.component(base_image=IMAGE)
def final_state(status: dsl.PipelineTaskFinalStatus) -> str:
    return status.state


@dsl.pipeline(name="chain")
def chain(text: str = "hello") -> str:
    return read(data=write(text=text).outputs["out"]).output


@dsl.pipeline(name="types")
def types(values: List[int] = [1, 2], table: Dict[str, float] = {"a": 3, "b": 0.5}) -> str:  # noqa: B006
    return types_of(values=values, table=table).output


@dsl.pipeline(name="conditions")
def conditions(n: int = 3) -> int:
    with dsl.If(n > 5):
        high = add(a=n, b=100)
    with dsl.Elif(n == 3):
        three = add(a=n, b=30)
    with dsl.Else():
        low = add(a=n, b=0)
    return dsl.OneOf(high.output, three.output, low.output)


@dsl.pipeline(name="collected")
def collected() -> int:
    with dsl.ParallelFor([1, 2, 3]) as item:
        more = add(a=item, b=10)
    return total(values=dsl.Collected(more.output)).output


@dsl.pipeline(name="inner")
def inner(a: int) -> int:
    return add(a=a, b=1).output


@dsl.pipeline(name="nested")
def nested() -> int:
    return add(a=inner(a=1).output, b=inner(a=10).output).output


@dsl.pipeline(name="row")
def row(x: int) -> int:
    with dsl.ParallelFor([10, 20]) as y:
        sums = add(a=x, b=y)
    return total(values=dsl.Collected(sums.output)).output


@dsl.pipeline(name="nested-loops")
def nested_loops() -> int:
    with dsl.ParallelFor([1, 2]) as x:
        summed = row(x=x)
    return total(values=dsl.Collected(summed.output)).output


@dsl.pipeline(name="exit-handler")
def exit_handler():
    with dsl.ExitHandler(final_state()):
        fail()


def common() -> List[Any]:
    """Pipelines that both SDKs can compile."""
    return [chain, types, conditions, collected, nested, nested_loops, exit_handler]


# -- what only SDKs after 2.13 can compile -----------------------------------------------------------------------------


def workspace() -> Any:
    @dsl.component(base_image=IMAGE)
    def leave(folder: str, text: str) -> str:
        from pathlib import Path

        (Path(folder) / "note.txt").write_text(text)
        return text

    @dsl.component(base_image=IMAGE)
    def find(folder: str, after: str) -> str:
        from pathlib import Path

        return (Path(folder) / "note.txt").read_text()

    config = dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi"))

    @dsl.pipeline(name="workspace", pipeline_config=config)
    def pipeline() -> str:
        left = leave(folder=dsl.WORKSPACE_PATH_PLACEHOLDER, text="kept")
        return find(folder=dsl.WORKSPACE_PATH_PLACEHOLDER, after=left.output).output

    return pipeline


def task_config() -> Any:
    fields = [dsl.TaskConfigPassthrough(field=dsl.TaskConfigField.ENV, apply_to_task=True)]

    @dsl.component(base_image=IMAGE, task_config_passthroughs=fields)
    def shown(config: dsl.TaskConfig) -> str:
        import os

        return f"{type(config).__name__}:{os.environ['GREETING']}"

    @dsl.pipeline(name="task-config")
    def pipeline() -> str:
        task = shown()
        task.set_env_variable("GREETING", "hi")
        return task.output

    return pipeline


def embedded(folder: Path) -> Any:
    data = folder / "data"
    data.mkdir()
    (data / "numbers.txt").write_text("42")

    @dsl.component(base_image=IMAGE, embedded_artifact_path=str(data))
    def numbers(assets: dsl.EmbeddedInput[dsl.Dataset]) -> str:
        from pathlib import Path

        return (Path(assets.path) / "numbers.txt").read_text()

    @dsl.pipeline(name="embedded")
    def pipeline() -> str:
        return numbers().output

    return pipeline


def limits() -> Any:
    @dsl.pipeline(name="limits", pipeline_config=dsl.PipelineConfig(active_deadline_seconds=600))
    def pipeline() -> int:
        return add(a=1, b=2).output

    return pipeline


def only_newest(folder: Path) -> List[Any]:
    """Pipelines of the newest SDK; none with an SDK that does not have these features."""
    return [workspace(), task_config(), embedded(folder), limits()] if hasattr(dsl, "WorkspaceConfig") else []


def compile_all(folder: Path) -> None:
    for pipeline in [*common(), *only_newest(folder)]:
        compiler.Compiler().compile(pipeline, str(folder / f"{pipeline.name}.yaml"))


def run_all(folder: Path, store: Path) -> Dict[str, Any]:
    from local_runner import run
    from local_runner.errors import PlanError

    found = {}
    for file in sorted(folder.glob("*.yaml")):
        try:
            done = run(str(file), root=store, raise_on_failure=False)
        except PlanError as error:
            found[file.stem] = {"refused": str(error), "outputs": {}}
            continue
        leaves = [task for task in done.tasks.values() if task.kind not in ("dag", "loop")]
        found[file.stem] = {
            "state": done.state.value,
            "outputs": done.outputs,
            "tasks": {task.path: task.outputs.get("Output") for task in leaves},
            "errors": [task.error for task in done.failed()],
        }
    return found


def main(verb: str, *folders: str) -> None:
    actions: Dict[str, Callable[..., Any]] = {"compile": compile_all, "run": run_all}
    print(json.dumps(actions[verb](*map(Path, folders))))


if __name__ == "__main__":
    main(*sys.argv[1:])
