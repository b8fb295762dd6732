from __future__ import annotations

from pathlib import Path

import pytest

from local_runner import requests
from local_runner.errors import UsageError

GIVEN = {
    "config": None, "overrides": (), "horizon": None, "parameters": (), "device": None, "from_task": None,
    "only_task": None, "no_cache": (), "profile": (), "timeout": (), "parallel": 1, "fail_fast": False, "isolate": (),
    "allow_host_commands": False, "components": None, "stub": (), "pdb": False,
}  # fmt: skip


def test_tune_is_a_number_of_trials(tmp_path: Path) -> None:
    request = requests.build("forecasting", root=tmp_path, **{**GIVEN, "tune": 7, "overrides": ("train.tune.seed=3",)})
    tune = request.arguments["train"]["tune"]
    assert (tune["trials"], tune["seed"]) == (7, 3)


@pytest.mark.parametrize(
    ("pipeline", "expected"),
    [
        ("forecast", "the pipeline forecast has no parameter train. Those that have: forecasting"),
        ("x.yaml", "--tune belongs to a pipeline's name"),
    ],
    ids=["no training", "file"],
)
def test_what_cannot_be_tuned_is_refused(pipeline: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        requests.build(pipeline, root=tmp_path, **{**GIVEN, "tune": 7})
    assert expected in str(caught.value)
    assert caught.value.exit_code == 2
