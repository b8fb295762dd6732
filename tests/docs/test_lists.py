"""What documents and benchmarks list is what there is: models, losses, rooms, and links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from components.train import losses
from components.train.models import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
TRAIN = (ROOT / "components" / "train" / "README.md").read_text()
NOT_OURS = ("runs", "registry", "build", "dist")  # what runs and builds write, which git ignores
PAGES = sorted(
    path.relative_to(ROOT)
    for path in ROOT.rglob("*.md")
    if not path.relative_to(ROOT).parts[0].startswith((".", *NOT_OURS))
)


def section(page: str, heading: str) -> str:
    """A page's text from a heading to the next."""
    return page.partition(f"{heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("kind", REGISTRY)
def test_every_model_is_named_where_users_and_measurements_look(kind: str) -> None:
    assert f"`{kind}`" in section(README, "## Models")
    assert re.search(rf"^\|[^|]*`{kind}`[^|]*\|", TRAIN, re.MULTILINE), "no row in the table of components/train"
    assert f'"kind": "{kind}"' in (ROOT / "benchmarks" / "soybean.py").read_text(), "its page measures every model"


def test_every_loss_is_named() -> None:
    union, *_ = get_args(losses.LossConfig)
    for config in get_args(union):
        (kind,) = get_args(config.model_fields["kind"].annotation)
        assert kind in section(README, "## Models")
        assert f"`{kind}" in TRAIN.partition("**Losses**")[2]


def test_every_room_is_in_the_layout_and_describes_itself() -> None:
    for room in sorted(path for path in (ROOT / "components").iterdir() if (path / "__init__.py").is_file()):
        assert f"[{room.name}](components/{room.name})" in section(README, "## Layout")
        assert room.name == "shared" or (room / "README.md").is_file()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text()):
        if not re.match(r"[a-z]+:", target):
            file, _, anchor = target.partition("#")
            found = ROOT / page.parent / file if file else ROOT / page
            assert found.exists(), f"{page} links to {target}"
            assert not anchor or anchor in anchors(found), f"{page} links to {target}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
