"""Which columns of a table preprocess reads, and what about them cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, field

from components.shared.schema import Column, Role, Schema

NUMERIC = frozenset({"float64", "float32", "int64", "int32", "bool"})
TIMES = frozenset({"date", "timestamp"})


@dataclass(frozen=True)
class Columns:
    """The columns to read. ``features`` may hold the target itself, for its history; then it is the first."""

    time: str
    target: Column
    features: tuple[str, ...]
    dropped: dict[str, str] = field(default_factory=dict)

    @property
    def to_read(self) -> list[str]:
        return list(dict.fromkeys([self.time, self.target.name, *self.features]))


def choose(schema: Schema, *, target_history: bool) -> Columns | list[str]:
    """The columns to read, or everything that is wrong with the schema, a paragraph each."""
    time, target = schema.optional(Role.TIME), schema.optional(Role.TARGET)
    candidates = schema.with_role(Role.FEATURE, Role.KNOWN_AHEAD)
    numeric = [column.name for column in candidates if column.dtype in NUMERIC]
    problems = _role_problems(schema)
    if not numeric and not (target_history and target is not None):
        found = ", ".join(f"{column.name} ({column.dtype})" for column in candidates) or "no feature column"
        problems.append(
            f"the table has no numeric feature: found {found}. Give a numeric column the role feature, "
            "or set preprocess.target_history: true to forecast the target from its own past."
        )
    if problems or time is None or target is None:
        return problems
    return Columns(
        time=time.name,
        target=target,
        features=(target.name, *numeric) if target_history else tuple(numeric),
        dropped={column.name: f"not numeric ({column.dtype})" for column in candidates if column.name not in numeric},
    )


def _role_problems(schema: Schema) -> list[str]:
    problems = []
    expected = {Role.TIME: ("a date or a timestamp", TIMES), Role.TARGET: ("a number", NUMERIC)}
    for role, (kind, dtypes) in expected.items():
        column = schema.optional(role)
        if column is None:
            problems.append(f"the table has no {role} column: mark one `role: {role}` in its feature catalog.")
        elif column.dtype not in dtypes:
            problems.append(f"the {role} column {column.name} must be {kind}, got {column.dtype}.")
    entity = schema.optional(Role.ENTITY)
    if entity is not None:
        problems.append(
            f"column {entity.name} has the role entity, but preprocess takes one series only: "
            "filter ingest to one entity and leave that column out."
        )
    return problems
