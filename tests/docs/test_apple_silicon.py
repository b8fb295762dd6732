"""What the page promises is what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from components.shared import chips

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "apple-silicon.md").read_text()
SWITCHES = [line.split("|")[1:3] for line in PAGE.partition("## Switches")[2].splitlines() if line.startswith("| `--")]
KEYS = sorted({key for _, ours in SWITCHES for key in re.findall(r"(?:train|preprocess)(?:\.\w+)+", ours)})


@pytest.mark.parametrize(
    ("chip", "row"),
    [("M1", "small"), ("M1 Pro, M1 Max, M2", "medium"), ("M1 Ultra, M2 Pro and up, M3, M4, M5", "large")],
)
def test_the_table_of_chips_is_that_of_the_data(chip: str, row: str) -> None:
    data = chips.table()["rows"][row]
    low, high = data["batch_size"]
    most = f", at most {data['most_gib']} GiB" if "most_gib" in data else ""
    cells = [
        chip, str(low) if low == high else f"{low}–{high}", str(data["d_model"]), str(data["lookback"]),
        f"{data['share'] * 100:.0f} %{most}",
    ]  # fmt: skip
    assert f"| {' | '.join(cells)} |" in PAGE


def test_every_switch_of_the_mac_edition_has_its_equal() -> None:
    named = " ".join(theirs for theirs, _ in SWITCHES)
    for switch in (
        "batch_size", "train_epochs", "seq_len", "d_model", "loss_function financial", "lradj cosine", "grad_clip",
        "benchmark`", "benchmark-only", "no-compile", "compile-mode", "verbose",
    ):  # fmt: skip
        assert f"--{switch}" in named


@pytest.mark.parametrize("key", KEYS)
def test_every_key_the_page_names_is_in_the_config(key: str) -> None:
    from components.preprocess.config import PreprocessConfig
    from components.train.config import TrainConfig

    section, *path = key.split(".")
    schema = json.dumps({"train": TrainConfig, "preprocess": PreprocessConfig}[section].model_json_schema())
    # A key of one model, loss or schedule is enough: which one it is stands beside it.
    assert all(f'"{name}"' in schema for name in path)


def test_every_file_the_pages_link_to_is_there() -> None:
    for page in ("apple-silicon.md", "backends.md"):
        text = (ROOT / "docs" / page).read_text()
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (ROOT / "docs" / target).exists(), f"{page} links to {target}"
