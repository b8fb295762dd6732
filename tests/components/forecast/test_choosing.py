from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.forecast import choosing
from components.forecast.config import ModelChoice
from components.register.candidate import Candidate
from components.register.config import MlflowConfig
from components.register.mlflow_registry import LocalMlflow
from components.shared.artifacts import TrainedModel
from components.shared.errors import InputError
from tests.components.forecast.conftest import Market


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, market: Market) -> MlflowConfig:
    """A registry with two versions of one model; the first is the champion, the second the candidate."""
    folder = tmp_path_factory.mktemp("registry")
    config = MlflowConfig(uri=f"sqlite:///{folder / 'registry.db'}")
    for identity, champion in (("aaaa", True), ("bbbb", False)):
        copy = shutil.copytree(market.model, folder / identity)
        (copy / "note.txt").write_text(identity)
        LocalMlflow.open(config).register(
            Candidate(
                name="oil-1m",
                identity=identity,
                folders={"model": copy, "exported": copy},
                champion=champion,
                tags={},
                params={},
                metrics={},
                description="",
            )
        )
    return config


@pytest.mark.parametrize(
    ("reference", "identity", "number"),
    [("oil-1m@champion", "aaaa", 1), ("oil-1m@candidate", "bbbb", 2), ("oil-1m/1", "aaaa", 1), ("oil-1m/2", "bbbb", 2)],
)
def test_a_registered_version_is_found(reference: str, identity: str, number: int, registry: MlflowConfig) -> None:
    chosen = choosing.find(ModelChoice(source=reference, registry=registry))
    assert (chosen.path / "note.txt").read_text() == identity
    assert chosen.name == f"oil-1m/{number}"
    assert TrainedModel.open(chosen.path).preprocessing.target.name == "price"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("oil-1m@chmpion", "it has oil-1m@candidate, oil-1m@champion, oil-1m/1, oil-1m/2"),
        ("oil-1m/7", "has no version oil-1m/7"),
        ("oil-1@champion", "no model 'oil-1': did you mean oil-1m?"),
        ("no/such/folder", "no model is at no/such/folder"),
        ("oil-1m", "expected a folder written by train, or a registered version"),
    ],
    ids=["alias", "number", "name", "folder", "no alias"],
)
def test_a_model_that_is_not_there_is_an_input_error(reference: str, expected: str, registry: MlflowConfig) -> None:
    with pytest.raises(InputError) as caught:
        choosing.find(ModelChoice(source=reference, registry=registry))
    assert expected in str(caught.value)


def test_looking_for_a_model_makes_no_registry(tmp_path: Path) -> None:
    config = MlflowConfig(uri=f"sqlite:///{tmp_path / 'registry' / 'registry.db'}")
    with pytest.raises(InputError, match="there is no registry"):
        choosing.find(ModelChoice(source="oil-1m@champion", registry=config))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_named_by_what_it_answers_with(market: Market, tmp_path: Path) -> None:
    copy = shutil.copytree(market.model, tmp_path / "model")
    (copy / "history.csv").write_text("epoch\n")
    names = [choosing.find(ModelChoice(source=str(folder))).name for folder in (market.model, copy)]
    assert names[0] == names[1]
    assert names[0].startswith("feedforward-")


def test_a_copy_is_the_model_and_bears_its_name(registry: MlflowConfig, tmp_path: Path) -> None:
    name = choosing.copy(ModelChoice(source="oil-1m@champion", registry=registry), tmp_path / "copy")
    assert name == "oil-1m/1"
    assert (tmp_path / "copy" / "note.txt").read_text() == "aaaa"
