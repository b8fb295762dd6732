"""Who may ask, for what, and what an answer allows the browser to do."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from local_runner import task_progress
from local_runner.records import ArtifactRecord, State
from local_runner.serve.security import is_local
from local_runner.store import Store
from tests.local_runner.serve.conftest import Scribe, Site

SECRET = "a secret of this machine"
HOSTILE = "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>'\"&"


@pytest.mark.parametrize(
    "hosts",
    [
        ("evil.example",), ("127.0.0.1.evil.example",), ("localhost.",), ("evil.example:8765",), ("[::1]",), ("",), (),
        ("127.0.0.1", "evil.example"), ("127.0.0.1:80@evil.example",), ("0.0.0.0",), ("169.254.169.254",),
    ],
    ids=["name", "prefix", "dot", "port", "v6", "empty", "none", "two", "userinfo", "any", "metadata"],
)  # fmt: skip
def test_a_request_that_names_another_host_is_refused(site: Site, hosts: tuple[str, ...]) -> None:
    answer = site.get("/", hosts=hosts)
    assert answer.status == 400
    assert "Runs" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "127.0.0.1", "127.0.0.1:9000"])
def test_names_of_this_machine_are_accepted_also_through_a_tunnel(site: Site, host: str) -> None:
    assert is_local(host)
    assert site.get("/", hosts=(host,)).status == 200


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_can_be_changed(site: Site, method: str) -> None:
    assert site.get("/", method=method).status == 405


@pytest.mark.parametrize(
    "path", ["/", "/live", "/runs/latest", "/nowhere", "/static/serve.js", "/docs", "/openapi.json"]
)
def test_every_answer_carries_the_policy(site: Site, path: str) -> None:
    headers = site.get(path).headers
    assert "script-src 'self';" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_the_server_listens_to_this_machine_only(site: Site) -> None:
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in (address for address in others if not address.startswith("127.")):
        with pytest.raises(OSError, match=r"refused|timed out"):
            socket.create_connection((address, site.port), timeout=2)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file beside the store."""
    path = tmp_path / "secret.txt"
    path.write_text(SECRET)
    return path


SPELLINGS = (
    "../../../../secret.txt", "..%2f..%2f..%2f..%2fsecret.txt", "%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret.txt",
    "..%252f..%252f..%252f..%252fsecret.txt", "....//....//secret.txt", "..\\..\\..\\secret.txt",
    "%00", "out%00.txt", "../../../../secret.txt%00.png", "%c0%ae%c0%ae/secret.txt", "file:///etc/passwd",
    "/etc/passwd", "~/.bashrc", "A" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS, ids=range(len(SPELLINGS)))
def test_no_address_reaches_out_of_the_store(site: Site, scribe: Scribe, secret: Path, spelling: str) -> None:
    run = scribe.run()
    scribe.artifact(run, "out", "inside")
    scribe.end(run)
    here = f"/runs/{run.id}"
    for address in (
        f"/{spelling}", f"/static/{spelling}", f"/runs/{spelling}", f"/runs/{spelling}/pipeline",
        f"{here}/{spelling}", f"{here}/task?path={spelling}", f"{here}/log?path={spelling}",
        f"{here}/log.txt?path={spelling}", f"{here}/artifact?path={spelling}&name=out",
        f"{here}/artifact?path=first&name={spelling}", f"{here}/artifact?path=first&name=out&file={spelling}",
        f"{here}/raw?path=first&name=out&file={spelling}", f"{here}/raw?path=first&name={spelling}",
        f"/compare?run={spelling}&run={spelling}", f"/?pipeline={spelling}",
    ):  # fmt: skip
        answer = site.get(address)
        assert answer.status in (200, 400, 404), address
        assert SECRET not in answer.text, address
        assert "root:" not in answer.text, address


def test_an_absolute_path_is_no_address(site: Site, scribe: Scribe, store: Store, secret: Path) -> None:
    run = scribe.end(scribe.run())
    for path in (secret, store.root / "store.sqlite", run.folder / "records.jsonl"):
        assert site.get(str(path)).status == 404
        assert site.get(f"/runs/{run.id}/raw?path=first&name=out&file={quote(str(path))}").status == 404


