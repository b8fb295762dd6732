"""``dsl.notebook_component``: a notebook run by a component. Only SDKs after 2.13 compile them."""

import json

import pytest
from kfp import dsl

pytestmark = [
    pytest.mark.skipif(not hasattr(dsl, "notebook_component"), reason="this kfp has no notebook components"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def notebook(folder, *cells):
    """A notebook file whose first cell holds parameters."""
    content = {
        "cells": [
            {
                "cell_type": "code", "execution_count": None, "metadata": {"tags": ["parameters"] if not n else []},
                "outputs": [], "source": cell, "id": f"cell{n}",
            }
            for n, cell in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }  # fmt: skip
    path = folder / "notebook.ipynb"
    path.write_text(json.dumps(content))
    return str(path)


@pytest.fixture
def component(tmp_path):
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    path = notebook(
        tmp_path,
        "text = 'unset'\nplace = ''",
        "print('told', text)\nif text == 'bad':\n    raise RuntimeError('on purpose')",
        "with open(place, 'w') as stream:\n    stream.write(text.upper())",
    )

    @dsl.notebook_component(notebook_path=path, packages_to_install=[])
    def run_it(text: str, place: str) -> str:
        dsl.run_notebook(text=text, place=place)
        with open(place) as stream:  # noqa: PTH123
            return stream.read()

    return run_it


def test_the_notebook_runs_with_its_parameters(execute, component, tmp_path):
    run = execute(component, {"text": "hello", "place": str(tmp_path / "out.txt")})
    assert run.tasks["run-it"].outputs == {"Output": "HELLO"}, run.error


def test_a_failing_cell_fails_the_task(execute, component, tmp_path):
    run = execute(component, {"text": "bad", "place": str(tmp_path / "out.txt")})
    assert (run.state, "on purpose" in str(run.error)) == ("failed", True)
