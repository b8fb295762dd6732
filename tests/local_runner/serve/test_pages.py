"""What the pages say of a store, and that they find everything by the store's own names."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local_runner import task_progress
from local_runner.graph_svg import COLOURS
from local_runner.records import ArtifactRecord, State, TaskKind
from local_runner.serve import pages
from tests.local_runner.serve.conftest import Scribe, Site

VOID = {"meta", "link", "input", "img", "br", "rect", "path", "circle", "polyline", "option"}


class Checked(HTMLParser):
    """Collects what would make a page unfit: unclosed tags, inline script or style, tables without headings."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.tables = self.headed = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.faults += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        self.faults += ["inline script"] if tag == "script" and "src" not in given else []
        self.faults += ["style"] if tag == "style" else []
        self.faults += ["image without words"] if tag == "img" and not given.get("alt") else []
        self.faults += ["heading without scope"] if tag == "th" and "scope" not in given else []
        self.faults += [given["src"] or ""] if str(given.get("src", "")).startswith(("http", "//")) else []
        self.ids += [given["id"] or ""] if "id" in given else []
        self.tables += tag == "table"
        self.headed += tag == "thead"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.faults.append(f"</{tag}> out of order")


def text_of(markup: str) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", markup))


@pytest.fixture
def full(scribe: Scribe) -> dict[str, str]:
    """Addresses of pages of all kinds."""
    run = scribe.run("full", {"first": [], "second": ["first"]}, arguments={"config": {"epochs": 3}, "seed": 1})
    folder = run.folder / "tasks" / "first" / "table"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"x": range(120)}), folder / "part-0.parquet")
    (folder / "schema.json").write_text('{"b": 1}')
    matrix = {"annotationSpecs": [{"displayName": "up"}], "rows": [{"row": [7]}]}
    contents = {
        "note": "# Title\n\n<b>raw</b>", "page": "<p>hello</p>", "data": '{"a": [1]}', "plot.png": b"\x89PNG\r\n\x1a\n",
        "blob": b"\0\1", "rows.csv": "a,b\n1,2\n",
    }  # fmt: skip
    types = {"note": "system.Markdown", "page": "system.HTML"}
    artifacts = {"table": ArtifactRecord("table", "system.Dataset", str(folder), {"rows": 120})}
    for name, content in contents.items():
        path = run.folder / "tasks" / "first" / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        artifacts[name] = ArtifactRecord(name, types.get(name, "system.Artifact"), str(path))
    metadata = {"lstm/rmse": 1.25, "naive/rmse": 1.5, "seconds": 3.0}
    artifacts["metrics"] = ArtifactRecord("metrics", "system.Metrics", str(run.folder / "tasks" / "none"), metadata)
    artifacts["classes"] = ArtifactRecord("classes", "system.ClassificationMetrics", "", {"confusionMatrix": matrix})
    scribe.task(run, log="hello from the log\n", artifacts={name: (each,) for name, each in artifacts.items()})
    scribe.task(
        run, "second", State.FAILED, inputs={"given": (artifacts["table"],)}, parameters={"n": 3},
        error="ValueError: no", traceback="Traceback: here",
    )  # fmt: skip
    scribe.end(run, State.FAILED)
    here = f"/runs/{run.id}"
    shown = {name: f"{here}/artifact?path=first&name={name}" for name in artifacts}
    return {
        **shown, "list": "/", "run": here, "task": f"{here}/task?path=first", "failed": f"{here}/task?path=second",
        "schema": f"{shown['table']}&file=schema.json", "compare": f"/compare?run={run.id}&run={run.id}",
        "pipeline": f"{here}/pipeline", "later": f"{shown['table']}&page=2", "nothing": "/nothing",
    }  # fmt: skip


