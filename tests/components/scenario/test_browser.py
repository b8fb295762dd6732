"""The page in headless Chromium, with real drags and clicks. The ``tab`` fixture fails a test on any script error."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect
expect.set_options(timeout=20_000)  # a busy machine takes its time
pytestmark = pytest.mark.slow


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for what Playwright has no expectation for; its own waiting evaluates text, which the policy forbids."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def drag(tab: Any, name: str, share: float) -> list[str]:
    """Drag a slider by the mouse from its middle by a share of its width; the fan's lines along the way."""
    slider = tab.locator(f'[id="slider-{name}"]')
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(middle, y)
    tab.mouse.down()
    seen = []
    for step in range(1, 11):
        tab.mouse.move(middle + share * box["width"] * step / 10, y)
        tab.wait_for_timeout(60)
        seen.append(tab.locator("#line-scenario").get_attribute("d"))
    tab.mouse.up()
    return seen


def test_fan_changes_while_a_slider_is_dragged(tab: Any) -> None:
    expect(tab.locator("#headline")).to_contain_text("this is the baseline")
    baseline = tab.locator("#line-baseline").get_attribute("d")
    assert tab.locator("#line-scenario").get_attribute("d") == baseline
    seen = drag(tab, "meal*", 0.3)
    assert len(set(seen)) >= 3, "the fan stood still during the drag"
    expect(tab.locator("#headline")).to_contain_text("against the baseline")
    expect(tab.locator("#changed .card")).to_have_count(3)  # meal1, meal2, and spread that follows
    expect(tab.locator("#changed")).to_contain_text("spread (derived)")
    expect(tab.locator("#notes")).to_contain_text("not guaranteed")
    expect(tab.locator(".band")).to_have_count(4)


def test_flag_says_when_a_scenario_leaves_what_the_model_knows(tab: Any) -> None:
    drag(tab, "volume", 0.49)
    expect(tab.locator("#flag")).to_contain_text("volume")
    expect(tab.locator("#flag")).to_have_class("here")


def test_reset_brings_the_baseline_back(tab: Any) -> None:
    drag(tab, "price", 0.2)
    expect(tab.locator("#headline")).to_contain_text("against the baseline")
    tab.get_by_role("button", name="Reset").click()
    expect(tab.locator("#headline")).to_contain_text("this is the baseline")
    assert tab.locator('[id="slider-price"]').input_value() == "0"


def test_shape_and_unit_are_those_chosen(tab: Any) -> None:
    tab.locator("#unit").select_option("add")
    tab.locator("#shape").select_option("ramp")
    asked: list[Any] = []
    tab.on("request", lambda r: asked.append(json.loads(r.post_data)) if r.url.endswith("/api/scenario") else None)
    drag(tab, "volume", 0.2)
    until(lambda: bool(asked) and bool(asked[-1]["shocks"]))
    shock = asked[-1]["shocks"][0]
    assert (shock["kind"], shock["features"]) == ("add", ["volume"])
    assert shock["shape"] == {"kind": "ramp", "start": -4, "rows": 5}


def test_keyboard_moves_a_slider(tab: Any) -> None:
    tab.locator('[id="slider-price"]').focus()
    for _ in range(4):
        tab.keyboard.press("ArrowRight")
    expect(tab.locator('[id="slider-price"]')).to_have_value("2")
    expect(tab.locator("#headline")).to_contain_text("against the baseline")


def test_tornado_follows_its_settings(tab: Any) -> None:
    expect(tab.locator("#tornado .name")).to_have_count(2)  # meal and volume; spread follows, price is the target
    tab.locator("#tornadogroups").uncheck()
    expect(tab.locator("#tornado .name")).to_have_count(3)
    tab.locator("#tornadotarget").check()
    expect(tab.locator("#tornado .name")).to_have_count(4)


