"""The database file of a store: how it is opened, made and changed, and when it counts as damaged."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_runner import disk
from local_runner.errors import StoreError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
  id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, state TEXT NOT NULL, created REAL NOT NULL, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
  run_id TEXT NOT NULL, path TEXT NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL, cache_key TEXT NOT NULL,
  finished REAL, record TEXT NOT NULL, PRIMARY KEY (run_id, path)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tasks_by_cache_key ON tasks (cache_key) WHERE cache_key != '';
CREATE TABLE IF NOT EXISTS links (
  run_id TEXT NOT NULL, path TEXT NOT NULL, direction TEXT NOT NULL, name TEXT NOT NULL, uri TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS links_by_uri ON links (uri);
CREATE INDEX IF NOT EXISTS links_by_task ON links (run_id, path);
"""
_VERSION = 1


class transaction:  # noqa: N801  (reads as a statement: with transaction(db))
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK; cheaper and stricter than sqlite3's own context manager."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def __enter__(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self.db.execute("COMMIT")
        finally:
            if self.db.in_transaction:  # on a full disk SQLite may have rolled it back itself
                self.db.execute("ROLLBACK")


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One process at a time in the block."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def means_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file's content is at fault, rather than where it lies."""
    short = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHORT_READ
    return short or disk.primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def connect(path: Path) -> sqlite3.Connection:
    """Open the database; a new one is an empty file until it is :func:`prepare`-d."""
    db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA busy_timeout = 60000")
        # NORMAL: a power cut may lose the last records (those tasks run again) but never tears the file.
        db.execute("PRAGMA synchronous = NORMAL")
        version = _version(db)
        if version > _VERSION:
            raise StoreError(f"{path} was written by a newer version (store version {version}, this one {_VERSION})")
    except (sqlite3.DatabaseError, StoreError):
        db.close()
        raise
    return db


def is_prepared(db: sqlite3.Connection) -> bool:
    """Whether it is in WAL mode and has its tables."""
    return _version(db) == _VERSION and db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def prepare(db: sqlite3.Connection) -> None:
    """Bring it into WAL mode and make its tables.

    One process at a time: SQLite answers two that change the mode together with "database is locked", without waiting.
    """
    if not is_prepared(db):
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_SCHEMA)
        db.execute(f"PRAGMA user_version = {_VERSION}")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
