"""Build every image here with buildah on a stand-in base, look inside, and run a pipeline in the CPU image.

    make test-images                       all of it; needs root, buildah and debootstrap, half an hour and 30 GB
    make test-images ARGS='--kinds cpu'    one image

The public base image is not pulled: a stand-in with the same interpreter comes from Debian's packages. A slow test by
hand, not by CI. What pip and uv need of this machine's network (certificates) is put into the stand-in only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASE = "localhost/base/python:3.11"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
MIRROR = "http://deb.debian.org/debian"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
sys.path.insert(0, str(ROOT / "containers"))
import build  # noqa: E402  (a script of containers/, which is no package)

LOOK = """
import importlib.util, os, pathlib, shutil
print("user", os.getuid())
print("tools", [tool for tool in ("gcc", "uv", "make") if shutil.which(tool)], importlib.util.find_spec("pip"))
print("caches", [str(p) for p in (pathlib.Path("/root/.cache"), pathlib.Path("/opt/tools")) if os.access(p, os.R_OK)])
import tensorflow as tf
print("tensorflow", tf.__version__)
"""


def run(*command: str, **options: object) -> None:
    sys.stdout.write(" ".join(command) + "\n")
    sys.stdout.flush()
    subprocess.run(command, check=True, cwd=ROOT, **options)  # type: ignore[call-overload]


def said(*command: str) -> str:
    """What a command prints; what it prints to standard error is dropped."""
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip()


def stand_in() -> None:
    """Make the stand-in base image, unless it is there from last time."""
    if BASE in said("buildah", "images", "--format", "{{.Name}}:{{.Tag}}").splitlines():
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "root"
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(folder), MIRROR,
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
        run("buildah", "config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", container)
        run("buildah", "commit", "--quiet", container, BASE)
        run("buildah", "rm", container)


def look_inside(kind: str) -> None:
    """Size, labels, and that the last layer has neither root nor tools nor caches.

    Raises:
        SystemExit: something is not as it must be.
    """
    image = f"tandem-{kind}:{build.tag()}"
    config = json.loads(said("buildah", "inspect", "--type", "image", image))["Docker"]["config"]
    container = said("buildah", "from", image)
    try:
        inside = ["buildah", "run", "--isolation", "chroot", container, "--", "python", "-c", LOOK]
        found = dict(line.split(" ", 1) for line in said(*inside).splitlines())
    finally:
        subprocess.run(["buildah", "rm", container], check=False, stdout=subprocess.DEVNULL)
    size = next(line.split("|")[1] for line in said("buildah", "images", "--format", "{{.Name}}:{{.Tag}}|{{.Size}}")
                .splitlines() if line.split("|")[0].endswith(image))  # fmt: skip
    sys.stdout.write(f"{kind}: {size}, user {found['user']}, tensorflow {found['tensorflow']}\n")
    problems = [
        *(["it runs as root"] if found["user"] == "0" else []),
        *([f"tools are in it: {found['tools']}"] if found["tools"] != "[] None" else []),
        *([f"caches are in it: {found['caches']}"] if found["caches"] != "[]" else []),
        *(["it has no revision"] if not config["Labels"].get("org.opencontainers.image.revision") else []),
        *(["it has no HEALTHCHECK"] if kind == "serving" and "Healthcheck" not in config else []),
    ]
    if problems:
        sys.exit(f"{image}: {'; '.join(problems)}")


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
    stand_in()
    for kind in given.kinds:
        run(*build.build_command("buildah", kind, base_image=BASE))
        look_inside(kind)
        if kind in ("cpu", "serving") and not given.no_tests:
            run(*build.build_command("buildah", kind, base_image=BASE, test=True))
    if "cpu" in given.kinds:
        run_in_image()


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failure:
        sys.exit(f"failed: {' '.join(map(str, failure.cmd))} ended with {failure.returncode}")
