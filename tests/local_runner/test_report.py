# No `from __future__ import annotations`: KFP reads the components' annotations as they are.
import html
import re
from pathlib import Path

import pytest
from kfp import compiler, dsl
from kfp.dsl import HTML, Metrics, Output

from local_runner import PipelineFailed, plan, run
from local_runner.graph import layout
from local_runner.report import ReportWriter

component = dsl.component(base_image="python:3.11", install_kfp_package=False)


@component
def score(metrics: Output[Metrics], page: Output[HTML]) -> int:
    metrics.log_metric("lstm/rmse", 1.25)
    metrics.log_metric("random_walk/rmse", 1.5)
    metrics.log_metric("seconds", 3.0)
    from pathlib import Path

    Path(page.path).write_text("<p>hello</p><script>document.title = 'ran'</script>")
    return 1


@component
def double(x: int) -> int:
    return 2 * x


@component
def fail(x: int) -> int:
    raise ValueError("<b>broken</b> on purpose")


@dsl.pipeline(name="with-loop")
def with_loop() -> None:
    scored = score()
    with dsl.ParallelFor([1, 2, 3]) as item:
        double(x=item)
    double(x=scored.outputs["Output"])


@dsl.pipeline(name="failing")
def failing() -> None:
    fail(x=score().outputs["Output"])


def compiled(pipeline: object, folder: Path) -> Path:
    path = folder / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(path))
    return path


def report_of(pipeline: object, folder: Path) -> str:
    try:
        done = run(compiled(pipeline, folder), root=folder / "runs", observers=[ReportWriter()])
    except PipelineFailed as failure:
        done = failure.run
    return (done.record.folder / "report.html").read_text()


def test_the_page_shows_graph_metrics_and_pages_of_the_run(tmp_path: Path) -> None:
    text = report_of(with_loop, tmp_path)
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in text
    assert "3 × succeeded" in text
    assert "<td>1.25</td>" in text
    assert "<td>1.5</td>" in text
    assert "iframe sandbox title" in text
    assert html.escape("<p>hello</p>") in text


def test_what_tasks_wrote_cannot_run_or_load_anything(tmp_path: Path) -> None:
    text = report_of(with_loop, tmp_path)
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert not re.search(r'(?:src|href)="(?!data:)', text.replace("srcdoc", ""))


def test_a_failed_run_shows_the_error_as_text(tmp_path: Path) -> None:
    text = report_of(failing, tmp_path)
    assert "fail failed" in text
    assert "&lt;b&gt;broken&lt;/b&gt; on purpose" in text
    assert "<b>broken</b>" not in text


@pytest.mark.parametrize("pipeline", [with_loop, failing], ids=["loop", "chain"])
def test_boxes_never_overlap_and_arrows_point_right(pipeline: object, tmp_path: Path) -> None:
    found = layout(plan.read(compiled(pipeline, tmp_path)))
    boxes = [box for box in found.boxes if not box.scope]
    for i, one in enumerate(boxes):
        assert one.x + one.width <= found.width
        assert one.y + one.height <= found.height
        for other in boxes[i + 1 :]:
            apart = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y
    assert all(arrow.points[0][0] < arrow.points[-1][0] for arrow in found.arrows)
