"""Arrays on disk that fit: a full disk is found when a file is made, as an error, not later as a crash."""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.shared.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
BLOCK = 1 << 20


def allocate(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Make a ``.npy`` file of zeros and map it for writing; its bytes are taken from the disk at once.

    Raises:
        OSError: the disk has no room for it.
    """
    array: NDArray[Any] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)  # type: ignore[no-untyped-call]
    # A mapped file is sparse: writing to it on a full disk would end the process with a signal, not an error.
    _take_from_disk(path)
    return array


def let_go(array: NDArray[Any]) -> None:
    """Take the pages of a mapped file out of this process's memory; what was written is kept, by the file.

    Otherwise every page once touched counts as memory of this process until the whole array does.
    """
    mapping = getattr(array, "_mmap", None)
    # Where the kernel has no such advice, it will write pages back when it needs the room.
    if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


@contextmanager
def room_for(target: str | Path, rows: int, features: int) -> Iterator[None]:
    """Say how much room a prepared artifact needs, should the disk prove too small for it.

    Raises:
        InputError: something inside found no space left.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        # Raw values as float64 and features as float32 lie side by side until the artifact is complete.
        size = rows * (features * (8 + 4) + 4 + 8 + 8)
        raise InputError(
            f"no room on the disk for {target}: it needs about {size / 1e6:,.1f} MB while it is made "
            f"({error.strerror}). Free some space or write to another disk; nothing was written."
        ) from error


def _take_from_disk(path: Path) -> None:
    with path.open("r+b") as stream:
        size = os.fstat(stream.fileno()).st_size
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, size)
            return
        # macOS has no such call, but there a block that was written is a block that is taken. The header is kept.
        header = stream.read(BLOCK)
        stream.seek(0)
        stream.write(header)
        for written in range(len(header), size, BLOCK):
            stream.write(bytes(min(BLOCK, size - written)))
