"""Where a task runs the second time: in its image, or in a clean process that has only what the image has."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local_runner.component_files import ComponentFiles, dotted_name
from local_runner.errors import UsageError

ENGINES = ("podman", "docker", "buildah")
WORKING_FOLDER = "/app"

IMAGE_ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TF_CPP_MIN_LOG_LEVEL": "1",
}
"""What the images set (containers/*.Dockerfile), as far as it means something on any machine."""


class Place(Protocol):
    """Runs commands as an image would."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def run(self, command: Sequence[str], environment: Mapping[str, str], store: Path, log: Path) -> int:
        """Run a command to its end; its output goes to ``log``.

        Args:
            command: as the compiled file says it, ``python3 -m kfp.dsl.executor_main …``.
            environment: what the compiled file adds.
            store: folder with all artifacts, which the command must see at the same path.
            log: file to write.

        Returns:
            The exit code.
        """


@dataclass(frozen=True)
class CleanProcess:
    """This interpreter, in a folder laid out as an image's working folder, without this shell's environment."""

    root: Path
    name: str = "a clean process"

    def run(self, command: Sequence[str], environment: Mapping[str, str], store: Path, log: Path) -> int:  # noqa: ARG002
        # As in an image, `python3` is the interpreter of the environment that is first on the path.
        path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])
        with tempfile.TemporaryDirectory() as home:
            own = {"PATH": path, "HOME": home, "MPLCONFIGDIR": home, "PYTHONPATH": str(self.root)}
            with log.open("wb") as output:
                done = subprocess.run(
                    command, check=False, cwd=self.root, env={**own, **IMAGE_ENVIRONMENT, **environment},
                    stdout=output, stderr=subprocess.STDOUT,
                )  # fmt: skip
        return done.returncode


@dataclass(frozen=True)
class Container:
    """An image, run by podman or docker, or by buildah, which needs no daemon and no privileges."""

    engine: str
    image: str
    volumes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.image} ({self.engine})"

    def run(self, command: Sequence[str], environment: Mapping[str, str], store: Path, log: Path) -> int:
        settings = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        mounts = [word for volume in (f"{store}:{store}", *self.volumes) for word in ("--volume", volume)]
        user = ["--user", f"{os.getuid()}:{os.getgid()}"]
        with log.open("wb") as output:
            if self.engine == "buildah":
                return _in_buildah(self.image, [*settings, *mounts, *user], command, output.fileno())
            words = [self.engine, "run", "--rm", *settings, *mounts, *user, "--entrypoint", command[0], self.image]
            done = subprocess.run([*words, *command[1:]], check=False, stdout=output, stderr=subprocess.STDOUT)
            return done.returncode


def _in_buildah(image: str, options: list[str], command: Sequence[str], output: int) -> int:
    made = subprocess.run(["buildah", "from", image], check=False, capture_output=True, text=True)
    if made.returncode:
        raise UsageError(f"buildah has no image {image}: {made.stderr.strip()}")
    container = made.stdout.strip().splitlines()[-1]
    try:
        words = ["buildah", "run", "--isolation", "chroot", *options, container, "--", *command]
        return subprocess.run(words, check=False, stdout=output, stderr=subprocess.STDOUT).returncode
    finally:
        subprocess.run(["buildah", "rm", container], check=False, capture_output=True)


def container(engine: str, image: str, volumes: Sequence[str]) -> Container:
    """An image that also sees the data of the current folder, where the components look for it."""
    data = [f"{entry}:{WORKING_FOLDER}/{entry.name}" for entry in data_entries(Path.cwd())]
    return Container(engine, image, (*data, *volumes))


def data_entries(folder: Path) -> list[Path]:
    """What relative paths of a config may mean: files and folders that are visible and hold no Python package."""
    return [
        entry
        for entry in sorted(folder.iterdir())
        if not entry.name.startswith(".") and entry.suffix != ".py" and not (entry / "__init__.py").exists()
    ]


def engine(wanted: str = "auto") -> str:
    """The container engine to use.

    Raises:
        UsageError: it is not installed.
    """
    found = next((name for name in ENGINES if shutil.which(name)), None) if wanted == "auto" else shutil.which(wanted)
    if found is None:
        wanted = " or ".join(ENGINES) if wanted == "auto" else wanted
        raise UsageError(f"--image needs {wanted}, which is not installed; leave --image out to compare without one")
    return Path(found).name


@contextlib.contextmanager
def clean_process(files: ComponentFiles, root: Path | None) -> Iterator[CleanProcess]:
    """A clean process whose folder holds what the image's does: the components, and the list that names them.

    Args:
        files: the components of the run.
        root: a folder that stands for the image's; by default one is laid out from the files themselves.
    """
    if root is not None:
        if not (root / "kfp_config.ini").is_file():
            raise UsageError(f"--image-root {root}: no kfp_config.ini there")
        yield CleanProcess(root.absolute())
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        listed = ["[Components]\n"]
        for name, file in files.files.items():
            package, parent = dotted_name(file)
            top = package.split(".")[0] if "." in package else file.name
            if not (folder / top).exists():
                (folder / top).symlink_to(parent / top)
            listed.append(f"{name} = {file.relative_to(parent)}\n")
        (folder / "kfp_config.ini").write_text("".join(listed), encoding="utf-8")
        for entry in data_entries(Path.cwd()):
            if not (folder / entry.name).exists():
                (folder / entry.name).symlink_to(entry)
        yield CleanProcess(folder)
