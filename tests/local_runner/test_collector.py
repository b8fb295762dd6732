"""The garbage collector leaves long-lived objects alone while a task imports a module, and only then."""

import gc
import importlib
import sys
import weakref

import pytest

from local_runner import call_stack
from local_runner.collector import spared_while_importing

STAYING = 20_000
"""New objects after which the younger ones have been passed over at least once."""
FREQUENT = (700, 10, 10)


@pytest.fixture(autouse=True)
def usual_settings():
    before = gc.get_threshold()
    gc.set_threshold(*FREQUENT)
    yield
    gc.set_threshold(*before)
    gc.enable()


@pytest.fixture
def heavy(tmp_path, monkeypatch):
    """Imports a module that makes many objects and notes what the collector was set to in the end."""
    source = f"import gc\nkept = [[] for _ in range({STAYING})]\nsettings = gc.get_threshold()\n"
    (tmp_path / "heavy_to_import.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "heavy_to_import", raising=False)
    return lambda: importlib.import_module("heavy_to_import")


def test_long_lived_objects_are_spared_while_a_module_is_imported(heavy):
    with spared_while_importing():
        during = heavy().settings
    assert during[:2] == FREQUENT[:2]
    assert during[2] > 1_000_000


def test_they_are_looked_at_again_once_the_import_is_over(heavy):
    with spared_while_importing():
        heavy()
        kept = [[] for _ in range(STAYING)]
        assert gc.get_threshold() == FREQUENT
    assert len(kept) == STAYING


def test_an_import_around_the_runner_does_not_count(tmp_path, monkeypatch):
    (tmp_path / "runs_in_its_import.py").write_text(
        "import gc\nfrom local_runner.collector import spared_while_importing\n"
        f"with spared_while_importing():\n    kept = [[] for _ in range({STAYING})]\n"
        "    settings = gc.get_threshold()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.import_module("runs_in_its_import").settings == FREQUENT


def test_settings_of_the_tasks_own_are_respected_and_undone(heavy):
    with spared_while_importing():
        gc.set_threshold(500, 5, 5)
        assert heavy().settings == (500, 5, 5)
        gc.disable()
    assert (gc.get_threshold(), gc.isenabled()) == (FREQUENT, True)


def test_nothing_is_left_with_the_collector(heavy):
    before = list(gc.callbacks)
    with spared_while_importing():
        gc.callbacks.clear()
    gc.callbacks[:] = before
    with spared_while_importing():
        heavy()
    assert gc.callbacks == before


def test_what_a_block_held_is_gone_with_it():
    class Large:
        pass

    def block():
        held = Large()
        with spared_while_importing():
            return weakref.ref(held)

    gc.disable()
    assert block()() is None


def test_what_is_raised_in_a_finalizer_would_be_dropped():
    found = []

    class Finalized:
        def __del__(self):
            found.append(call_stack.drops_errors(sys._getframe()))

    Finalized()
    assert found == [True]
    assert not call_stack.drops_errors(sys._getframe())
