"""Create ``.venv`` and install this project into it from its hashed lock. Standard library only.

    python requirements/install.py runtime     what `make run` needs
    python requirements/install.py dev         the same, and the tools of `make test` and `make lint`

The lock is chosen by platform and Python version. A stamp holds the lock's digest, so a second call that has
nothing to do returns at once.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
UV_LOCK = ROOT / "requirements" / "uv.txt"
SUPPORTED = ((3, 11), (3, 12))


def lock_name(kind: str, system: str, machine: str) -> str:
    """Name of the lock for a platform, without its Python suffix. ``kind`` is ``runtime`` or ``dev``."""
    if system == "Darwin" and machine == "arm64":
        return {"runtime": "macos-metal", "dev": "macos-dev"}[kind]
    if system == "Linux" and machine == "x86_64":
        return {"runtime": "linux-cpu", "dev": "linux-dev"}[kind]
    sys.exit(
        f"no lock for {system} {machine}: locks exist for Linux x86_64 and macOS arm64 (Apple silicon).\n"
        "Elsewhere, install without one: pip install -e '.[cpu]'"
    )


def venv_python() -> Path:
    return VENV / "bin" / "python"


def digest_of(*paths: Path) -> str:
    joined = hashlib.sha256()
    for path in paths:
        joined.update(path.read_bytes())
    return joined.hexdigest()


def venv_version() -> str | None:
    """``3.11`` for an existing, working ``.venv``, else None (absent, or its interpreter was removed)."""
    if not venv_python().exists():
        return None
    probe = [str(venv_python()), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    result = subprocess.run(probe, capture_output=True, text=True)
    return result.stdout.strip() if result.returncode == 0 else None


def main() -> None:
    kind = sys.argv[1] if len(sys.argv) > 1 else "runtime"
    if kind not in {"runtime", "dev"}:
        sys.exit(f"expected runtime or dev, got {kind!r}")
    if sys.version_info[:2] not in SUPPORTED:
        sys.exit(f"Python 3.11 or 3.12 is needed, this is {platform.python_version()}")
    python = "%d.%d" % sys.version_info[:2]
    if venv_version() in {"3.11", "3.12"}:
        python = venv_version() or python
    else:
        print(f"Creating .venv with Python {platform.python_version()}", flush=True)
        venv.create(VENV, with_pip=True, clear=VENV.exists())

    name = lock_name(kind, platform.system(), platform.machine())
    lock = ROOT / "requirements" / f"{name}-py{python.replace('.', '')}.txt"
    stamp, current = VENV / f".installed-{kind}", digest_of(lock, UV_LOCK, ROOT / "pyproject.toml")
    # The development lock holds everything of the runtime lock, so it satisfies both.
    satisfied = [stamp, VENV / ".installed-dev"] if kind == "runtime" else [stamp]
    for path in satisfied:
        if path.exists() and path.read_text().split()[-1] == digest_of(
            ROOT / "requirements" / path.read_text().split()[0], UV_LOCK, ROOT / "pyproject.toml"
        ):
            return
    print(f"Installing {lock.relative_to(ROOT)} into .venv (the first time takes a minute or two)", flush=True)
    run = [str(venv_python()), "-m"]
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([*run, "pip", "install", "--quiet", "--require-hashes", "-r", str(UV_LOCK)], check=True, env=quiet)
    uv = [*run, "uv", "pip", "install", "--python", str(venv_python()), "--quiet"]
    # Tests start many processes; where Python may not write bytecode, each would compile TensorFlow's sources anew.
    compiled = ["--compile-bytecode"] if kind == "dev" else []
    subprocess.run([*uv, "--require-hashes", *compiled, "-r", str(lock)], check=True)
    subprocess.run([*uv, "--no-deps", "--editable", str(ROOT)], check=True)
    stamp.write_text(f"{lock.name} {current}\n")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failure:
        sys.exit(f"set-up failed: {' '.join(map(str, failure.cmd))} ended with {failure.returncode}")
