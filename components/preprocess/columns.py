"""Which columns of a table preprocess reads, and what about them cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, field

from components.shared.schema import Column, Role, Schema

NUMERIC = frozenset({"float64", "float32", "int64", "int32", "bool"})
TIMES = frozenset({"date", "timestamp"})
LABELS = frozenset({"string", "int64", "int32"})


@dataclass(frozen=True)
class Columns:
    """The columns to read. ``features`` may hold the target itself, for its history; then it is the first.

    The last ``known`` features are known ahead, and of those the last are ``calendar``, which are no columns of the
    table but computed from its time. ``entity`` is empty for a table of one series.
    """

    time: str
    target: Column
    features: tuple[str, ...]
    dropped: dict[str, str] = field(default_factory=dict)
    entity: str = ""
    known: tuple[str, ...] = ()
    calendar: tuple[str, ...] = ()

    @property
    def numbers(self) -> list[str]:
        """Columns of numbers: the target and every feature that the table holds."""
        held = [name for name in self.features if name not in self.calendar]
        return list(dict.fromkeys([self.target.name, *held]))

    @property
    def to_read(self) -> list[str]:
        return list(dict.fromkeys([self.time, *self.numbers, *([self.entity] if self.entity else [])]))


def choose(schema: Schema, *, target_history: bool, calendar: tuple[str, ...] = ()) -> Columns | list[str]:
    """The columns to read, or everything that is wrong with the schema, a paragraph each.

    Args:
        schema: of the table.
        target_history: whether the target's own past is a feature.
        calendar: names of the features to compute from the time column.
    """
    time, target = schema.optional(Role.TIME), schema.optional(Role.TARGET)
    candidates = schema.with_role(Role.FEATURE, Role.KNOWN_AHEAD)
    numeric = [column for column in candidates if column.dtype in NUMERIC]
    problems = [*_role_problems(schema), *_name_problems(schema, calendar)]
    if not numeric and not calendar and not (target_history and target is not None):
        found = ", ".join(f"{column.name} ({column.dtype})" for column in candidates) or "no feature column"
        problems.append(
            f"the table has no numeric feature: found {found}. Give a numeric column the role feature, "
            "or set preprocess.target_history: true to forecast the target from its own past."
        )
    if problems or time is None or target is None:
        return problems
    entity = schema.optional(Role.ENTITY)
    known = tuple(column.name for column in numeric if column.role is Role.KNOWN_AHEAD)
    own = [target.name] * target_history
    kept = {column.name for column in numeric}
    return Columns(
        time=time.name,
        target=target,
        features=(*own, *(column.name for column in numeric if column.name not in known), *known, *calendar),
        dropped={column.name: f"not numeric ({column.dtype})" for column in candidates if column.name not in kept},
        entity=entity.name if entity is not None else "",
        known=(*known, *calendar),
        calendar=calendar,
    )


def _name_problems(schema: Schema, calendar: tuple[str, ...]) -> list[str]:
    taken = [name for name in calendar if name in schema.names]
    if not taken:
        return []
    return [
        f"the table has columns named as features of preprocess.calendar: {', '.join(taken)}. "
        "Leave them out with ingest.columns, or ask for other fields of the calendar."
    ]


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
    if entity is not None and entity.dtype not in LABELS:
        problems.append(f"the entity column {entity.name} must be text or a whole number, got {entity.dtype}.")
    return problems
