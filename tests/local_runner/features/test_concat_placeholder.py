"""dsl.ConcatPlaceholder: several pieces as one word of a command."""

import pytest
from kfp import dsl


@dsl.container_component
def say(first: str, second: int = 2, data: dsl.Input[dsl.Dataset] = None):
    nested = dsl.ConcatPlaceholder([second, dsl.ConcatPlaceholder(["(", first, ")"])])
    return dsl.ContainerSpec("alpine", ["printf", "[%s]"], [dsl.ConcatPlaceholder(["--", first, "=", nested]), "end"])


@pytest.mark.parametrize(
    ("first", "expected"),
    [("a b", "[--a b=2(a b)][end]"), ("it's", "[--it's=2(it's)][end]"), ("", "[--=2()][end]")],
    ids=["blank", "apostrophe", "empty"],
)
def test_pieces_become_one_word(execute, first, expected):
    @dsl.pipeline
    def pipeline(first: str):
        say(first=first)

    assert execute(pipeline, {"first": first}, allow_host_commands=True).tasks["say"].log.read_text() == expected


def test_a_path_may_be_a_piece(execute, parts):
    @dsl.container_component
    def show(data: dsl.Input[dsl.Dataset]):
        return dsl.ContainerSpec("alpine", ["printf", "%s"], [dsl.ConcatPlaceholder(["--data=", data.path])])

    @dsl.pipeline
    def pipeline():
        show(data=parts.write(text="x").outputs["out"])

    run = execute(pipeline, allow_host_commands=True)
    assert run.tasks["show"].log.read_text() == f"--data={run.tasks['write'].artifacts['out'][0].path}"