def test_every_page_is_whole_and_fit_for_its_policy(site: Site, full: dict[str, str]) -> None:
    for name, address in full.items():
        answer = site.get(address)
        assert answer.status == (404 if name == "nothing" else 200), name
        found = Checked()
        found.feed(answer.text)
        assert found.faults == [], name
        assert found.open == [], name
        assert len(found.ids) == len(set(found.ids)), name
        assert found.tables == found.headed, name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("run", ("full", "✗ failed", "second failed", "ValueError: no", "Traceback: here", "lstm 1.25", "seed 1")),
        ("task", ("hello from the log", "first", "table", "Dataset")),
        ("failed", ("ValueError: no", "first/table", "n 3")),
        ("table", ("120 rows, 1 columns", "x int64", "part-0.parquet", "schema.json", "second", "as given")),
        ("later", ("100–119", "119 119")),
        ("note", ("Title", "&lt;b&gt;raw&lt;/b&gt;")),
        ("schema", ("&#34;b&#34;: 1",)),
        ("data", ("&#34;a&#34;: [",)),
        ("metrics", ("rmse", "1.25", "seconds 3")),
        ("rows.csv", ("1 rows, 2 columns",)),
        ("blob", ("neither text nor",)),
        ("nothing", ("There is no such page",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_page_says_what_the_store_holds(site: Site, full: dict[str, str], name: str, words: tuple[str, ...]) -> None:
    text = text_of(site.get(full[name]).text)
    for each in words:
        assert each in text


def test_a_confusion_matrix_is_drawn_on_the_run(site: Site, full: dict[str, str]) -> None:
    assert 'aria-label="Confusion matrix of 1 classes' in site.get(full["run"]).text


def test_boxes_of_the_graph_lead_to_their_tasks(site: Site, full: dict[str, str]) -> None:
    addresses = re.findall(r'<a href="([^"]*)"><g>', site.get(full["run"]).text)
    assert len(addresses) == 2
    assert all(site.get(address).status == 200 for address in addresses)


def test_every_link_of_every_page_leads_somewhere(site: Site, full: dict[str, str]) -> None:
    tried = set()
    for address in full.values():
        for link in re.findall(r'(?:href|src)="(/[^"]*)"', site.get(address).text):
            tried.add(link.replace("&amp;", "&").partition("#")[0])
    assert len(tried) > 30
    assert {link: site.get(link).status for link in tried if site.get(link).status != 200} == {}


def test_runs_are_listed_newest_first_by_pages_and_filters(site: Site, scribe: Scribe) -> None:
    for i in range(30):
        run = scribe.run("even" if i % 2 == 0 else "odd", created=1_000_000.0 + i)
        scribe.end(run, State.FAILED if i == 4 else State.SUCCEEDED)

    def ids(address: str) -> list[str]:
        return re.findall(r'<td class="id"><a href="/runs/[\d-]+-(\w+)-', site.get(address).text)

    assert ids("/")[:3] == ["odd", "even", "odd"]
    assert (len(ids("/")), len(ids("/?page=1")), len(ids("/?page=2"))) == (25, 5, 0)
    assert set(ids("/?pipeline=odd")) == {"odd"}
    assert ids("/?state=failed") == ["even"]
    assert ids("/?state=failed&pipeline=odd") == []
    assert site.get("/?state=broken").status == 400
    assert site.get("/?page=-1").status == 400


def test_an_empty_store_says_how_to_begin(site: Site) -> None:
    assert "python -m local_runner run PIPELINE" in site.get("/").text


def test_latest_and_parts_of_an_id_lead_to_the_run(site: Site, scribe: Scribe) -> None:
    run = scribe.end(scribe.run())
    for name in ("latest", run.id[-4:]):
        assert site.get(f"/runs/{name}").headers["location"] == f"/runs/{run.id}"
    assert "no run" in site.get("/runs/nobody").text


def test_a_run_of_a_killed_process_reads_as_interrupted(site: Site, scribe: Scribe) -> None:
    run = scribe.run()
    task = scribe.task(run, state=State.RUNNING)
    task_progress.write(task.folder, {"what": "epoch", "step": 2, "total": 9, "figures": {"loss": 0.5}})
    assert "epoch 2/9" in text_of(site.get(f"/runs/{run.id}").text)
    scribe.kill(run)
    for address in ("/", f"/runs/{run.id}", f"/runs/{run.id}/task?path=first"):
        text = text_of(site.get(address).text)
        assert "interrupted" in text
        assert "▶ running" not in text
    assert site.get("/?state=interrupted").text.count('class="id"') == 1
    assert site.get("/?state=running").text.count('class="id"') == 0


def test_live_parts_say_when_to_ask_again(site: Site, scribe: Scribe) -> None:
    run = scribe.run()
    assert site.get(f"/runs/{run.id}/live").json["again"] == pages.SOON
    run = scribe.end(run)
    assert site.get(f"/runs/{run.id}/live").json["again"] == 0
    assert site.get("/live").json["again"] == pages.LATER


def test_a_run_of_two_thousand_tasks_is_shown_by_pages(site: Site, scribe: Scribe) -> None:
    run = scribe.run("wide", {"loop": []})
    for i in range(2000):
        scribe.task(
            run, f"loop/{i}/work", State.FAILED if i == 1500 else State.SUCCEEDED, error="no" if i == 1500 else ""
        )
    scribe.task(run, "loop", kind=TaskKind.LOOP)
    scribe.end(run, State.FAILED)
    answer = site.get(f"/runs/{run.id}")
    assert answer.text.count('<th scope="row" class="depth') == 200
    assert len(answer.body) < 300_000
    assert site.get(f"/runs/{run.id}?page=10").text.count('<th scope="row" class="depth') == 1
    assert site.get(f"/runs/{run.id}?state=failed").text.count('<th scope="row" class="depth') == 1
    assert site.get(f"/runs/{run.id}?under=loop/work").text.count('<th scope="row" class="depth') == 200


def test_a_log_is_given_piece_by_piece(site: Site, scribe: Scribe) -> None:
    whole = "".join(f"line {i}\n" for i in range(50_000))
    run = scribe.run()
    scribe.task(run, log=whole)
    scribe.end(run)
    page = site.get(f"/runs/{run.id}/task?path=first")
    assert len(page.body) < 100_000
    assert "line 49999" in page.text
    text, at = "", 0
    while True:
        piece = site.get(f"/runs/{run.id}/log?path=first&after={at}").json
        text, at = text + piece["text"], piece["next"]
        if piece["ended"]:
            break
    assert text == whole
    assert site.get(f"/runs/{run.id}/log.txt?path=first").text == whole


def test_inputs_from_elsewhere_are_named(site: Site, scribe: Scribe, tmp_path: Path) -> None:
    run = scribe.run()
    given = ArtifactRecord("given", "system.Dataset", str(tmp_path / "elsewhere.csv"))
    scribe.task(run, inputs={"given": (given,)})
    scribe.end(run)
    assert "outside the store" in site.get(f"/runs/{run.id}/task?path=first").text


def test_lineage_joins_runs(site: Site, scribe: Scribe) -> None:
    first = scribe.run("one")
    made = scribe.artifact(first, "out", "x").artifacts
    scribe.end(first)
    second = scribe.run("two", {"first": [], "use": ["first"]})
    scribe.task(second, state=State.CACHED, artifacts=made, reused_from=f"{first.id}/first")
    scribe.task(second, "use", inputs={"table": made["out"]})
    scribe.end(second)
    text = text_of(site.get(f"/runs/{first.id}/artifact?path=first&name=out").text)
    assert f"use of {second.id} as table" in text
    assert f"first of {second.id} took it over" in text
    assert f"taken from {first.id}/first" in text_of(site.get(f"/runs/{second.id}/task?path=first").text)
    # Within a run the run's own task is named, also when it took the artifact over.
    assert f"/runs/{second.id}/artifact?path=first" in site.get(f"/runs/{second.id}/task?path=use").text


def test_a_damaged_record_of_the_graph_does_not_hide_the_run(site: Site, scribe: Scribe) -> None:
    run = scribe.run()
    scribe.end(run)
    run.spec.write_text("not a pipeline")
    answer = site.get(f"/runs/{run.id}")
    assert answer.status == 200
    assert "cannot be drawn" in answer.text


@pytest.mark.parametrize("content", [b"PAR1 cut", b"a,b\n\xff\xfe", b"{"], ids=["parquet", "csv", "json"])
def test_a_damaged_artifact_is_a_message(site: Site, scribe: Scribe, content: bytes) -> None:
    name = {b"P": "a.parquet", b"a": "a.csv", b"{": "a.json"}[content[:1]]
    run = scribe.run()
    scribe.artifact(run, name, content)
    scribe.end(run)
    assert site.get(f"/runs/{run.id}/artifact?path=first&name={name}").status == 200


def test_halves_of_characters_and_names_of_bytes_are_shown_as_far_as_they_go(site: Site, scribe: Scribe) -> None:
    half = "half \ud800 a character"
    run = scribe.run(arguments={half: half})
    folder = run.folder / "tasks" / "first" / "out"
    folder.mkdir(parents=True)
    (folder / os.fsdecode(b"bytes \xff.txt")).write_text("x")
    artifact = ArtifactRecord("out", "system.Metrics", str(folder), {half: half})
    task = scribe.task(run, artifacts={"out": (artifact,)}, parameters={half: half}, state=State.RUNNING)
    task_progress.write(task.folder, {"what": half, "step": 1})
    for address in ("/", "/live", f"/runs/{run.id}", f"/runs/{run.id}/live", f"/runs/{run.id}/task?path=first"):
        assert site.get(address).status == 200, address
    assert "not shown" in site.get(f"/runs/{run.id}/artifact?path=first&name=out").text


def test_the_style_sheet_and_the_graph_agree_on_colours() -> None:
    style = (pages.HERE / "static" / "serve.css").read_text()
    lines = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", style))
    for state in State:
        assert lines[state.value] == COLOURS[state][1]


def test_compare_tells_arguments_metrics_times_and_equal_tasks(site: Site, scribe: Scribe) -> None:
    ids = []
    for epochs, rmse in ((3, 2.0), (5, 1.5)):
        run = scribe.run("model", {"a": [], "b": ["a"]}, arguments={"config": {"epochs": epochs, "seed": 1}})
        scored = ArtifactRecord("metrics", "system.Metrics", "", {"rmse": rmse, "rows": 10})
        scribe.task(run, "a", cache_key="same")
        scribe.task(run, "b", cache_key=str(epochs), artifacts={"metrics": (scored,)})
        ids.append(scribe.end(run).id)
    text = text_of(site.get(f"/compare?run={ids[0]}&run={ids[1]}").text)
    assert "config.epochs 3 5" in text
    assert "config.seed" not in text
    assert "rmse 2 1.5 -0.5 -25.0 %" in text
    assert "1 more the same" in text
    assert re.search(r" a ✓ succeeded .* equal b ✓ succeeded .* differ", text)
    assert site.get(f"/compare?run={ids[0]}").status == 400
