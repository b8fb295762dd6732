"""Files of a candidate in a bucket: written once, each whole, and not again when an attempt before got that far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from components.register.half_done import bucket_hints, leaving
from components.shared import retrying
from components.shared.errors import InputError
from components.shared.files import digest_of_files

if TYPE_CHECKING:
    from google.cloud.storage import Bucket, Client


PRESENT = 412
"""The status of "only if it is not there" for an object that is there; 409 is said of buckets and wrote nothing."""


def keep(client: Client, folders: Mapping[str, Path], target: str) -> list[str]:
    """Copy folders to ``target/NAME/``.

    Args:
        client: of Cloud Storage.
        folders: folder by the name it gets.
        target: ``gs://bucket/folder``; what is there is not written again.

    Returns:
        Names of the objects, in the bucket.

    Raises:
        InputError: there is no such bucket.
        CloudError: the bucket cannot be written.
    """
    name, _, prefix = target.removeprefix("gs://").partition("/")
    bucket = client.bucket(name)
    written: list[str] = []
    for relative, path in _files(folders):
        key = f"{prefix}/{relative}"
        with leaving(f"{len(written)} files in {target}/" if written else ""):
            _upload(bucket, key, path)
        written.append(key)
    return written


def digest(folders: Mapping[str, Path]) -> str:
    """Sixteen characters that stand for names and contents of all files."""
    return digest_of_files([path for _, path in _files(folders)]).removeprefix("sha256:")[:16]


def _files(folders: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Every file, and its name below the folder that all are copied to."""
    for folder, source in folders.items():
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            yield f"{folder}/{path.relative_to(source).as_posix()}", path


def _upload(bucket: Bucket, key: str, path: Path) -> None:
    def attempt() -> None:
        try:
            # A generation of 0 means: only if it is not there. Its address holds the digest of what it is part of.
            bucket.blob(key).upload_from_filename(path, if_generation_match=0, retry=None, checksum="crc32c")
        except Exception as error:
            if retrying.status(error) == 404:
                raise InputError(
                    f"there is no bucket gs://{bucket.name}; no model was registered. Next: gcloud storage buckets "
                    f"create gs://{bucket.name} --location=REGION, or name another as root"
                ) from error
            if retrying.status(error) != PRESENT:
                raise

    what = f"uploading {path.name} to gs://{bucket.name}/{key}"
    retrying.call(what, attempt, hints=bucket_hints(bucket.name))
