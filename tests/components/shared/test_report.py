from __future__ import annotations

from pathlib import Path

import pytest

from components.shared.report import Page, new_figure, show


def test_a_page_escapes_what_it_shows_and_needs_no_network(tmp_path: Path) -> None:
    figure = new_figure()
    figure.subplots().plot([1, 2])
    page = Page("<b>title</b>").text("1 < 2").table(["a", "b"], {"<i>": [1.0]}, strong=["<i>"]).figure(figure, "a & b")
    page.write(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "<b>title</b>" not in text
    assert "<i>" not in text
    assert "data:image/svg+xml;base64," in text
    assert "http" not in text.replace("https://", "http").split("base64,")[0]
    assert "<script" not in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (float("nan"), "–"), (1234.5678, "1,235"), (0.00012345, "0.0001234"), (3, "3"), ("x", "x")],
)
def test_cells_show_four_digits_and_a_dash_for_missing(value: object, shown: str) -> None:
    assert show(value) == shown
