"""The command as a user types it, on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from local_runner.doctor.surroundings import ask


@pytest.mark.slow
def test_the_doctor_looks_at_this_machine(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local_runner", "doctor", "--json", "--root", str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    told = json.loads(done.stdout)
    assert done.returncode == (1 if told["counts"]["problem"] else 0)
    by_subject = {found["subject"]: found for found in told["findings"]}
    assert "computes on" in by_subject["tensorflow"]["text"]
    assert "GiB of memory" in by_subject["machine"]["text"]
    assert not (tmp_path / "runs").exists(), "looking must leave nothing behind"


@pytest.mark.slow
def test_a_backend_that_cannot_be_asked_is_told_and_not_raised() -> None:
    assert "theano" in ask(["theano"])["theano"].error
