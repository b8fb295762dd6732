from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_runner.doctor.checks import examine
from local_runner.doctor.finding import Finding

Build = Callable[..., Any]


def test_a_machine_in_good_order_has_nothing_to_mend(here: Build) -> None:
    findings = examine(here())
    assert {found.level for found in findings} == {"ok"}
    assert [found.subject for found in findings] == [
        "Python", "machine", "advice", "tensorflow", "threads", "lock", "packages", "run store", "container engine",
        "cloud credentials",
    ]  # fmt: skip


def test_every_finding_that_is_not_ok_says_what_to_type(here: Build, answer: Build) -> None:
    broken = here(
        python=(3, 13, 0), environ={"KERAS_BACKEND": "theano", "OMP_NUM_THREADS": "many",
                                    "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"},
        installed={"kfp": "2.17.0", "protobuf": "4.25.9", "xgboost": "3.4.1", "tensorflow": "2.19.1"},
        requirements={"kfp": ["protobuf<7,>=6.31.1"]}, system="Darwin", machine="arm64",
        free_bytes=lambda _: 2**20, seen={"tensorflow": answer(problems=["it is broken: mend it"])},
    )  # fmt: skip
    findings = [found for found in examine(broken) if found.level != "ok"]
    assert {found.subject for found in findings} == {
        "Python", "tensorflow", "KERAS_BACKEND", "threads", "packages", "xgboost", "run store", "cloud credentials",
    }  # fmt: skip
    assert all(found.fix for found in findings)


def test_a_finding_reads_as_one_line_and_one_for_the_fix() -> None:
    assert Finding("ok", "Python", "3.11.7").lines() == ["ok       Python               3.11.7"]
    first, second = Finding("problem", "Python", "3.13.0", "make setup").lines()
    assert first.startswith("problem ")
    assert second.strip() == "type: make setup"
