"""Build every image here with buildah on a stand-in base, test it, look inside, and run a pipeline in the CPU image.

    make test-images                            all of it; needs root, buildah, debootstrap and 40 GB
    make test-images ARGS='--kinds cpu'         one image
    make test-images ARGS='--kinds tpu gpu'     go on where an attempt before stopped

What was built is kept in layers, so that the same command again only does what changed or failed. A problem with one
image stops no other; all are listed at the end, under a table of what took how long.

The public base image is not pulled: a stand-in with the same interpreter comes from Debian's packages. A slow test by
hand, not by CI. What pip and uv need of this machine's network (certificates) is put into the stand-in only.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASE = "localhost/base/python:3.11"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
sys.path.insert(0, str(ROOT / "containers"))
import build  # noqa: E402  (a script of containers/, which is no package)

SEARCH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
"""``PATH`` of the public image, as far as Dockerfiles rely on it: ``useradd`` is in ``/usr/sbin``."""

LOOK = """
import importlib, importlib.util, os, pathlib, shutil
print("user", os.getuid())
print("tools", [tool for tool in ("gcc", "uv", "make") if shutil.which(tool)], importlib.util.find_spec("pip"))
print("caches", [str(p) for p in (pathlib.Path("/root/.cache"), pathlib.Path("/opt/tools")) if os.access(p, os.R_OK)])
print("files", sorted(str(p) for p in pathlib.Path(".").rglob("*") if p.is_file() and os.access(p, os.R_OK)))
for step in sorted(pathlib.Path("components").glob("*/*.py")):
    if step.name in ("component.py", "step.py", "config.py"):
        importlib.import_module(".".join(step.with_suffix("").parts))
import tensorflow as tf
print("tensorflow", tf.__version__)
"""


def run(*command: str, **options: object) -> None:
    sys.stdout.write(" ".join(command) + "\n")
    sys.stdout.flush()
    subprocess.run(command, check=True, cwd=ROOT, **options)  # type: ignore[call-overload]


def said(*command: str) -> str:
    """What a command prints to standard output; what it prints to standard error is shown."""
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def stand_in() -> None:
    """Make the stand-in base image, unless it is there from last time."""
    if BASE in said("buildah", "images", "--format", "{{.Name}}:{{.Tag}}").splitlines():
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "root"
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(folder),
            stdout=subprocess.DEVNULL)  # fmt: skip
        for archive in (folder / "var/cache/apt/archives").glob("*.deb"):
            archive.unlink()
        (folder / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CERTIFICATES, folder / "etc/ssl/certs/ca-certificates.crt")
        (folder / "etc/pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
        (folder / "etc/uv").mkdir()
        (folder / "etc/uv/uv.toml").write_text("native-tls = true\n")
        container = said("buildah", "from", "scratch")
        run("buildah", "add", "--quiet", container, str(folder), "/")
        run("buildah", "config", "--env", f"PATH={SEARCH}", container)
        run("buildah", "commit", "--quiet", container, BASE)
        run("buildah", "rm", container)


@contextmanager
def noted(what: str, spent: dict[str, float], failed: list[str]) -> Iterator[None]:
    """Note how long a step took, and its failure instead of raising it, so that the steps after it are still done."""
    begin = time.monotonic()
    try:
        yield
    except (subprocess.CalledProcessError, Unfit) as problem:
        failed.append(f"{what}: {problem}")
        sys.stdout.write(f"{what}: {problem}\n")
    spent[what] = time.monotonic() - begin


class Unfit(Exception):  # noqa: N818  said of an image
    """An image is not as it must be."""


def look_inside(kind: str) -> None:
    """Size, labels, every file it must have, and that the last layer has neither root nor tools nor caches.

    Raises:
        Unfit: something is not as it must be.
    """
    image = f"tandem-{kind}:{build.tag()}"
    config = json.loads(said("buildah", "inspect", "--type", "image", image))["Docker"]["config"]
    container = said("buildah", "from", image)
    try:
        # Without a TPU, libtpu would ask the metadata server about one for minutes.
        without_tpu = ["--env", "TPU_SKIP_MDS_QUERY=1"]
        inside = ["buildah", "run", "--isolation", "chroot", *without_tpu, container, "--", "python", "-c", LOOK]
        found = dict(line.split(" ", 1) for line in said(*inside).splitlines())
    finally:
        subprocess.run(["buildah", "rm", container], check=False, stdout=subprocess.DEVNULL)
    size = next(line.split("|")[1] for line in said("buildah", "images", "--format", "{{.Name}}:{{.Tag}}|{{.Size}}")
                .splitlines() if line.split("|")[0].endswith(image))  # fmt: skip
    files = set(ast.literal_eval(found["files"]))
    sys.stdout.write(f"{kind}: {size}, user {found['user']}, tensorflow {found['tensorflow']}, {len(files)} files\n")
    absent = sorted(wanted(kind) - files)
    problems = [
        *(["it runs as root"] if found["user"] == "0" else []),
        *([f"tools are in it: {found['tools']}"] if found["tools"] != "[] None" else []),
        *([f"caches are in it: {found['caches']}"] if found["caches"] != "[]" else []),
        *([f"its user cannot read {', '.join(absent)}"] if absent else []),
        *(["it has no revision"] if not config["Labels"].get("org.opencontainers.image.revision") else []),
        *(["it has no HEALTHCHECK"] if kind == "serving" and "Healthcheck" not in config else []),
    ]
    if problems:
        raise Unfit(f"{image}: {'; '.join(problems)}")


def wanted(kind: str) -> set[str]:
    """Files of this checkout that an image must hold: all of every component, pages and tables included."""
    folders = ["components"] + ([] if kind == "serving" else ["pipelines/sample_data"])
    return set(said("git", "ls-files", *folders).splitlines())


def run_in_image() -> None:
    """The whole forecasting pipeline, task by task through KFP's executor, against the same in this process."""
    run(sys.executable, "-m", "local_runner", "parity", "forecasting", "--config", "lstm_1m", "--set", "train.epochs=3",
        "--image", f"localhost/tandem-cpu:{build.tag()}", "--engine", "buildah")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=build.KINDS, default=list(build.KINDS))
    parser.add_argument("--no-tests", action="store_true", help="leave the test stages out")
    given = parser.parse_args()
    os.environ.setdefault("STORAGE_DRIVER", "overlay")
    if absent := [tool for tool in ("buildah", "debootstrap") if shutil.which(tool) is None]:
        sys.exit(f"this needs {' and '.join(absent)}; type: apt-get install {' '.join(absent)}")
    spent: dict[str, float] = {}
    failed: list[str] = []
    with noted("stand-in", spent, failed):
        stand_in()
    for kind in given.kinds:
        with noted(f"{kind}: build", spent, failed):
            run(*build.build_command("buildah", kind, base_image=BASE))
            look_inside(kind)
        if not given.no_tests:
            with noted(f"{kind}: its tests inside", spent, failed):
                run(*build.build_command("buildah", kind, base_image=BASE, test=True))
    if "cpu" in given.kinds:
        with noted("cpu: a pipeline, task by task", spent, failed):
            run_in_image()
    for what, seconds in spent.items():
        sys.stdout.write(f"{what:<32} {seconds:7.0f} s\n")
    if failed:
        sys.exit("\n".join(["failed:", *failed, "The same command again goes on; what is built is kept."]))


if __name__ == "__main__":
    main()
