from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "requirements"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"requirements_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lock, install = load("lock"), load("install")
ALL = [(name, python) for name in [*lock.RUNTIME, *lock.DEV] for python in lock.PYTHONS]


@pytest.mark.parametrize(("name", "python"), ALL, ids=[f"{name}-{python}" for name, python in ALL])
def test_a_committed_lock_pins_hashes_everything_and_names_no_host(name: str, python: str) -> None:
    path = lock.lock_path(name, python)
    assert len(lock.pins(path)) > 50
    assert lock.problems_of(path, name) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("numpy==1.0\n", "numpy==1.0 has no hash"),
        ("--index-url https://example.org\nnumpy==1.0 \\\n    --hash=sha256:aa\n", "names an index"),
        ("tensorflow==2.20.0 \\\n    --hash=sha256:aa\n", "expected tensorflow==2.19.1, found 2.20.0"),
    ],
    ids=["no-hash", "host", "wrong-tensorflow"],
)
def test_a_bad_lock_is_told(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "macos-metal-py311.txt"
    path.write_text(text)
    assert any(problem in found for found in lock.problems_of(path, "macos-metal"))


@pytest.mark.parametrize("python", lock.PYTHONS)
def test_development_tools_never_move_a_runtime_pin(python: str) -> None:
    for dev, runtime in lock.DEV.items():
        below, above = (lock.pins(lock.lock_path(name, python)) for name in (runtime, dev))
        assert {name: above.get(name) for name in below} == below


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [("Darwin", "arm64", "macos-metal"), ("Linux", "x86_64", "linux-cpu")],
)
def test_the_lock_follows_the_platform(system: str, machine: str, name: str) -> None:
    assert install.lock_name("runtime", system, machine) == name


def test_a_platform_without_a_lock_says_what_to_do() -> None:
    with pytest.raises(SystemExit, match=r"(?s)no lock for Darwin x86_64.*\[cpu\]"):
        install.lock_name("runtime", "Darwin", "x86_64")
