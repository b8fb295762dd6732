"""The closure of a component: which files and packages its fingerprint covers, and how often they are read."""

import ast
from pathlib import Path

import pytest

from local_runner import closure


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two components that share one room of the package ``orchard``."""
    files = {
        "orchard/__init__.py": "",
        "orchard/apple/__init__.py": "",
        "orchard/apple/component.py": "from orchard.shared import press\n",
        "orchard/apple/labels.yaml": "sort: cox\n",
        "orchard/pear/__init__.py": "",
        "orchard/pear/component.py": "from ..shared.press import juice\nimport yaml\n",
        "orchard/shared/__init__.py": "",
        "orchard/shared/press.py": "import numpy\n",
        "orchard/shared/unread.txt": "no data that code reads\n",
        "orchard/alone/__init__.py": "",
        "orchard/alone/other.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "orchard"


def test_a_component_depends_on_its_folder_and_on_what_it_imports(package: Path) -> None:
    found = closure.of_file(package / "apple" / "component.py")
    assert set(found.files) == {
        "orchard/__init__.py",
        "orchard/apple/__init__.py",
        "orchard/apple/component.py",
        "orchard/apple/labels.yaml",
        "orchard/shared/__init__.py",
        "orchard/shared/press.py",
    }
    assert set(found.packages) == {"numpy"}


def test_a_relative_import_is_followed(package: Path) -> None:
    found = closure.of_file(package / "pear" / "component.py")
    assert "orchard/shared/press.py" in found.files
    assert set(found.packages) == {"numpy", "yaml"}


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    from orchard.shared import press\n",
        "class A:\n    async def f(self):\n        import orchard.shared.press\n",
        "if 0:\n    pass\nelif 1:\n    import orchard.shared.press\n",
        "try:\n    pass\nexcept* OSError:\n    import orchard.shared.press\nelse:\n    pass\n",
        "try:\n    pass\nfinally:\n    import orchard.shared.press\n",
        "for x in ():\n    pass\nelse:\n    import orchard.shared.press\n",
        "with open('x') as f:\n    import orchard.shared.press\n",
        "match 1:\n    case 1:\n        import orchard.shared.press\n",
    ],
)
def test_an_import_is_found_wherever_a_statement_may_stand(package: Path, source: str) -> None:
    assert "orchard/shared/press.py" in closure.of_source(source).files


def test_components_that_share_rooms_parse_each_file_once(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes | str] = []
    parse = ast.parse
    monkeypatch.setattr(ast, "parse", lambda source, *rest: parsed.append(source) or parse(source, *rest))
    for _ in range(3):
        for name in ("apple", "pear"):
            closure.of_file(package / name / "component.py")
    assert len(parsed) == 7  # the Python files of the two components and of the rooms above and beside them


def test_a_changed_file_is_read_again(package: Path) -> None:
    before = closure.of_file(package / "apple" / "component.py")
    (package / "shared" / "press.py").write_text("import pandas, numpy\n", encoding="utf-8")
    after = closure.of_file(package / "apple" / "component.py")
    changed = {name for name in after.files if after.files[name] != before.files[name]}
    assert changed == {"orchard/shared/press.py"}
    assert set(after.packages) == {"numpy", "pandas"}


def test_a_file_that_does_not_parse_is_digested_all_the_same(package: Path) -> None:
    (package / "shared" / "press.py").write_text("def (:\n", encoding="utf-8")
    assert "orchard/shared/press.py" in closure.of_file(package / "apple" / "component.py").files
