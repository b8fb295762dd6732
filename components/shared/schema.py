"""Table schema: what a table's columns are called, hold, and are for. A feature catalog is this schema as YAML."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from components.shared.config import StrictModel, read_yaml, validate
from components.shared.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

DType = Literal["float64", "float32", "int64", "int32", "bool", "string", "date", "timestamp"]


class Role(StrEnum):
    """What a column is for."""

    TIME = "time"
    ENTITY = "entity"
    TARGET = "target"
    FEATURE = "feature"
    KNOWN_AHEAD = "known_ahead"


def _ends(value: Any) -> Any:
    """A range written as ``{min: 0}`` is the pair ``(0, None)``."""
    if not isinstance(value, dict):
        return value
    unknown = sorted(value.keys() - {"min", "max"})
    if unknown:
        raise ValueError(f"expected [lowest, highest] or a mapping of min and max, got {', '.join(unknown)}")
    return (value.get("min"), value.get("max"))


class Column(StrictModel):
    """One column: ``range`` is inclusive, ``max_null_share`` is a share of rows between 0 and 1.

    ``range`` reads as ``[0, 100]`` or, open at one end, as ``{min: 0}``.
    """

    name: str = Field(min_length=1)
    dtype: DType
    role: Role = Role.FEATURE
    unit: str = ""
    description: str = ""
    range: Annotated[tuple[float | None, float | None], BeforeValidator(_ends)] = (None, None)
    max_null_share: float = Field(default=1.0, ge=0.0, le=1.0)

    @model_serializer(mode="wrap")
    def _say_only_what_matters(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave defaults out and write open ranges without nulls, which KFP cannot compile into a parameter."""
        values: dict[str, Any] = plain(self)
        values["range"] = {
            end: value for end, value in zip(("min", "max"), self.range, strict=True) if value is not None
        }
        defaults = {"unit": "", "description": "", "range": {}, "max_null_share": 1.0}
        return {key: value for key, value in values.items() if key not in defaults or value != defaults[key]}

    def arrow_field(self) -> pa.Field:
        import pyarrow as pa

        arrow = {
            "float64": pa.float64(),
            "float32": pa.float32(),
            "int64": pa.int64(),
            "int32": pa.int32(),
            "bool": pa.bool_(),
            "string": pa.string(),
            "date": pa.date32(),
            "timestamp": pa.timestamp("us"),
        }
        return pa.field(self.name, arrow[self.dtype])


class Schema(StrictModel):
    """Columns in order. At most one time, one entity and one target column; names do not repeat."""

    columns: tuple[Column, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [column.name for column in self.columns]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"column names repeat: {', '.join(repeated)}")
        for role in (Role.TIME, Role.ENTITY, Role.TARGET):
            holders = [column.name for column in self.columns if column.role == role]
            if len(holders) > 1:
                raise ValueError(f"at most one {role} column is allowed, got {', '.join(holders)}")
        return self

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Read a feature catalog.

        Raises:
            InputError: naming file, line and key of every problem.
        """
        return validate(cls, read_yaml(path))

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def one(self, role: Role) -> Column:
        """The single column of a role.

        Raises:
            InputError: there is none.
        """
        found = self.optional(role)
        if found is None:
            raise InputError(f"the table has no {role} column: mark one `role: {role}` in its feature catalog")
        return found

    def optional(self, role: Role) -> Column | None:
        return next((column for column in self.columns if column.role == role), None)

    def with_role(self, *roles: Role) -> list[Column]:
        return [column for column in self.columns if column.role in roles]

    def select(self, names: Iterable[str]) -> Schema:
        """The same columns, only those named, in this schema's order."""
        wanted = set(names)
        return Schema(columns=tuple(column for column in self.columns if column.name in wanted))

    def arrow(self) -> pa.Schema:
        import pyarrow as pa

        return pa.schema([column.arrow_field() for column in self.columns])


def interval_columns(share: float) -> tuple[str, str]:
    """Names of an interval's columns: ``lower_80`` and ``upper_80``; ``lower_97_5`` for 0.975."""
    words = f"{100 * share:.6g}".replace(".", "_")
    return f"lower_{words}", f"upper_{words}"
