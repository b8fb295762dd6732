"""Submit a pipeline: check it, say what it costs, hand it to a server, and perhaps follow it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from components.shared.errors import InputError
from pipelines.cloud import cost, preflight, runs
from pipelines.cloud.assembly import Assembly
from pipelines.cloud.google import Google
from pipelines.cloud.runs import Server, Submitted
from pipelines.cloud.settings import CloudSettings


@dataclass(frozen=True)
class Request:
    """What somebody asked for: ``checked_online`` is False where nothing is to be asked of a server first."""

    assembly: Assembly
    settings: CloudSettings
    run: str
    max_cost: float | None = None
    hours: float | None = None


def check(request: Request, say: Callable[[str], None], *, google: Google | None = None) -> None:
    """Check everything about a submission and say what it costs.

    Args:
        request: what is to be submitted.
        say: called with each line for the user.
        google: clients to ask whether bucket, images, permissions and services are there; None asks nobody.

    Raises:
        InputError: every problem found, each with its fix; or it is estimated to cost more than allowed.
    """
    found = preflight.problems(request.assembly, request.settings, request.run, google)
    for note in found.notes:
        say(f"note: {note}")
    if found.problems:
        raise InputError(found.problems, heading=f"{request.assembly.name} cannot be submitted:")
    estimate = cost.estimate(request.assembly, request.settings, hours=request.hours, google=google)
    for line in estimate.lines():
        say(line)
    limit = request.max_cost if request.max_cost is not None else request.settings.max_cost
    if limit is not None and estimate.total > limit:
        raise InputError(
            f"the estimate of ${estimate.total:.2f} is above the limit of ${limit:.2f}. Next: a smaller --profile, "
            "another --hours, or a higher --max-cost"
        )


def submit(request: Request, server: Server, say: Callable[[str], None]) -> Submitted:
    """Hand a checked request to a server; a second time finds the run of the first."""
    submitted = server.submit(request.assembly, request.run)
    say(f"{'submitted' if submitted.created else 'was submitted already'}: {submitted.name}")
    say(f"console  {submitted.link}")
    return submitted


def server(target: str, settings: CloudSettings, google: Google | None = None) -> Server:
    """The server of a target.

    Raises:
        InputError: the settings name no Kubeflow server.
    """
    if target == "kfp":
        from pipelines.cloud.kubeflow import KubeflowServer

        return KubeflowServer.of(settings)
    from pipelines.cloud.vertex import VertexServer

    return VertexServer(google or Google(settings))


def named(assembly: Assembly, request_id: str | None) -> str:
    """Name of the run that a request makes."""
    return runs.run_name(assembly, runs.request_id(request_id))
