"""How long training took in earlier runs of the same pipeline on the same profile."""

from __future__ import annotations

from dataclasses import dataclass

from components.shared import retrying
from components.shared.errors import TandemError
from pipelines.cloud import runs
from pipelines.cloud.assembly import Assembly
from pipelines.cloud.google import Google

LOOKED_AT = 5
"""Runs to look at, the newest ones; the longest training among them counts."""


@dataclass(frozen=True)
class Past:
    """Hours of training, and which runs they are from."""

    hours: float
    source: str


def hours_of_past_runs(assembly: Assembly, google: Google) -> Past | None:
    """Hours of the longest training task among the newest runs that succeeded; None when there is none to look at."""
    pipeline, profile = runs.label(assembly.name), runs.label(assembly.profile_name)
    wanted = (
        f'labels.tandem_pipeline="{pipeline}" AND labels.tandem_profile="{profile}" '
        'AND state="PIPELINE_STATE_SUCCEEDED"'
    )
    request = {
        "parent": google.settings.parent,
        "filter": wanted,
        "page_size": LOOKED_AT,
        "order_by": "create_time desc",
    }
    try:
        page = retrying.call(
            "looking for past runs",
            lambda: next(google.pipelines.list_pipeline_jobs(request=request, retry=None).pages),
        )
    except TandemError:  # an estimate without them is still one, and says that it is a guess
        return None
    seconds = [
        (task.end_time - task.start_time).total_seconds()
        for job in page.pipeline_jobs
        for task in job.job_detail.task_details
        if task.task_name.startswith("train") and task.start_time and task.end_time
    ]
    if not seconds:
        return None
    return Past(max(seconds) / 3600, f"the longest of {len(page.pipeline_jobs)} past runs on {assembly.profile_name}")
