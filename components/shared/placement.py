"""Whether the device that was found is the one to use: it must compute what the CPU computes, and be faster."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from components.shared.device import Accelerator, Device, on, say
from components.shared.parity import Parity, parity, sound_dropout
from components.shared.trial import Trial, faster_of

Scope = Callable[[Accelerator], AbstractContextManager[None]]


def trusted(
    found: Device,
    model: Any,
    windows: Any,
    *,
    compare: Callable[..., Parity] = parity,
    dropout: Callable[[Accelerator], Parity] = sound_dropout,
) -> Device:
    """Return ``found`` when it computes this network as the CPU does and its dropout is sound, else the CPU, aloud.

    A Mac's GPU is always checked, under TensorFlow and torch alike; CUDA, TPU and the CPU are taken at their word.

    Args:
        found: what detection chose.
        model: the built network.
        windows: a few windows of its input.
        compare: the check of the outputs.
        dropout: the check of the dropout.
    """
    if found.accelerator != "metal":
        return found
    checks = [compare(model, windows, "cpu", found.accelerator), dropout(found.accelerator)]
    faults = [check.reason for check in checks if not check.agrees]
    return _on_the_cpu(found, f"{found.name}: {'; '.join(faults)}") if faults else found


def faster_of_cpu_and(
    found: Device, prepare: Callable[[], Callable[[], None]], *, scope: Scope = on, **options: Any
) -> tuple[Device, Trial | None]:
    """Choose between Metal and the CPU for a network by a short trial; recurrent ones are often faster on the CPU.

    Args:
        found: what detection chose; anything but Metal is returned as it is, without a trial.
        prepare: builds the network where it is called and returns one training step of it, which waits for its loss.
        scope: places what runs inside it on a device.
        options: of :func:`components.shared.trial.faster_of`.

    Returns:
        The device to use, its reason being the outcome of the trial, and the trial.
    """
    if found.accelerator != "metal":
        return found, None

    def step_on(where: Accelerator) -> Callable[[], None]:
        prepared: list[Callable[[], None]] = []

        def step() -> None:
            with scope(where):
                if not prepared:  # inside the trial, so that a device that cannot build it just loses
                    prepared.append(prepare())
                prepared[0]()

        return step

    trial = faster_of({"metal": step_on("metal"), "cpu": step_on("cpu")}, **options)
    if trial.winner == "cpu":
        return _on_the_cpu(found, trial.reason), trial
    return replace(found, reason=f"{found.reason}; {trial.reason}"), trial


def _on_the_cpu(found: Device, reason: str) -> Device:
    say(f"device: {reason}; running on the CPU")
    return replace(found, accelerator="cpu", count=1, reason=reason)
