"""Preflight: everything that Vertex AI or Kubeflow would refuse, found before anything is sent, all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipelines.cloud.assembly import Assembly
from pipelines.cloud.google import Google
from pipelines.cloud.preflight import containers, fields, graph, online, parameters, request, this_machine
from pipelines.cloud.settings import CloudSettings


@dataclass(frozen=True)
class Findings:
    """``problems`` stop a submission, each ends with its fix; ``notes`` are worth knowing."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


OFFLINE: tuple[Callable[[Assembly, CloudSettings], list[str]], ...] = (
    fields.check, graph.check, containers.check, parameters.check, request.check, this_machine.check,
)  # fmt: skip
"""Checks that ask nobody."""


def problems(assembly: Assembly, settings: CloudSettings, run: str, google: Google | None = None) -> Findings:
    """Run every check.

    Args:
        assembly: what is to be submitted.
        settings: where to.
        run: name of the run.
        google: clients for the checks that ask Google Cloud; None leaves them out and says so.
    """
    found = [problem for check in OFFLINE for problem in check(assembly, settings)]
    found += request.check_run_name(run)
    notes = request.notes(assembly, settings)
    if assembly.target == "kfp":
        return Findings(_once(found), notes)
    if google is None:
        return Findings(_once(found), [*notes, "bucket, images, services and permissions were not asked for"])
    asked = online.check(assembly, settings, google)
    return Findings(_once([*found, *asked.problems]), [*notes, *asked.notes])


def _once(found: list[str]) -> list[str]:
    return list(dict.fromkeys(found))
