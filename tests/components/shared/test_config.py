from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import pytest
from pydantic import Field, model_validator

from components.shared.config import ConfigSource, StrictModel, override, read_yaml, validate
from components.shared.errors import InputError


class Circle(StrictModel):
    kind: Literal["circle"]
    radius: float = Field(gt=0)


class Square(StrictModel):
    kind: Literal["square"]
    side: float

    @model_validator(mode="after")
    def _is_not_unlucky(self) -> Self:
        if self.side == 13:
            raise ValueError("expected another side")
        return self


class Drawing(StrictModel):
    title: str
    shape: Annotated[Circle | Square, Field(discriminator="kind")]
    layers: tuple[Circle, ...] = ()


def write(folder: Path, text: str) -> Path:
    path = folder / "drawing.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("titel: x\nshape: {kind: circle, radius: 1}\n", "drawing.yaml:1: unknown key titel: did you mean title?"),
        (
            "title: x\nshape:\n  kind: circle\n  raduis: 2\n",
            "drawing.yaml:4: unknown key shape.raduis: did you mean radius?",
        ),
        (
            "title: x\nshape:\n  kind: circle\n  radius: -2\n",
            "drawing.yaml:4: shape.radius: input should be greater than 0",
        ),
        ("title: x\nshape:\n  kind: circel\n", "drawing.yaml:3: shape.kind: unknown 'circel': did you mean circle?"),
        ("title: x\nshape:\n  radius: 3\n", "drawing.yaml:2: shape"),
        ("title: x\nshape: {kind: square}\n", "drawing.yaml:2: missing key shape.side"),
        ("title: x\nshape: {kind: square, side: 13}\n", "drawing.yaml:2: shape: expected another side"),
        (
            "title: x\nshape: {kind: square, side: 1}\nlayers:\n  - {kind: circle, raduis: 1}\n",
            "drawing.yaml:4: unknown key layers.0.raduis",
        ),
    ],
    ids=[
        "top-level",
        "inside-a-variant",
        "bad-value",
        "variant",
        "no-variant",
        "missing",
        "whole-variant",
        "in-a-list",
    ],
)
def test_a_problem_names_file_line_key_and_remedy(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        validate(Drawing, read_yaml(write(tmp_path, text)))
    assert expected in str(caught.value)


class Choice(StrictModel):
    colours: tuple[Literal["red", "green"], ...] = Field(min_length=1)


def test_a_misspelt_choice_is_one_problem_with_its_remedy() -> None:
    with pytest.raises(InputError) as caught:
        Choice.parse({"colours": ["gren"]})
    assert caught.value.problems == ["colours.0: unknown 'gren': did you mean green? Valid: red, green"]


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "titel: x\nshape:\n  kind: circle\n  raduis: 2\n")
    with pytest.raises(InputError) as caught:
        validate(Drawing, read_yaml(path))
    assert len(caught.value.problems) == 4  # two unknown keys, two missing ones
    assert caught.value.exit_code == 2


def test_a_key_written_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"drawing\.yaml:3: title \(first on line 1\)"):
        read_yaml(write(tmp_path, "title: x\nshape: {}\ntitle: y\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("- 1\n", "expected a mapping"), ("a: [1\n", "not valid YAML"), (None, "cannot read config file")],
    ids=["list", "syntax", "absent"],
)
def test_a_file_that_is_no_config_is_refused(text: str | None, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "absent.yaml" if text is None else write(tmp_path, text)
    with pytest.raises(InputError, match=expected):
        read_yaml(path)


def test_an_override_is_typed_by_yaml_and_leaves_its_source_alone() -> None:
    source = ConfigSource({"shape": {"kind": "circle", "radius": 1.0}})
    changed = override(source, ["shape.radius=2.5", "title=big one", "layers=[]"])
    assert changed.data == {"shape": {"kind": "circle", "radius": 2.5}, "title": "big one", "layers": []}
    assert source.data == {"shape": {"kind": "circle", "radius": 1.0}}


def test_bad_overrides_are_reported_together() -> None:
    with pytest.raises(InputError) as caught:
        override(ConfigSource({"title": "x"}), ["title", "title.a=1", "a=[1"])
    assert len(caught.value.problems) == 3
    assert "expected KEY=VALUE" in caught.value.problems[0]
    assert "title holds a value, not a section" in caught.value.problems[1]


def test_a_problem_in_an_override_is_not_blamed_on_a_line_of_the_file(tmp_path: Path) -> None:
    source = override(read_yaml(write(tmp_path, "title: x\nshape: {kind: square, side: 1}\n")), ["shape.side=wide"])
    with pytest.raises(InputError) as caught:
        validate(Drawing, source)
    assert "--set shape.side: shape.side" in str(caught.value)
    assert "(got 'wide')" in str(caught.value)
