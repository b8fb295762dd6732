"""The pages in headless Chromium, with real clicks. The ``tab`` fixture fails a test on any script or policy error."""

# No `from __future__ import annotations`: KFP reads the component as it is.

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import compiler, dsl

from local_runner import task_progress
from local_runner.records import ArtifactRecord, State
from tests.local_runner.serve.conftest import Scribe, Site

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for what Playwright has no expectation for; its own waiting evaluates text, which the policy forbids."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def work(go: str):
    import logging
    import os
    import time

    step = 0
    while not os.path.exists(go):  # noqa: PTH110
        step += 1
        print("working", step, flush=True)  # noqa: T201
        told = {"what": "turn", "step": step, "total": 1000, "figures": {"loss": 1 / step}}
        logging.getLogger("tandem.progress").info("turn", extra={"progress": told})
        time.sleep(0.2)


@dsl.pipeline(name="long")
def long(go: str):
    work(go=go).set_display_name("work")


@pytest.fixture
def going(tmp_path: Path) -> Any:
    """A runner's process whose only task works until the file ``go`` is there."""
    path = tmp_path / "long.yaml"
    compiler.Compiler().compile(long, str(path))
    words = ["run", str(path), "--root", str(tmp_path / "runs"), "--param", f"go={tmp_path / 'go'}", "-q"]
    process = subprocess.Popen([sys.executable, "-m", "local_runner", *words], stdout=subprocess.DEVNULL)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()


@pytest.mark.slow
def test_a_run_that_goes_on_is_followed_without_reloading(site: Site, tab: Any, going: Any, tmp_path: Path) -> None:
    tab.goto(site.address)
    tab.get_by_role("link", name=re.compile("-long-")).click(timeout=30_000)
    tab.evaluate("window.stayed = true")
    expect(tab.locator("[data-part=run_summary]")).to_contain_text("running")
    shown = tab.locator(".progress")
    expect(shown).to_contain_text(re.compile(r"turn \d+/1000"), timeout=20_000)
    before = shown.inner_text()
    expect(shown).not_to_have_text(before)
    (tmp_path / "go").touch()
    expect(tab.locator("[data-part=run_summary]")).to_contain_text("succeeded", timeout=20_000)
    expect(tab.locator("[data-part=graph]")).to_contain_text("succeeded")
    assert tab.evaluate("window.stayed") is True
    assert going.wait(20) == 0


@pytest.mark.slow
def test_the_log_of_a_running_task_grows_and_a_killed_runner_shows_as_interrupted(
    site: Site, tab: Any, going: Any
) -> None:
    tab.goto(site.address)
    tab.get_by_role("link", name=re.compile("-long-")).click(timeout=30_000)
    tab.locator("svg a", has_text="work").click(timeout=20_000)
    tab.evaluate("window.stayed = true")
    log = tab.locator("#logtext")
    expect(log).to_contain_text("working 3", timeout=20_000)
    expect(log).to_contain_text("working 9")
    os.kill(going.pid, signal.SIGKILL)
    going.wait()
    expect(tab.locator("[data-part=task_summary]")).to_contain_text("interrupted", timeout=15_000)
    assert tab.evaluate("window.stayed") is True


@pytest.fixture
def finished(scribe: Scribe) -> str:
    """Id of a run with a chain of two tasks, a table and a page."""
    run = scribe.run("clicked", {"first": [], "second": ["first"]})
    folder = run.folder / "tasks" / "first"
    folder.mkdir(parents=True)
    (folder / "rows.csv").write_text("id,name\n" + "".join(f"{i},row {i}\n" for i in range(120)))
    (folder / "page").write_text(
        "<h1>Shown</h1><script>document.body.textContent = 'ran'; fetch('/live')</script>"
        "<img src='/live'><form action='/'><button>Send</button></form>"
    )
    artifacts = {
        "rows": (ArtifactRecord("rows", "system.Dataset", str(folder / "rows.csv")),),
        "page": (ArtifactRecord("page", "system.HTML", str(folder / "page")),),
    }
    scribe.task(run, artifacts=artifacts, log="first line\n")
    scribe.task(run, "second", inputs={"table": artifacts["rows"]}, log="second line\n")
    return scribe.end(run).id


def test_from_the_list_to_a_row_of_a_table_by_clicks(site: Site, tab: Any, finished: str) -> None:
    tab.goto(site.address)
    tab.get_by_role("link", name=finished).click()
    tab.locator("svg a", has_text="second").click()
    expect(tab.locator("h1")).to_have_text("second")
    expect(tab.locator("#logtext")).to_contain_text("second line")
    tab.get_by_role("link", name="first/rows").click()
    expect(tab.locator("table.data tbody tr")).to_have_count(50)
    tab.get_by_role("link", name="Rows after").click()
    tab.get_by_role("link", name="Rows after").click()
    expect(tab.locator("table.data tbody tr").last).to_contain_text("row 119")
    expect(tab.get_by_role("link", name="Rows after")).to_have_count(0)
    tab.locator("nav").get_by_role("link", name=finished).click()
    expect(tab.locator("h1")).to_have_text("clicked")


def test_what_a_task_wrote_shows_but_cannot_run(site: Site, browser: Any, finished: str) -> None:
    page = browser.new_page()  # a blocked script is an error of the console here, as it should be
    answered: list[str] = []
    page.on("requestfinished", lambda request: answered.append(request.url))
    page.goto(f"{site.address}/runs/{finished}/artifact?path=first&name=page")
    expect(page.frame_locator("iframe").locator("h1")).to_have_text("Shown")
    assert page.locator("iframe").get_attribute("sandbox") == ""
    page.goto(f"{site.address}/runs/{finished}/raw?path=first&name=page")
    expect(page.locator("h1")).to_have_text("Shown")
    assert [url for url in answered if "/raw" in url]
    assert not [url for url in answered if "/live" in url]
    page.close()


