"""The journal of a run: one file in its folder to which every record is appended, and whose lock says who runs it.

The database can be made again from it. Appending to a file that is open costs a tenth of making one, and a record that
was cut off by a crash takes no other with it: it ends at the next line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

NAME = "records.jsonl"
Kind = Literal["run", "task"]


def open_for_appending(folder: Path) -> int:
    """A descriptor of the journal of the run in ``folder``, made if there is none."""
    return os.open(folder / NAME, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def append(descriptor: int, kind: Kind, record: str) -> None:
    """Add a record, JSON text of one line.

    Raises:
        OSError: it could not be written, or not wholly.
    """
    # The first line break ends what a crash may have cut off.
    line = f'\n{{"{kind}": {record}}}\n'.encode()
    written = os.write(descriptor, line)
    if written < len(line):  # the disk is full: the rest says so
        os.write(descriptor, line[written:])


def read(folder: Path) -> Iterator[tuple[Kind, str]]:
    """Records in the order in which they were written, as JSON text; what was cut off is left out."""
    with (folder / NAME).open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                ((kind, record),) = json.loads(line).items()
            except (ValueError, AttributeError):
                continue  # an empty line, or a record that was cut off
            yield kind, json.dumps(record)