def outside(scribe: Scribe, uri: str) -> str:
    """Address of an artifact whose record says that it lies at ``uri``."""
    run = scribe.run()
    scribe.task(run, artifacts={"out": (ArtifactRecord("out", "system.HTML", uri),)})
    scribe.end(run)
    return f"/runs/{run.id}/{{}}?path=first&name=out"


@pytest.mark.parametrize(
    "uri", ["{secret}", "{root}/../secret.txt", "{root}/store.sqlite", "{root}", "/etc", "gs://bucket/x", "x\0y", ""],
    ids=["absolute", "dots", "database", "whole-store", "folder", "remote", "nul", "empty"],
)  # fmt: skip
def test_what_lies_outside_the_store_is_named_and_not_shown(
    site: Site, scribe: Scribe, store: Store, secret: Path, uri: str
) -> None:
    address = outside(scribe, uri.format(secret=secret, root=store.root))
    page = site.get(address.format("artifact"))
    assert page.status == 200
    assert SECRET not in page.text
    assert 'class="empty"' in page.text
    assert "<iframe" not in page.text
    assert site.get(address.format("raw")).status == 404


def test_a_link_that_leads_out_of_the_store_is_refused(site: Site, scribe: Scribe, store: Store, secret: Path) -> None:
    run = scribe.run()
    folder = run.folder / "tasks" / "first" / "out"
    folder.mkdir(parents=True)
    (folder / "fine.txt").write_text("inside")
    (folder / "leak.txt").symlink_to(secret)
    (folder / "database.txt").symlink_to(store.root / "store.sqlite")
    (folder / "up").symlink_to(secret.parent)
    os.mkfifo(folder / "pipe.txt")
    scribe.task(run, artifacts={"out": (ArtifactRecord("out", "system.Artifact", str(folder)),)})
    scribe.end(run)
    where = f"/runs/{run.id}/{{}}?path=first&name=out&file={{}}"
    assert site.get(where.format("raw", "fine.txt")).text == "inside"
    for name in ("leak.txt", "database.txt", "up/secret.txt", "pipe.txt"):
        assert site.get(where.format("raw", name)).status == 404, name
        assert SECRET not in site.get(where.format("artifact", name)).text, name
    assert "not shown" in site.get(where.format("artifact", "")).text


def test_a_log_that_is_a_link_out_of_the_store_is_refused(site: Site, scribe: Scribe, secret: Path) -> None:
    run = scribe.run()
    task = scribe.task(run)
    task.log.symlink_to(secret)
    scribe.end(run)
    assert SECRET not in site.get(f"/runs/{run.id}/task?path=first").text
    assert site.get(f"/runs/{run.id}/log?path=first").json["text"] == ""
    assert site.get(f"/runs/{run.id}/log.txt?path=first").status == 404


def test_what_a_task_wrote_is_sandboxed_wherever_it_is_opened(site: Site, scribe: Scribe) -> None:
    run = scribe.run()
    scribe.artifact(run, "page", "<script>document.title = 'ran'</script>", "system.HTML")
    scribe.end(run)
    address = f"/runs/{run.id}/{{}}?path=first&name=page"
    answer = site.get(address.format("raw"))
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<iframe sandbox " in site.get(address.format("artifact")).text


@pytest.mark.parametrize(
    ("name", "content"), [("page", "alert(1)"), ("script.js", "alert(1)"), ("style.css", "p {}"), ("data", "\0\1")]
)
def test_other_files_are_only_ever_saved(site: Site, scribe: Scribe, name: str, content: str) -> None:
    run = scribe.run()
    scribe.artifact(run, name, content)
    scribe.end(run)
    headers = site.get(f"/runs/{run.id}/raw?path=first&name={name}").headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"].startswith("attachment")


def test_an_image_in_name_only_is_not_shown_as_one(site: Site, scribe: Scribe) -> None:
    run = scribe.run()
    scribe.artifact(run, "plot.png", "<script>alert(1)</script>")
    scribe.end(run)
    headers = site.get(f"/runs/{run.id}/raw?path=first&name=plot.png").headers
    assert headers["content-type"] == "application/octet-stream"


