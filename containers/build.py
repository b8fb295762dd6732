"""Build and push the images with whichever engine is there: docker, podman or buildah. Standard library only.

    python containers/build.py images [cpu gpu tpu serving]             build, tag tandem-KIND:VERSION-REVISION
    python containers/build.py push --registry HOST/PROJECT/REPOSITORY  push them; write containers/images.lock.json

``make images`` and ``make push REGISTRY=…`` run it. ``--base-image`` takes another base, ``--test`` the test stage,
``--build-arg NAME=VALUE`` sets an ARG of the Dockerfile.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "containers" / "images.lock.json"
KINDS = ("cpu", "gpu", "tpu", "serving")
ENGINES = ("docker", "podman", "buildah")
REGISTRY = re.compile(r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*$")


def find_engine(wanted: str = "") -> str:
    """The container engine of this machine that answers, or the one that is wanted."""
    if wanted:
        return wanted
    there = [name for name in ENGINES if shutil.which(name)]
    # A docker command without its daemon is on many machines that have podman or buildah as well.
    for name in there:
        if subprocess.run([name, "version"], capture_output=True).returncode == 0:
            return name
    why = f"{', '.join(there)}: installed, but not running" if there else f"none of {', '.join(ENGINES)} is installed"
    sys.exit(f"{why}; or build in the cloud with containers/cloudbuild.yaml")


def version() -> str:
    """The project's version."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


@functools.cache
def revision() -> str:
    """The commit that is built, with ``-dirty`` when files differ from it; ``unknown`` outside a checkout."""
    describe = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--dirty", "--exclude", "*"]
    done = subprocess.run(describe, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def tag() -> str:
    """Tag of everything built from this checkout, for example ``0.1.0-1f2e3d4c5b6a``."""
    commit, _, dirty = revision().partition("-")
    return f"{version()}-{commit[:12]}" + (f"-{dirty}" if dirty else "")


def build_command(
    engine: str, kind: str, *, base_image: str = "", test: bool = False, build_args: Sequence[str] = ()
) -> list[str]:
    """The engine's command that builds one image."""
    command = [engine, *{"docker": ["build"], "podman": ["build"], "buildah": ["build", "--layers"]}[engine]]
    if engine != "docker":
        command += ["--format", "docker"]  # OCI's own format has no HEALTHCHECK
    if engine == "buildah":
        command += ["--isolation", "chroot"]  # needs neither a daemon nor privileges
    command += ["--file", f"containers/{kind}.Dockerfile", "--target", "test" if test else "runtime"]
    command += ["--build-arg", f"VERSION={version()}", "--build-arg", f"REVISION={revision()}"]
    if base_image:
        command += ["--build-arg", f"BASE_IMAGE={base_image}"]
    for pair in build_args:
        command += ["--build-arg", pair]
    return [*command, "--tag", f"tandem-{kind}{'-test' if test else ''}:{tag()}", "."]


def push(engine: str, kind: str, registry: str) -> str:
    """Push one image; its name by digest."""
    local, remote = f"tandem-{kind}:{tag()}", f"{registry}/tandem-{kind}:{tag()}"
    run([engine, "tag", local, remote])
    if engine == "docker":
        run(["docker", "push", remote])
        ask = ["docker", "inspect", "--format", "{{json .RepoDigests}}", remote]
        shown = subprocess.run(ask, check=True, capture_output=True, text=True)
        return next(name for name in json.loads(shown.stdout) if name.startswith(f"{registry}/tandem-{kind}@"))
    with tempfile.NamedTemporaryFile("r") as digest:
        run([engine, "push", "--digestfile", digest.name, remote])
        return f"{registry}/tandem-{kind}@{digest.read().strip()}"


def write_lock(pushed: dict[str, str], path: Path = LOCK) -> None:
    """Add pushed images to the lock; kinds that were not pushed now keep what they had."""
    known = json.loads(path.read_text(encoding="utf-8"))["images"] if path.is_file() else {}
    content = {"version": 1, "tag": tag(), "images": dict(sorted((known | pushed).items()))}
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    scratch.replace(path)


def run(command: list[str]) -> None:
    sys.stdout.write(" ".join(command) + "\n")
    sys.stdout.flush()
    subprocess.run(command, check=True, cwd=ROOT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["images", "push"])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)} (default: all)")
    parser.add_argument(
        "--registry", default="", help="where to push, for example europe-west4-docker.pkg.dev/P/tandem"
    )
    parser.add_argument("--engine", choices=ENGINES, help="instead of the first that is installed")
    parser.add_argument("--base-image", default="", help="instead of the one the Dockerfiles name")
    parser.add_argument(
        "--build-arg", dest="build_args", action="append", default=[], metavar="NAME=VALUE",
        help="an ARG of the Dockerfiles, for example UID=0 or UV_DEFAULT_INDEX=…",
    )  # fmt: skip
    parser.add_argument("--test", action="store_true", help="build the test stage, which runs the stages' own tests")
    given = parser.parse_args()
    if wrong := [pair for pair in given.build_args if not re.match(r"[A-Z_]+=", pair)]:
        parser.error(f"--build-arg {', '.join(wrong)}: expected NAME=VALUE, for example UID=0")
    if unknown := [kind for kind in given.kinds if kind not in KINDS]:
        parser.error(f"unknown image {', '.join(unknown)}; there are {', '.join(KINDS)}")
    engine, kinds = find_engine(given.engine or ""), given.kinds or list(KINDS)
    if given.verb == "images":
        for kind in kinds:
            run(build_command(engine, kind, base_image=given.base_image, test=given.test, build_args=given.build_args))
        return
    if not REGISTRY.match(given.registry):
        parser.error(
            f"--registry {given.registry!r}: expected HOST/PROJECT/REPOSITORY; type: make push REGISTRY=HOST/…"
        )
    for kind in kinds:
        write_lock({kind: push(engine, kind, given.registry)})
    again = f"python -m pipelines compile --images-lock {LOCK.relative_to(ROOT)} --out FOLDER"
    sys.stdout.write(f"digests are in {LOCK.relative_to(ROOT)}; compile with them: {again}\n")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failure:
        sys.exit(f"failed: {' '.join(failure.cmd)} ended with {failure.returncode}")
