"""Metrics of a run for the pages: one block an artifact, with its table, its single figures and its drawings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from local_runner import classification
from local_runner.records import ArtifactRecord, TaskKind, TaskRecord
from local_runner.serve import links
from local_runner.summary import metric_table

GROUPS = (TaskKind.DAG, TaskKind.LOOP)


@dataclass(frozen=True)
class Block:
    """What one metrics artifact says.

    Attributes:
        columns, rows: keys ``row/metric`` as a table.
        single: all other keys.
        drawings: confusion matrix and ROC curve as SVG.
    """

    title: str
    href: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Any, ...]], ...]
    single: Mapping[str, Any]
    drawings: tuple[Markup, ...]


def blocks(tasks: Sequence[TaskRecord]) -> list[Block]:
    """Blocks of every metrics artifact that has something to say."""
    return [
        block(f"{task.path}/{name}", artifact, links.artifact(task.run_id, task.path, name, index))
        for task, name, index, artifact in outputs(tasks)
        if artifact.type.endswith("Metrics") and artifact.metadata
    ]


def block(title: str, artifact: ArtifactRecord, href: str = "") -> Block:
    """One artifact's block."""
    table = metric_table(artifact.metadata)
    columns = tuple(dict.fromkeys(column for row in table.values() for column in row))
    rows = tuple((name, tuple(values.get(column, "") for column in columns)) for name, values in table.items())
    # The drawings escape what they take from the metadata.
    drawn = tuple(Markup(drawing) for drawing in classification.drawings(artifact.metadata))
    hidden = classification.KEYS if drawn else ()
    single = {key: value for key, value in artifact.metadata.items() if "/" not in key and key not in hidden}
    return Block(title, href, columns, rows, single, drawn)


def outputs(tasks: Sequence[TaskRecord]) -> Iterator[tuple[TaskRecord, str, int, ArtifactRecord]]:
    """Every output artifact of every task that is not a group: task, output, index in its list, record."""
    for task in tasks:
        if task.kind not in GROUPS:
            for name, found in task.artifacts.items():
                for index, artifact in enumerate(found):
                    yield task, name, index, artifact
