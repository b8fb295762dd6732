"""Container components: as commands of this machine when allowed, else in podman or docker, else refused."""

import json
import shutil
import sys

import pytest
from kfp import dsl

from local_runner.errors import PlanError

# Stands where podman would: notes what it was asked, then runs the command that would run inside.
ENGINE = """#!/usr/bin/env python3
import json, os, subprocess, sys
words = sys.argv[1:]
with open(os.environ["ENGINE_NOTES"], "w") as notes:
    json.dump(words, notes)
environment, entry = dict(os.environ), []
assert words.pop(0) == "run", words
while words[0].startswith("--"):
    option = words.pop(0)
    if option != "--rm":
        value = words.pop(0)
        if option == "--env":
            name, _, text = value.partition("=")
            environment[name] = text
        elif option == "--entrypoint":
            entry = [value]
image = words.pop(0)
sys.exit(subprocess.run([*entry, *words], env=environment).returncode)
"""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Puts an engine of a given name on the search path; returns what it was last asked."""

    def put(name):
        folder = tmp_path / "engine"
        folder.mkdir()
        (folder / name).write_text(ENGINE)
        (folder / name).chmod(0o755)
        (folder / "python3").symlink_to(sys.executable)
        for tool in ("env", "sh", "cat"):  # and no engine that this machine may really have
            (folder / tool).symlink_to(shutil.which(tool))
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setenv("ENGINE_NOTES", str(tmp_path / "notes.json"))
        return lambda: json.loads((tmp_path / "notes.json").read_text())

    return put


@dsl.container_component
def shout(text: str, out: dsl.OutputPath(str), made: dsl.Output[dsl.Dataset]):
    script = 'printf "%s!" "$0" > "$1"; printf "%s" "$0" > "$2"; echo told; echo wrong >&2'
    return dsl.ContainerSpec("alpine:3.20", ["sh", "-c", script, text], [out, made.path])


@dsl.container_component
def exit_with(code: int):
    return dsl.ContainerSpec("alpine", ["sh", "-c", 'exit "$0"'], [code])


@dsl.container_component
def nothing_like_it():
    return dsl.ContainerSpec("gcr.io/tools/none:1", ["no-such-command-here"])


@pytest.fixture
def pipeline(parts):
    @dsl.pipeline
    def pipeline(text: str = "it's") -> str:
        made = shout(text=text).set_env_variable("GREETING", "a b")
        return parts.echo(text=f"{made.outputs['out']} {parts.read(data=made.outputs['made']).output}").output

    return pipeline


def test_on_this_machine_when_allowed(execute, pipeline):
    run = execute(pipeline, allow_host_commands=True)
    assert run.outputs == {"Output": "it's! it's"}
    assert run.tasks["shout"].log.read_text() == "told\nwrong\n"


@pytest.mark.parametrize("name", ["podman", "docker"])
def test_in_a_container_engine(execute, pipeline, engine, tmp_path, name):
    asked = engine(name)
    assert execute(pipeline).outputs == {"Output": "it's! it's"}
    words = asked()
    store = str(tmp_path / "runs")
    assert words[:4] == ["run", "--rm", "--volume", f"{store}:{store}"]
    assert "GREETING=a b" in words
    assert words[words.index("--entrypoint") + 1] == "sh"
    assert words[words.index("alpine:3.20") + 1] == "-c"
    assert ("--user" in words) == (name == "docker")


def test_inputs_from_outside_the_store_are_in_reach_of_the_container(execute, engine, tmp_path):
    @dsl.container_component
    def show(data: dsl.Input[dsl.Dataset]):
        return dsl.ContainerSpec("alpine", ["cat", data.path])

    @dsl.pipeline
    def pipeline(data: dsl.Input[dsl.Dataset]):
        show(data=data)

    asked = engine("podman")
    outside = tmp_path / "elsewhere" / "data.txt"
    outside.parent.mkdir()
    outside.write_text("from outside")
    run = execute(pipeline, {"data": outside})
    assert run.tasks["show"].log.read_text() == "from outside"
    assert f"{outside}:{outside}:ro" in asked()


@pytest.mark.parametrize("host", [True, False], ids=["host", "engine"])
def test_an_exit_code_is_the_tasks_failure(execute, engine, host):
    engine("podman")
    run = execute(exit_with, {"code": 7}, allow_host_commands=host)
    assert run.tasks["exit-with"].error == "TaskError: the command ended with code 7"


def test_a_command_that_this_machine_lacks_is_named_with_its_image(execute):
    run = execute(nothing_like_it, allow_host_commands=True)
    assert str(run.error) == "'no-such-command-here' is not a command on this machine (image gcr.io/tools/none:1)"


def test_without_an_engine_every_problem_is_said_before_anything_starts(execute, parts, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    @dsl.component(base_image="python:3.11", packages_to_install=["no-such-package-here==1.0"])
    def needs():
        pass

    @dsl.pipeline
    def pipeline():
        parts.add(a=1, b=2)
        shout(text="a")
        nothing_like_it()
        needs()

    with pytest.raises(PlanError) as caught:
        execute(pipeline)
    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 3
    assert "task shout runs in the container image alpine:3.20: install podman or docker" in told
    assert "task nothing-like-it runs in the container image gcr.io/tools/none:1" in told
    assert "pip install no-such-package-here==1.0" in told
    assert not (tmp_path / "runs").exists()
