"""Tasks once more as their image runs them: what agrees, and what a changed image or machine makes differ."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from local_runner import api, component_files, plan
from local_runner.parity import page, places, step
from local_runner.parity.command import parity_command
from local_runner.records import TaskRecord

COMPONENT = """
import os
from kfp import dsl

@dsl.component(base_image="base", target_image="suite", install_kfp_package=False)
def scale(factor: float, table: dsl.Output[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]) -> float:
    import json
    rows = [value * factor for value in range(100)]
    with open(table.path, "w") as stream:
        json.dump(rows, stream)
    metrics.log_metric("total", 7 * factor)
    metrics.log_metric("seconds", os.getpid())
    return factor + len(os.environ.get("TANDEM_TEST_OF_PARITY", ""))

@dsl.component(base_image="base", target_image="suite", install_kfp_package=False)
def label(factor: float, table: dsl.Input[dsl.Dataset], text: dsl.Output[dsl.Artifact]):
    with open(text.path, "w") as stream:
        stream.write(f"{factor} {open(table.path).read()}")

@dsl.pipeline(name="scaled")
def scaled(factor: float = 0.1):
    made = scale(factor=factor)
    label(factor=made.outputs["Output"], table=made.outputs["table"])
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of components with its kfp_config.ini, and its pipeline compiled."""
    from kfp import compiler

    package = tmp_path / "project" / "parity_parts"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "component.py").write_text(COMPONENT)
    listed = "".join(f"{name} = parity_parts/component.py\n" for name in ("scale", "label"))
    (tmp_path / "project" / "kfp_config.ini").write_text(f"[Components]\n{listed}")
    monkeypatch.chdir(tmp_path / "project")
    pipeline = component_files.load(package / "component.py", "scaled")
    compiler.Compiler().compile(pipeline, str(tmp_path / "scaled.yaml"))
    return tmp_path / "project"


@pytest.fixture
def finished(project: Path) -> api.Run:
    return api.run(project.parent / "scaled.yaml", {"factor": 0.3}, root=project.parent / "runs")


def _check(run: api.Run, root: Path | None = None) -> list[step.TaskParity]:
    pipeline = plan.read(run.record.spec)
    tasks: list[TaskRecord] = list(run.tasks.values())
    with places.clean_process(component_files.find(), root) as place:
        return step.check(pipeline, run.record, tasks, place, lambda _: None)


def _image_of(project: Path, change: Callable[[str], str]) -> Path:
    """What an image holds that was built from other source."""
    image = project.parent / "image"
    shutil.copytree(project, image)
    component = image / "parity_parts" / "component.py"
    changed = change(component.read_text())
    assert changed != component.read_text()
    component.write_text(changed)
    return image


def test_an_image_of_the_same_source_agrees(finished: api.Run) -> None:
    found = _check(finished)
    assert [task.task.path for task in found] == ["scale", "label"]
    assert all(task.good for task in found)
    # The metric `seconds`, here the number of the process, is a time by its name and left out.
    assert step.sentence(found) == "6 of 7 files and values identical; all others agree"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        pytest.param(lambda s: s.replace("range(100)", "range(99)"), "table", id="content", marks=pytest.mark.slow),
        pytest.param(lambda s: s.replace("7 * factor", "7.01 * factor"), "metrics (metadata)", id="metric"),
        pytest.param(
            lambda s: s.replace("factor + len", "2 * factor + len"),
            "outputs",
            id="output",
            marks=pytest.mark.slow,
        ),
        pytest.param(lambda s: s.replace("import json", "import jsonn"), "scale", id="crash", marks=pytest.mark.slow),
    ],
)
def test_a_changed_component_differs_where_it_was_changed(
    project: Path, finished: api.Run, change: Callable[[str], str], what: str
) -> None:
    scale, label = _check(finished, _image_of(project, change))
    assert [finding.what for finding in scale.findings if not finding.good] == [what]
    # It read what the run itself had made, so the difference does not spread.
    assert label.good


def test_a_variable_that_only_this_shell_has_shows(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_TEST_OF_PARITY", "set")
    run = api.run(project.parent / "scaled.yaml", {"factor": 0.3}, root=project.parent / "runs")
    scale, label = _check(run)
    assert [finding.what for finding in scale.findings if not finding.good] == ["outputs"]
    assert label.good


def test_the_command_ends_with_1_when_something_differs(project: Path, finished: api.Run) -> None:
    root = str(project.parent / "runs")
    good = CliRunner().invoke(parity_command, ["--run", finished.id, "--root", root])
    assert good.exit_code == 0, good.output
    image = _image_of(project, lambda s: s.replace("* factor for", "* factor * 1.5 for"))
    bad = CliRunner().invoke(parity_command, ["--run", finished.id, "--root", root, "--image-root", str(image)])
    assert bad.exit_code == 1
    assert "scale: DIFFERS" in bad.output
    assert "table: different" not in bad.output
    text = (finished.folder / "parity.html").read_text()
    assert "different: scale" in text
    assert "<script" not in text


def test_the_page_escapes_what_tasks_wrote(finished: api.Run) -> None:
    found = _check(finished)
    spoiled = step.TaskParity(found[0].task, (step.Finding("<b>", "different", "<script>"),), 0.0)
    text = page.page(finished.record, "an <image>", [spoiled])
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_a_pipeline_or_a_run_is_named(tmp_path: Path) -> None:
    result: Any = CliRunner().invoke(parity_command, ["--root", str(tmp_path)])
    assert result.exception is not None
    assert "name a pipeline" in str(result.exception)