@pytest.fixture
def hostile(scribe: Scribe) -> str:
    """Id of a failed run whose every text is an attack."""
    bad = HOSTILE.replace("/", "")  # names become folders
    run = scribe.run(HOSTILE[:20], {bad: []}, arguments={HOSTILE: HOSTILE, "nested": {HOSTILE: [HOSTILE]}})
    artifact = ArtifactRecord(bad, "system.Metrics", HOSTILE, {HOSTILE: HOSTILE, f"{bad}/{bad}": HOSTILE})
    matrix = {"annotationSpecs": [{"displayName": HOSTILE}], "rows": [{"row": [1]}]}
    classes = ArtifactRecord(bad, "system.ClassificationMetrics", HOSTILE, {"confusionMatrix": matrix})
    scribe.task(
        run, bad, State.FAILED, log=f"{HOSTILE}\n</pre>{HOSTILE}\n", error=HOSTILE, traceback=HOSTILE,
        parameters={HOSTILE: HOSTILE}, inputs={HOSTILE: (artifact,)}, outputs={HOSTILE: HOSTILE},
        artifacts={bad: (artifact, classes)}, reused_from=f"{HOSTILE}",
    )  # fmt: skip
    going = scribe.run(HOSTILE[:20], {"first": []})
    told = {"what": HOSTILE, "step": HOSTILE, "total": HOSTILE, "figures": {HOSTILE: HOSTILE}}
    task_progress.write(scribe.task(going, state=State.RUNNING).folder, told)
    return scribe.end(run, State.FAILED, error=HOSTILE, outputs={HOSTILE: HOSTILE}).id


def hostile_addresses(run_id: str) -> list[str]:
    run, bad = f"/runs/{quote(run_id)}", quote(HOSTILE.replace("/", ""), safe="")
    return [
        "/", "/live", "/runs/latest", f"/?pipeline={bad}", f"/?state={bad}", run, f"{run}/live", f"{run}/pipeline",
        f"{run}?under={bad}",
        f"{run}/task?path={bad}", f"{run}/task/live?path={bad}", f"{run}/artifact?path={bad}&name={bad}",
        f"{run}/artifact?path={bad}&name={bad}&index=1", f"{run}/artifact?path={bad}&name={bad}&file={bad}",
        f"{run}/task?path=no{bad}", f"/runs/{bad}", f"/compare?run={quote(run_id)}&run={quote(run_id)}",
        f"/compare?run={bad}&run={bad}", f"/{bad}", f"{run}?page={bad}",
    ]  # fmt: skip


def test_nothing_a_run_says_becomes_markup(site: Site, hostile: str) -> None:
    for address in hostile_addresses(hostile):
        answer = site.get(address)
        answer = site.get(answer.headers["location"]) if answer.status == 307 else answer
        assert answer.status in (200, 400, 404), address
        text = answer.text
        said = text if "live" not in address else "".join(site.get(address).json["parts"].values())
        assert "<img src=x" not in said, address
        assert "<script>" not in said, address
        assert 'onerror="' not in said, address


@pytest.mark.slow
def test_a_browser_runs_nothing_a_run_says(site: Site, hostile: str, tab: Any) -> None:
    for address in hostile_addresses(hostile):
        if "live" not in address:
            tab.goto(site.address + address)
            assert tab.title() != "ran", address
            assert tab.locator("main img[src=x]").count() == 0, address


def test_markdown_neither_runs_nor_loads_anything(site: Site, scribe: Scribe) -> None:
    run = scribe.run()
    text = (
        "[a](javascript:alert(1)) [b](data:text/html,x) <img src=x onerror=alert(1)> <javascript:x> "
        "![c](http://127.0.0.1/x.png)"
    )
    scribe.artifact(run, "note", text, "system.Markdown")
    scribe.end(run)
    answer = site.get(f"/runs/{run.id}/artifact?path=first&name=note")
    shown = answer.text[answer.text.index("<article") : answer.text.index("</article>")]
    assert "<img src=x" not in shown
    assert 'href="javascript' not in shown
    assert 'href="data' not in shown
    assert "img-src 'self';" in answer.headers["content-security-policy"]
