"""One version in Vertex AI's registry for one candidate, however often its upload is cut off.

An upload goes on at Google when the connection to it breaks or the process that asked for it ends, and its version
shows only when it is done. So uploads that are going on are waited for before anything is looked up or sent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from components.register.half_done import vertex_hints
from components.register.registry import RegistryError
from components.shared import retrying

if TYPE_CHECKING:
    from components.register.candidate import Candidate

PATIENCE = 600
"""Seconds that one upload may take."""
CONFLICTS = 3
"""How often another process may be first before this one gives up."""


def find(client: Any, base: str, candidate: Candidate) -> Any | None:
    """The version with a candidate's identity, None when there is none; one that is being made is waited for.

    Raises:
        CloudError: Vertex AI refused, or could not be reached.
    """

    def look() -> Any | None:
        _wait_for_uploads(client, base)
        return _identical(candidate, _versions(client, base))

    return retrying.call(f"looking for versions of {base}", look, hints=vertex_hints(base))


def version(client: Any, base: str, candidate: Candidate, request: Callable[[bool], dict[str, Any]]) -> Any:
    """The version with a candidate's identity, made when there is none.

    Args:
        client: of the model service.
        base: resource name of the model.
        candidate: whose identity the version's labels bear.
        request: the upload request, given whether the model is there already.

    Raises:
        CloudError: Vertex AI refused, or could not be reached.
        RegistryError: the upload is said to be done, but its version is not listed.
    """
    attempt = partial(_attempt, client, base, candidate, request)
    return retrying.call(f"uploading {base}", attempt, hints=vertex_hints(base))


def _attempt(client: Any, base: str, candidate: Candidate, request: Callable[[bool], dict[str, Any]]) -> Any:
    """Find or make the version; safe to repeat, because it begins by finding what an attempt before has begun."""
    for left in reversed(range(CONFLICTS)):
        _wait_for_uploads(client, base)
        there = _versions(client, base)
        if made := _identical(candidate, there):
            return made
        try:
            operation = client.upload_model(request=request(bool(there)), retry=None)
        except Exception as error:
            if retrying.conflict(error) and left:  # another process was first: see what it made
                continue
            raise
        operation.result(timeout=PATIENCE)
        if made := _identical(candidate, _versions(client, base)):
            return made
        break
    raise RegistryError(f"Vertex AI says it has made a version of {base}, but lists none. Next: the same command again")


def _wait_for_uploads(client: Any, base: str) -> None:
    """Wait until no upload of a model is going on; why one failed is for whoever asked for it."""
    from google.api_core import operation
    from google.cloud import aiplatform_v1

    try:
        known = client.list_operations(request={"name": base}, retry=None).operations
    except Exception as error:
        if retrying.status(error) == 404:  # nobody has uploaded this model yet
            return
        raise
    for each in (each for each in known if not each.done):
        wait = operation.from_gapic(each, client.transport.operations_client, aiplatform_v1.UploadModelResponse)
        wait.exception(timeout=PATIENCE)


def _versions(client: Any, base: str) -> list[Any]:
    try:
        return list(client.list_model_versions(name=base, retry=None))
    except Exception as error:
        if retrying.status(error) == 404:  # the first version of a new model
            return []
        raise


def _identical(candidate: Candidate, versions: list[Any]) -> Any | None:
    return next((each for each in versions if each.labels.get("identity") == candidate.identity), None)