def test_two_runs_are_chosen_and_compared(site: Site, tab: Any, scribe: Scribe) -> None:
    ids = [scribe.end(scribe.run("model", arguments={"epochs": epochs})).id for epochs in (3, 4, 5)]
    tab.goto(site.address)
    button = tab.get_by_role("button", name="Compare")
    expect(button).to_be_disabled()
    tab.get_by_label(f"Choose {ids[0]}").check()
    tab.get_by_label(f"Choose {ids[2]}").check()
    expect(tab.get_by_label(f"Choose {ids[1]}")).to_be_disabled()
    button.click()
    expect(tab.get_by_role("row", name="epochs")).to_contain_text("5")
    tab.get_by_role("link", name="Swap").click()
    expect(tab.locator("h1")).to_have_text("Two runs compared")


def test_a_choice_outlives_the_arrival_of_a_new_run(site: Site, tab: Any, scribe: Scribe) -> None:
    first = scribe.run("model")
    tab.goto(site.address)
    tab.get_by_label(f"Choose {first.id}").check()
    second = scribe.run("model")
    expect(tab.get_by_label(f"Choose {second.id}")).to_be_visible()
    expect(tab.get_by_label(f"Choose {first.id}")).to_be_checked()


def test_the_list_is_filtered_by_its_form(site: Site, tab: Any, scribe: Scribe) -> None:
    scribe.end(scribe.run("one"))
    scribe.end(scribe.run("two"), State.FAILED)
    tab.goto(site.address)
    expect(tab.locator("td.id")).to_have_count(2)
    tab.get_by_label("State").select_option("failed")
    tab.get_by_role("button", name="Show").click()
    expect(tab.locator("td.id")).to_have_count(1)
    tab.get_by_role("link", name="Show all").click()
    expect(tab.locator("td.id")).to_have_count(2)


@pytest.mark.slow
def test_a_log_of_megabytes_neither_hangs_the_page_nor_is_held_whole(site: Site, tab: Any, scribe: Scribe) -> None:
    run = scribe.run()
    task = scribe.task(run, state=State.RUNNING, log="".join(f"old {i}\n" for i in range(1_000_000)))
    tab.goto(f"{site.address}/runs/{run.id}/task?path=first")
    log = tab.locator("#logtext")
    expect(log).to_contain_text("old 999999")
    assert len(log.text_content()) < 100_000
    for pieces in range(2, 8):
        tab.get_by_role("button", name="Show earlier lines").click()
        until(lambda: len(log.text_content()) > pieces * 60_000)  # noqa: B023  (called before the next turn)
    with task.log.open("a") as stream:
        stream.write("".join(f"new {i}\n" for i in range(500_000)))
    expect(tab.locator("#logsize")).to_have_text(re.compile("1[56].* MB"))
    expect(log).not_to_contain_text("new 100")  # somebody reads further up
    tab.get_by_label("Follow").check()
    expect(log).to_contain_text("new 499999")
    assert len(log.text_content()) < 500_000
    tab.get_by_role("link", name="Runs", exact=True).click()  # the page still answers
    expect(tab.locator("h1")).to_have_text("Runs")


def test_a_new_attempt_begins_a_new_log(site: Site, tab: Any, scribe: Scribe) -> None:
    run = scribe.run()
    scribe.task(run, state=State.RUNNING, log="attempt one\n")
    tab.goto(f"{site.address}/runs/{run.id}/task?path=first")
    log = tab.locator("#logtext")
    expect(log).to_contain_text("attempt one")
    folder = run.folder / "tasks" / "first~2"
    folder.mkdir()
    (folder / "log.txt").write_text("attempt two\n")
    scribe.task(run, state=State.RUNNING, attempt=1, folder=folder)
    expect(log).to_contain_text("attempt two")
    expect(log).not_to_contain_text("attempt one")
    expect(tab.locator("[data-part=task_summary]")).to_contain_text("attempt 2")


def test_a_page_says_when_the_server_is_gone_and_when_it_is_back(site: Site, tab: Any, scribe: Scribe) -> None:
    run = scribe.run()
    tab.goto(f"{site.address}/runs/{run.id}")
    tab.route("**/live*", lambda route: route.abort())
    expect(tab.locator("#connection")).to_be_visible()
    tab.unroute("**/live*")
    expect(tab.locator("#connection")).to_be_hidden()


def test_progress_of_a_running_task_moves(site: Site, tab: Any, scribe: Scribe) -> None:
    run = scribe.run()
    task = scribe.task(run, state=State.RUNNING)
    tab.goto(f"{site.address}/runs/{run.id}/task?path=first")
    for step in (1, 4):
        task_progress.write(task.folder, {"what": "epoch", "step": step, "total": 4, "figures": {"loss": 0.25}})
        expect(tab.locator("progress")).to_have_attribute("value", str(step))
    expect(tab.locator(".progress")).to_contain_text("loss 0.25")


def test_the_keyboard_reaches_everything_and_the_focus_is_seen(site: Site, tab: Any, finished: str) -> None:
    tab.goto(f"{site.address}/runs/{finished}")
    reached = []
    for _ in range(10):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("(document.activeElement.textContent || '').trim().slice(0, 20)"))
        assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert reached[0] == "Skip to content"
    assert any("first" in each for each in reached)


def test_no_page_is_wider_than_the_window(site: Site, tab: Any, finished: str) -> None:
    for width in (1280, 420):
        tab.set_viewport_size({"width": width, "height": 800})
        for address in (
            "/",
            f"/runs/{finished}",
            f"/runs/{finished}/task?path=second",
            f"/compare?run={finished}&run={finished}",
        ):
            tab.goto(site.address + address)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, address
