"""ML Metadata behind experiments: which contexts hold which, and which runs hold which artifacts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from google.cloud import aiplatform_v1

if TYPE_CHECKING:
    from cloud.vertex import Vertex


def add_children(vertex: Vertex, message: Any) -> None:
    for child in message.child_contexts:
        vertex.existing(child).parent_contexts.append(vertex.existing(message.context).name)


def add_members(vertex: Vertex, message: Any) -> None:
    vertex.members.setdefault(message.context, set()).update([*message.artifacts, *message.executions])


def members(vertex: Vertex, message: Any) -> Any:
    found = [vertex.existing(name) for name in sorted(vertex.members.get(message.context, ()))]
    answer = aiplatform_v1.LineageSubgraph.pb()()
    answer.artifacts.extend(item for item in found if "/artifacts/" in item.name)
    answer.executions.extend(item for item in found if "/executions/" in item.name)
    return answer


def add_events(vertex: Vertex, message: Any) -> None:
    """Edges between an execution and artifacts; one that is there stays one."""
    execution = vertex.existing(message.execution)
    for event in message.events:
        vertex.existing(event.artifact)
        vertex.edges.add((execution.name, event.artifact, event.type_))


CALLS: dict[str, Callable[[Vertex, Any], Any]] = {
    "AddContextChildren": add_children,
    "AddContextArtifactsAndExecutions": add_members,
    "AddExecutionEvents": add_events,
    "QueryContextLineageSubgraph": members,
}
