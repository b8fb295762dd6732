"""Resolve every lock in this folder: one per platform and Python version, with hashes, without index URLs.

``make lock`` runs it. ``--check`` resolves again into a temporary folder and fails if a committed lock
no longer satisfies ``pyproject.toml``. Nothing is installed, so the macOS locks resolve on Linux too.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYPROJECT = HERE.parent / "pyproject.toml"
PYTHONS = ("3.11", "3.12")
LINUX, MACOS = "x86_64-manylinux_2_28", "aarch64-apple-darwin"

# lock name -> (platform uv resolves for, extras it holds)
RUNTIME = {
    "linux-cpu": (LINUX, ["cpu", "cloud", "explain", "lineage", "tensorboard", "tune", "boosting"]),
    "linux-gpu": (LINUX, ["gpu", "cloud", "explain", "lineage", "tensorboard", "tune", "boosting"]),
    "linux-tpu": (LINUX, ["tpu", "cloud", "explain", "lineage", "tensorboard", "tune", "boosting"]),
    "macos-metal": (MACOS, ["metal", "cloud", "explain", "lineage", "tensorboard", "tune", "boosting"]),
}
# Development tools are resolved under the runtime lock they are installed beside.
DEV = {"linux-dev": "linux-cpu", "macos-dev": "macos-metal"}

# What a lock must pin: tensorflow-metal 1.2.0 cannot load with any TensorFlow after 2.19.
MUST_PIN = {
    "linux-cpu": {"tensorflow-cpu": "2.19.1"},
    "linux-gpu": {"tensorflow": "2.19.1"},
    "linux-tpu": {"tensorflow-tpu": "2.19.1"},
    "macos-metal": {"tensorflow": "2.19.1", "tensorflow-metal": "1.2.0"},
}


def lock_path(name: str, python: str, folder: Path = HERE) -> Path:
    return folder / f"{name}-py{python.replace('.', '')}.txt"


def compile_lock(folder: Path, name: str, python: str) -> Path:
    """Resolve one lock into ``folder`` and return its path. An existing file there is a preference, not a law."""
    runtime = DEV.get(name, name)
    platform, extras = RUNTIME[runtime]
    if name in DEV:
        extras = [*extras, "dev"]
    out = lock_path(name, python, folder)
    command = ["uv", "pip", "compile", str(PYPROJECT), "--python-platform", platform, "--python-version", python]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--quiet"]
    command += ["--custom-compile-command", "make lock", "-o", str(out)]
    for extra in extras:
        command += ["--extra", extra]
    if name in DEV:
        command += ["--constraint", str(lock_path(runtime, python, folder))]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"lock {out.name} does not resolve:\n{result.stderr}")
    return out


def pins(path: Path) -> dict[str, str]:
    """Name -> version of every requirement pinned in a lock file."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", path.read_text(), flags=re.MULTILINE))


def problems_of(path: Path, name: str) -> list[str]:
    """Everything a reader of this lock must not meet: a missing pin, a host name, a requirement without a hash."""
    text, found, problems = path.read_text(), pins(path), []
    for package, version in MUST_PIN.get(name, {}).items():
        if found.get(package) != version:
            problems.append(f"{path.name}: expected {package}=={version}, found {found.get(package, 'nothing')}")
    if "://" in text or "--index-url" in text or "--find-links" in text:
        problems.append(f"{path.name}: names an index, a host or a URL")
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        if "==" in block.split("\n")[0] and "--hash=sha256:" not in block:
            problems.append(f"{path.name}: {block.split()[0]} has no hash")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if a committed lock is stale; write nothing")
    parser.add_argument("--upgrade", action="store_true", help="forget the present pins and take the newest versions")
    arguments = parser.parse_args()
    if shutil.which("uv") is None:
        sys.exit("uv is not on PATH: run `make setup`, or `pip install uv`")
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in [*RUNTIME, *DEV]:
            for python in PYTHONS:
                committed = lock_path(name, python)
                draft = lock_path(name, python, Path(scratch))
                if committed.exists() and not arguments.upgrade:
                    shutil.copyfile(committed, draft)
                compile_lock(Path(scratch), name, python)
                problems += problems_of(draft, name)
                stale = not committed.exists() or pins(committed) != pins(draft)
                if arguments.check and stale:
                    problems.append(f"{committed.name} is stale: run `make lock`")
                print(f"{committed.name}: {len(pins(draft))} packages, {'changed' if stale else 'unchanged'}")
        if problems:
            sys.exit("\n".join(problems))
        if not arguments.check:
            for draft in Path(scratch).glob("*.txt"):
                shutil.copyfile(draft, HERE / draft.name)


if __name__ == "__main__":
    main()
