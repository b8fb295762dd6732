"""What an error of a registration says beside its cause: what is there already, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from components.shared.errors import TandemError


@contextmanager
def leaving(there: str) -> Iterator[None]:
    """Add to an error what was made before it; with an empty ``there`` nothing was."""
    try:
        yield
    except TandemError as error:
        if not there:
            raise
        raise type(error)(f"{error}. Left behind: {there}; registering again goes on from there") from error


def vertex_hints(resource: str) -> dict[int, str]:
    """The next thing to do when Vertex AI refuses, by HTTP status.

    Args:
        resource: a resource name, which begins with ``projects/PROJECT``.
    """
    project = resource.split("/")[1]
    return {
        403: f"permission is missing. Next: gcloud projects add-iam-policy-binding {project} "
        "--member=user:YOU --role=roles/aiplatform.user",
        404: "it is not there, or project and region are not. Next: python -m pipelines doctor forecasting",
        409: "somebody else is changing the same. Next: type the same command again; what is done is not done twice",
    }


def bucket_hints(bucket: str) -> dict[int, str]:
    """The same for Cloud Storage."""
    return {
        403: f"permission is missing. Next: gcloud storage buckets add-iam-policy-binding gs://{bucket} "
        "--member=user:YOU --role=roles/storage.objectUser",
        409: "the bucket is being changed. Next: type the same command again; what is done is not done twice",
    }
