"""The fast reader of YAML reads what PyYAML reads."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from local_runner import yaml_text

COMPILED = sorted((Path(__file__).parents[2] / "pipelines" / "compiled").glob("*.yaml"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.stem)
def test_compiled_pipelines(path):
    assert yaml_text.documents(path.read_text()) == list(yaml.safe_load_all(path.read_text()))


@given(VALUES, st.booleans())
def test_whatever_can_be_written(value, flow):
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)
    assert yaml_text.documents(text) == [yaml.safe_load(text)]


@pytest.mark.parametrize(
    "text",
    [
        "", "---\n", "a: 1\n---\nb: [2, 3]\n", "a: &x 1\nb: *x", "base: &b {a: 1}\nmore:\n  <<: *b\n  c: 2",
        "1: a\nnull: b", "a: !!str 12\nb: !!set {x, y}", "a: 012\nb: 0x1f\nc: 1_000\nd: 1:30\ne: .inf\nf: -.5\ng: ~",
        "a: yes\nb: Off\nc: 'yes'\nd: \"no\"\ne: nothing\ng: 2026-03-31\nh: 2026-03-31T12:00:00Z", "a:\nb: ''",
        "a: |\n  - not\n  - a list\nb: >\n  12\n", "a: 1\na: 2", "- - 1\n  - {x: [y]}\n",
    ],
)  # fmt: skip
def test_every_corner_of_it(text):
    assert yaml_text.documents(text) == list(yaml.safe_load_all(text))


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "*missing", "\t- a", "a: !!python/object:os.system x", "a: ="])
def test_what_is_not_safe_yaml_is_refused_as_pyyaml_refuses_it(text):
    with pytest.raises(yaml.YAMLError):
        yaml_text.documents(text)
