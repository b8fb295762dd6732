"""When there is no room left on the disk."""

from __future__ import annotations

import errno
import sqlite3

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def is_full(error: BaseException) -> bool:
    """Whether an error, or what caused it, says that the disk is full."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return True
    if isinstance(error, sqlite3.Error):
        # The second: no room for the few pages that SQLite shares between processes.
        no_shared_pages = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHMSIZE
        return no_shared_pages or primary_code(error) == sqlite3.SQLITE_FULL
    return error.__cause__ is not None and is_full(error.__cause__)


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without its details, -1 when it has none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF
