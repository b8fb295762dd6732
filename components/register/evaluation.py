"""What evaluation found about a model: the part of ``metrics.json`` that registration reads."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from components.shared.errors import ArtifactError
from components.shared.files import read_json


class Verdict(BaseModel):
    """Whether the model beats the best baseline, in a word and in a sentence."""

    model_config = ConfigDict(frozen=True)

    metric: str
    beats: bool
    sentence: str


class Evaluation(BaseModel):
    """``table`` holds metrics by forecaster; ``model`` names the model's row. Evaluation may write more than this."""

    model_config = ConfigDict(frozen=True)

    model: str
    table: dict[str, dict[str, float | None]]
    verdict: Verdict

    @model_validator(mode="after")
    def _has_the_model(self) -> Self:
        if self.model not in self.table:
            raise ValueError(f"the table has no row {self.model}, only {', '.join(self.table)}")
        return self

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read the metrics artifact ``path``.

        Raises:
            ArtifactError: ``metrics.json`` is absent, not JSON, or lacks what registration needs.
        """
        manifest = Path(path) / "metrics.json"
        try:
            return cls.model_validate(read_json(manifest))
        except ValidationError as error:
            raise ArtifactError(f"{manifest} is not an evaluation: {error}") from error

    @property
    def scores(self) -> dict[str, float]:
        """Metrics of the model itself; undefined ones are left out."""
        return {name: value for name, value in self.table[self.model].items() if value is not None}

    @property
    def numbers(self) -> dict[str, float]:
        """``<forecaster>/<metric>`` of every number that is defined."""
        return {
            f"{forecaster}/{metric}": value
            for forecaster, scores in self.table.items()
            for metric, value in scores.items()
            if value is not None
        }
