"""What tests of several folders share: the stand-ins of cloud services in ``tests/cloud``, and a browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["cloud.fixtures"]
CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium; tests that need it are skipped, with the reason, where there is none.

    It ends with its module: while it lives, an event loop runs in this thread, and nobody else can run one.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET))
        yield found
        found.close()
