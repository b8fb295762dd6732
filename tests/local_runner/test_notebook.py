# No `from __future__ import annotations`: KFP reads the components' annotations as they are.
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from kfp import dsl
from kfp.dsl import ClassificationMetrics, Metrics, Output

from local_runner import PipelineFailed, run
from local_runner.api import Run
from local_runner.report import ReportWriter

component = dsl.component(base_image="python:3.11", install_kfp_package=False)


@component
def score(metrics: Output[Metrics], classes: Output[ClassificationMetrics]) -> str:
    metrics.log_metric("<i>lstm/rmse", 1.25)
    metrics.log_metric("seconds", 3.0)
    classes.log_confusion_matrix(["a", "b"], [[1, 2], [3, 4]])
    return "<script>alert(1)</script>"


@component
def fail(x: str) -> int:
    raise ValueError("<b>broken</b> on purpose")


@dsl.pipeline(name="notebook")
def good() -> str:
    return score().outputs["Output"]


@dsl.pipeline(name="notebook")
def bad() -> None:
    fail(x=score().outputs["Output"])


class Balance(HTMLParser):
    """Fails on tags that do not close in order."""

    VOID = ("br", "img", "rect", "path", "circle", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture
def done(tmp_path: Path) -> Run:
    return run(good, root=tmp_path / "runs", observers=[ReportWriter()])


@pytest.fixture
def failed(tmp_path: Path) -> Run:
    with pytest.raises(PipelineFailed) as failure:
        run(bad, root=tmp_path / "runs")
    return failure.value.run


def test_a_notebook_shows_state_tasks_metrics_and_the_report(done: Run) -> None:
    shown = done._repr_html_()
    assert "succeeded" in shown
    assert "1 task<" in shown
    assert "1.25" in shown
    assert "Confusion matrix of 2 classes" in shown
    assert "report.html" in shown


def test_a_failed_run_shows_its_error_and_how_to_go_on(failed: Run) -> None:
    shown = failed._repr_html_()
    assert "&lt;b&gt;broken&lt;/b&gt; on purpose" in shown
    assert f"python -m local_runner resume {failed.id}" in shown


def test_it_is_whole_and_loads_and_runs_nothing(done: Run, failed: Run) -> None:
    for shown in (done._repr_html_(), failed._repr_html_()):
        balance = Balance()
        balance.feed(shown)
        assert balance.open == []
        assert not re.search(r"<(script|b>broken|i>|link|img|iframe)", shown)
        assert not re.search(r'(src|href)="(https?:|//|javascript:)', shown)


def test_a_run_whose_folder_is_gone_is_still_shown(done: Run) -> None:
    done.record.spec.unlink()
    assert "succeeded" in done._repr_html_()