def test_goal_is_found_and_added(tab: Any) -> None:
    expect(tab.locator("#goal")).not_to_have_value("")
    tab.locator("#goalfeature").select_option("price")
    tab.get_by_role("button", name="Find").click()
    expect(tab.locator("#goalanswer")).to_contain_text("price:")
    tab.get_by_role("button", name="Add to the scenario").click()
    goal = float(tab.locator("#goal").input_value())
    expect(tab.locator("#headline")).to_contain_text("against the baseline")
    until(lambda: abs(float(tab.locator("#headline").inner_text().split()[0]) - goal) < 0.01)


def test_goal_out_of_reach_says_so(tab: Any) -> None:
    tab.locator("#goal").fill("100000")
    tab.get_by_role("button", name="Find").click()
    expect(tab.locator("#goalanswer")).to_contain_text("No amount from -50 to 50 reaches the goal")


def test_json_is_applied_and_its_problems_are_shown(tab: Any) -> None:
    tab.locator("#advanced summary").click()
    condition = {"column": "price", "op": ">", "value": 0}
    shock = {"kind": "add", "features": ["meal1"], "amount": 5, "when": [condition]}
    tab.locator("#json").fill(json.dumps({"shocks": [shock]}))
    tab.get_by_role("button", name="Apply").click()
    expect(tab.locator("#changed .card")).to_have_count(1)
    tab.locator("#json").fill(
        json.dumps({"shocks": [{**shock, "features": ["meel1"]}, {**shock, "features": ["x<b>"]}]})
    )
    tab.get_by_role("button", name="Apply").click()
    expect(tab.locator("#trouble")).to_contain_text("did you mean meal1?")
    expect(tab.locator("#trouble")).to_contain_text("'x<b>'")
    tab.locator("#json").fill("{")
    tab.get_by_role("button", name="Apply").click()
    expect(tab.locator("#trouble")).to_contain_text("This is no JSON")


def test_a_late_answer_does_not_hide_what_is_wrong_now(tab: Any) -> None:
    held: list[Any] = []
    expect(tab.locator("#tornado .name").first).to_be_visible()  # the first one is over
    tab.route("**/api/tornado", lambda route: held.append(route))
    tab.locator("#advanced summary").click()
    tab.locator("#json").fill(json.dumps({"shocks": [{"kind": "add", "features": ["meel1"], "amount": 5}]}))
    tab.get_by_role("button", name="Apply").click()
    expect(tab.locator("#trouble")).to_contain_text("did you mean meal1?")
    until(lambda: bool(tab.wait_for_timeout(50)) or bool(held))
    tab.locator("#json").fill("{")
    tab.get_by_role("button", name="Apply").click()
    with tab.expect_response("**/api/tornado"):
        held[-1].continue_()
    tab.wait_for_timeout(200)
    expect(tab.locator("#trouble")).to_contain_text("This is no JSON")


def test_origin_can_be_earlier(tab: Any) -> None:
    tab.locator("#origin").fill("2021-03-01")
    expect(tab.locator("#headline")).to_contain_text("2021-03-08")
    expect(tab.locator("#legend")).to_contain_text("Ring: what came.")
    expect(tab.locator(".dot-truth")).to_have_count(1)


@pytest.mark.parametrize(("form", "begins"), [("csv", b'"scenario"'), ("parquet", b"PAR1"), ("png", b"\x89PNG")])
def test_export(tab: Any, tmp_path: Path, form: str, begins: bytes) -> None:
    expect(tab.locator("#headline")).to_contain_text("this is the baseline")
    with tab.expect_download(timeout=30_000) as download:
        tab.locator(f'[data-export="{form}"]').click()
    download.value.save_as(tmp_path / "file")
    assert download.value.suggested_filename == f"scenario.{form}"
    assert (tmp_path / "file").read_bytes().startswith(begins)


def test_search_shows_what_matches(tab: Any) -> None:
    tab.locator("#search").fill("meal")
    expect(tab.locator("#sliders .group:visible")).to_have_count(1)
