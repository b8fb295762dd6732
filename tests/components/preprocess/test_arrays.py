from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from components.preprocess.arrays import allocate, room_for
from components.shared.errors import InputError


@pytest.mark.parametrize("call_exists", [True, False], ids=["linux", "macos"])
def test_an_array_takes_its_bytes_from_the_disk_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call_exists: bool
) -> None:
    if not call_exists:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    array = allocate(tmp_path / "a.npy", (300, 1000), np.float64)
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= 300 * 1000 * 8
    array[299, 999] = 4.0
    array.flush()
    read = np.load(tmp_path / "a.npy")
    assert (read.shape, read[299, 999], read.sum()) == ((300, 1000), 4.0, 4.0)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_said_with_the_room_needed(code: int) -> None:
    said = r"no room on the disk for runs/prepared: it needs about 32\.0 MB"
    with pytest.raises(InputError, match=said), room_for("runs/prepared", rows=1_000_000, features=1):
        raise OSError(code, os.strerror(code))


def test_other_failures_pass_through() -> None:
    with pytest.raises(PermissionError), room_for("x", 1, 1):
        raise PermissionError(errno.EACCES, "denied")
