"""Around each task: what a task may change in the process is saved before and put back after.

A task starts as a new process would: without the host's log handlers and with fresh random numbers.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local_runner import collector, freshness

PROGRESS_LOGGER = "tandem.progress"
_KERAS_DEFAULTS = ("float32", "float32", "channels_last")
"""Policy, float type and image format of a Keras that nobody has touched."""


@contextmanager
def guarded(environment: Mapping[str, str], on_progress: Callable[[Mapping[str, Any]], None]) -> Iterator[None]:
    """Run a block with ``environment`` added, and undo what it does to the process.

    Restored: environment, working folder, ``sys.path``, ``sys.argv``, warning filters, log levels and handlers, signal
    handlers, random state of Python and NumPy, the garbage collector's settings, and Keras' dtype policy if Keras is
    loaded.
    """
    with (
        with_environment(environment),
        _working_folder(),
        _interpreter(),
        _logging(on_progress),
        _random_numbers(),
        _keras(),
        freshness.noted(),
        collector.spared_while_importing(),
    ):
        yield


@contextmanager
def with_environment(added: Mapping[str, str]) -> Iterator[None]:
    """Add environment variables for a block, and undo whatever it does to any of them."""
    # The undecoded mapping: decoding every variable twice a task would be the largest cost of the guard.
    raw: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]
    before = dict(raw)
    os.environ.update(added)
    try:
        yield
    finally:
        if raw != before:
            for name in set(raw) - set(before):
                del os.environ[os.fsdecode(name)]
            os.environ.update({os.fsdecode(name): os.fsdecode(value) for name, value in before.items()})


@contextmanager
def _working_folder() -> Iterator[None]:
    before = os.open(".", os.O_RDONLY | os.O_CLOEXEC)  # a descriptor survives the folder being renamed
    try:
        yield
    finally:
        os.fchdir(before)
        os.close(before)


@contextmanager
def _interpreter() -> Iterator[None]:
    path, arguments, limit = sys.path[:], sys.argv[:], sys.getrecursionlimit()
    filters, show, hook = warnings.filters[:], warnings.showwarning, sys.excepthook
    main = threading.current_thread() is threading.main_thread()
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)} if main else {}
    try:
        yield
    finally:
        sys.path[:], sys.argv[:] = path, arguments
        sys.excepthook = hook
        if sys.getrecursionlimit() != limit:
            sys.setrecursionlimit(limit)
        if warnings.filters != filters:
            warnings.filters[:] = filters  # type: ignore[index]
            warnings._filters_mutated()  # type: ignore[attr-defined]  # without it the old filters stay cached
        warnings.showwarning = show
        for number, handler in signals.items():
            signal.signal(number, handler)


class _ProgressHandler(logging.Handler):
    """Passes progress on, and leaves the line in the task's log."""

    def __init__(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self.tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(progress := getattr(record, "progress", None), Mapping):
            self.tell(progress)
        sys.stdout.write(f"{record.getMessage()}\n")


@contextmanager
def _logging(on_progress: Callable[[Mapping[str, Any]], None]) -> Iterator[None]:
    root, progress = logging.root, logging.getLogger(PROGRESS_LOGGER)
    before, names = _logger_states(), logging.root.manager.loggerDict.copy()
    disabled, propagate, known = root.manager.disable, progress.propagate, root.level == logging.WARNING
    root.handlers, root.level = [], logging.WARNING
    progress.handlers, progress.level, progress.propagate = [_ProgressHandler(on_progress)], logging.INFO, False
    progress._cache.clear()  # type: ignore[attr-defined]  # see below; all loggers only when they must
    if not known:
        _forget_level_caches()
    try:
        yield
    finally:
        changed = [
            (logger, level, handlers, off)
            for logger, level, handlers, off in before
            if logger.level != level or logger.disabled != off or logger.handlers != handlers
        ]
        for logger, level, handlers, off in changed:
            logger.level, logger.disabled, logger.handlers = level, off, handlers
        levels = [logger for logger, *_ in changed if logger not in (root, progress)]
        if levels or not known or root.manager.disable != disabled:
            root.manager.disable = disabled
            _forget_level_caches()
        _reset_new(names)
        progress.propagate = propagate
        progress._cache.clear()  # type: ignore[attr-defined]


def _reset_new(names: Collection[str]) -> None:
    """Reset loggers that a task named itself; one of a module it imported keeps what the module set, as that stays."""
    known = logging.root.manager.loggerDict
    if len(known) == len(names):
        return
    for name in known.keys() - set(names):
        logger, module = known[name], name.partition(".")[0]
        if isinstance(logger, logging.Logger) and (module not in sys.modules or module == "ephemeral_component"):
            logger.level, logger.handlers, logger.disabled, logger.propagate = logging.NOTSET, [], False, True
            logger._cache.clear()  # type: ignore[attr-defined]


_LoggerState = tuple[logging.Logger, int, list[logging.Handler], bool]


def _logger_states() -> list[_LoggerState]:
    named = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    return [(logger, logger.level, logger.handlers[:], logger.disabled) for logger in (logging.root, *named)]


def _forget_level_caches() -> None:
    """Loggers remember whether a level is on; levels set directly are seen only after this."""
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]


@contextmanager
def _random_numbers() -> Iterator[None]:
    numpy_random = getattr(sys.modules.get("numpy"), "random", None)
    before = random.getstate()
    numpy_before = numpy_random.get_state() if numpy_random else None
    random.seed()
    if numpy_random:
        numpy_random.seed()
    try:
        yield
    finally:
        random.setstate(before)
        if numpy_random:
            numpy_random.set_state(numpy_before)


@contextmanager
def _keras() -> Iterator[None]:
    """Keras' global settings; a Keras that a task itself imports is left at its defaults."""
    config = getattr(sys.modules.get("keras"), "config", None)
    before = (config.dtype_policy(), config.floatx(), config.image_data_format()) if config else _KERAS_DEFAULTS
    try:
        yield
    finally:
        config = getattr(sys.modules.get("keras"), "config", None)
        if config:
            # In this order: a policy that was never set follows floatx.
            config.set_floatx(before[1])
            config.set_image_data_format(before[2])
            config.set_dtype_policy(before[0])
