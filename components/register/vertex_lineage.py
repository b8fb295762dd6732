"""Where a version came from, in Vertex ML Metadata: the data it was trained on, the registration, the version."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from components.register.half_done import vertex_hints
from components.shared import retrying

if TYPE_CHECKING:
    from components.register.candidate import Candidate


def keep(client: Any, parent: str, candidate: Candidate, version: str, files: str, *, key: str = "") -> None:
    """Write data, registration and version, and the edges between them; what is there stays.

    Args:
        client: of the metadata service.
        parent: project and location.
        candidate: what was registered.
        version: resource name of its version.
        files: address of its files.
        key: encrypts the metadata store, if it is not there yet.
    """
    store = f"{parent}/metadataStores/default"
    _make("the metadata store", parent, lambda: _store(client, parent, key))
    source = candidate.tags.get("source_digest", "").removeprefix("sha256:")[:32] or "unknown"
    data, model = f"data-{source}", f"model-{candidate.identity}"
    made = {
        data: {"schema_title": "system.Dataset", "display_name": f"data {source}", "metadata": {"digest": source}},
        model: {
            "schema_title": "system.Model", "display_name": candidate.name, "uri": files,
            "metadata": {"version": version, "kind": candidate.tags.get("kind", "")},
        },
    }  # fmt: skip
    for name, artifact in made.items():
        create = partial(client.create_artifact, parent=store, artifact=artifact, artifact_id=name, retry=None)
        _make(name, parent, create)
    run = f"register-{candidate.identity}"
    execution = {"schema_title": "system.Run", "display_name": run, "state": "COMPLETE"}
    _make(run, parent, lambda: client.create_execution(parent=store, execution=execution, execution_id=run, retry=None))
    events = [
        {"artifact": f"{store}/artifacts/{data}", "type_": "INPUT"},
        {"artifact": f"{store}/artifacts/{model}", "type_": "OUTPUT"},
    ]
    # Adding an edge that is there changes nothing.
    retrying.call(
        "writing the lineage",
        lambda: client.add_execution_events(execution=f"{store}/executions/{run}", events=events, retry=None),
        hints=vertex_hints(parent),
    )


def _make(what: str, parent: str, create: Callable[[], Any]) -> None:
    def attempt() -> None:
        try:
            create()
        except Exception as error:
            if not retrying.conflict(error):
                raise

    retrying.call(f"writing the lineage of {what}", attempt, hints=vertex_hints(parent))


def _store(client: Any, parent: str, key: str) -> None:
    try:
        client.get_metadata_store(name=f"{parent}/metadataStores/default", retry=None)
    except Exception as error:
        if retrying.status(error) != 404:
            raise
        store = {"encryption_spec": {"kms_key_name": key}} if key else {}
        operation = client.create_metadata_store(
            parent=parent, metadata_store=store, metadata_store_id="default", retry=None
        )
        operation.result(timeout=300)
