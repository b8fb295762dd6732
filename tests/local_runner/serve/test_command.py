from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

COMMAND = [sys.executable, "-m", "local_runner"]
HEAVY = ("fastapi", "starlette", "uvicorn", "jinja2", "pyarrow", "kfp", "pandas", "tensorflow")


def test_help_names_the_command_and_imports_nothing_it_needs() -> None:
    program = (
        "import sys, click.testing; from local_runner.cli import main;"
        "said = click.testing.CliRunner().invoke(main, ['--help']).output;"
        f"print('serve' in said, [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True []"


def test_there_is_no_way_to_serve_another_host() -> None:
    said = subprocess.run([*COMMAND, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    assert "--host" not in said
    assert "127.0.0.1" in said


def test_it_says_its_address_answers_there_and_ends_well_on_ctrl_c(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "serve", "--root", str(tmp_path / "runs"), "--port", "0"], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
    assert address is not None
    with urllib.request.urlopen(address[0], timeout=30) as answer:
        assert "No run yet" in answer.read().decode()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = ["serve", "--root", str(tmp_path / "runs"), "--port", str(port)]
        done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"cannot use port {port}" in done.stderr
    assert "--port 0" in done.stderr
