from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest

from local_runner import journal


def write(folder: Path, *records: tuple[journal.Kind, str]) -> None:
    descriptor = journal.open_for_appending(folder)
    for kind, text in records:
        journal.append(descriptor, kind, text)
    os.close(descriptor)


def test_records_come_back_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    write(tmp_path, ("run", '{"id": 1}'), ("task", '{"path": "a\\nb"}'))
    write(tmp_path, ("run", '{"id": 2}'))
    found = [(kind, json.loads(text)) for kind, text in journal.read(tmp_path)]
    assert found == [("run", {"id": 1}), ("task", {"path": "a\nb"}), ("run", {"id": 2})]


@pytest.mark.parametrize("left", [1, 10, 20, 30])
def test_a_record_that_was_cut_off_takes_no_other_with_it(tmp_path: Path, left: int) -> None:
    write(tmp_path, ("run", '{"id": 1}'))
    whole = (tmp_path / journal.NAME).stat().st_size
    write(tmp_path, ("task", '{"path": "a", "state": "succeeded"}'))
    os.truncate(tmp_path / journal.NAME, whole + left)
    write(tmp_path, ("task", '{"path": "b"}'))
    assert [json.loads(text) for _, text in journal.read(tmp_path)] == [{"id": 1}, {"path": "b"}]


def test_a_record_that_a_full_disk_cuts_off_is_no_record_and_is_said(tmp_path: Path) -> None:
    write(tmp_path, ("run", '{"id": 1}'))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    descriptor = journal.open_for_appending(tmp_path)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / journal.NAME).stat().st_size + 10, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            journal.append(descriptor, "task", '{"path": "a"}')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        os.close(descriptor)
    assert [json.loads(text) for _, text in journal.read(tmp_path)] == [{"id": 1}]


def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / journal.NAME).write_bytes(b'\xff\n[1, 2]\n{"a": 1, "b": 2}\n"text"\n{"run": {"id": 3}}\n')
    assert list(journal.read(tmp_path)) == [("run", '{"id": 3}')]
