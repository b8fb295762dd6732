"""Checks of the machine as each Keras backend sees it."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from local_runner.doctor.finding import Finding
from local_runner.doctor.surroundings import BACKENDS, Seen, Surroundings

_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "VECLIB_MAXIMUM_THREADS")


def machine(here: Surroundings) -> Iterator[Finding]:
    """Platform, chip and memory."""
    answers = [seen.answer for seen in here.seen.values() if seen.answer]
    text = f"{here.system} {platform.release()} {here.machine}, {here.cpus} CPUs"
    if not answers:
        yield Finding("ok", "machine", text)
        return
    for answer in answers[:1]:
        chip = answer["chip"]
        if chip:
            cores = f" with {chip['gpu_cores']} GPU cores" if chip["gpu_cores"] else ""
            text += f", Apple {chip['family']} {chip['tier']}{cores}"
        memory = max(int(other["memory_bytes"]) for other in answers)
        advice = answer["advice"]
        text += f", {memory / 2**30:.0f} GiB of memory"
        yield Finding("ok", "machine", text)
        low, high = advice["batch_size_low"], advice["batch_size_high"]
        sizes = f"batch {low}" if low == high else f"batch {low} to {high}"
        precisions = ", ".join(advice["precision_candidates"])
        yield Finding("ok", "advice", f"start with {sizes}, width {advice['d_model']}, look-back {advice['lookback']}; "
                      f"worth a trial: {precisions}")  # fmt: skip


def backends(here: Surroundings) -> Iterator[Finding]:
    """Version and device of each installed Keras backend; which one is in use."""
    used = here.keras_backend
    for name, seen in here.seen.items():
        version = next((here.installed[d] for d in BACKENDS[name] if d in here.installed), "")
        yield from _backend(name, version, seen, in_use=name == used)
    if used not in BACKENDS:
        yield Finding("problem", "KERAS_BACKEND", f"{used!r} is none of {', '.join(BACKENDS)}", "unset KERAS_BACKEND")
    elif used not in here.seen:
        extra = "cpu" if used == "tensorflow" else used
        fix = (
            "make setup"
            if used == "tensorflow"
            else f"pip install 'tandem-pipelines[{extra}]', or: unset KERAS_BACKEND"
        )
        yield Finding("problem", used, "is the Keras backend in use and is not installed", fix)


def _backend(name: str, version: str, seen: Seen, *, in_use: bool) -> Iterator[Finding]:
    what = f"{version}, in use" if in_use else f"{version}, with KERAS_BACKEND={name}"
    if seen.error:
        fix = "make setup" if name == "tensorflow" else f"pip install --force-reinstall {name}"
        yield Finding("problem" if in_use else "warning", name, f"{what}: does not start: {seen.error}", fix)
        return
    answer = seen.answer
    count = f"{answer['count']} x " if answer["count"] > 1 else ""
    yield Finding(
        "ok", name, f"{what}: computes on {answer['accelerator']} ({count}{answer['name']}; {answer['reason']})"
    )
    for level, key in (("problem", "problems"), ("warning", "warnings")):
        for text in answer[key]:
            trouble, _, fix = text.rpartition(": ")
            # What is wrong with a backend nobody uses stops nothing.
            yield Finding("problem" if level == "problem" and in_use else "warning", name, trouble, fix)


def threads(here: Surroundings) -> Iterator[Finding]:
    """Thread settings of the shell."""
    chosen = {name: here.environ[name] for name in _THREADS if here.environ.get(name)}
    if not chosen:
        yield Finding("ok", "threads", "no setting; each framework chooses (TensorFlow: the fast cores of a Mac)")
        return
    text = ", ".join(f"{name}={value}" for name, value in chosen.items())
    bad = [name for name, value in chosen.items() if not value.isdigit() or int(value) > here.cpus]
    if bad:
        yield Finding("warning", "threads", f"{text}; expected numbers up to {here.cpus}", f"unset {' '.join(bad)}")
        return
    yield Finding("ok", "threads", text)
