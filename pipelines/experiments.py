"""Experiments: one YAML file that configures every stage of a pipeline, checked whole before anything runs.

Cheap to import on purpose: neither KFP nor TensorFlow is needed to read and check a config.
"""

from __future__ import annotations

import difflib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from components.bigquery_twin.config import TwinConfig, twin_problems
from components.ensemble.config import EnsembleConfig
from components.evaluate.config import EvaluateConfig
from components.explain.config import ExplainConfig
from components.forecast.config import ForecastConfig, ModelChoice
from components.ingest.config import IngestConfig
from components.preprocess.config import PreprocessConfig
from components.register.config import RegisterConfig
from components.shared.config import ConfigSource, StrictModel, override, read_yaml, validate
from components.shared.device import Choice
from components.shared.errors import InputError
from components.shared.schema import Schema
from components.train.config import TrainConfig

HERE = Path(__file__).resolve().parent
CONFIGS, COMPILED = HERE / "configs", HERE / "compiled"


with warnings.catch_warnings():
    # The section is called `register`, as the stage is; that it hides a method of Python's ABCMeta hurts nobody.
    warnings.filterwarnings("ignore", message='Field name "register"')

    class ForecastingExperiment(StrictModel):
        """Sections of a forecasting experiment; a section left out takes its defaults."""

        description: str = ""
        ingest: IngestConfig
        preprocess: PreprocessConfig = Field(default_factory=PreprocessConfig)
        train: TrainConfig
        evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
        explain: ExplainConfig = Field(default_factory=ExplainConfig)
        register: RegisterConfig
        device: Choice = "auto"
        seed: int = Field(default=0, ge=0, lt=2**31)

    class AbExperiment(StrictModel):
        """Sections of an A/B experiment: two trainings on the same windows, and the ensemble of both."""

        description: str = ""
        ingest: IngestConfig
        preprocess: PreprocessConfig = Field(default_factory=PreprocessConfig)
        train_a: TrainConfig
        train_b: TrainConfig
        ensemble: EnsembleConfig = Field(default_factory=EnsembleConfig)
        evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
        explain: ExplainConfig = Field(default_factory=ExplainConfig)
        register: RegisterConfig
        twin: TwinConfig = Field(default_factory=TwinConfig)
        bigquery: bool = False
        """Also train the twin of model B in BigQuery ML; only on Google Cloud."""
        device: Choice = "auto"
        seed: int = Field(default=0, ge=0, lt=2**31)

        @model_validator(mode="after")
        def _there_can_be_a_twin(self) -> Self:
            if self.bigquery and (found := twin_problems(self.twin, self.train_b)):
                raise ValueError("; ".join(found))
            return self


class ForecastExperiment(StrictModel):
    """Sections of a batch forecast: new rows, the model, and what to forecast."""

    description: str = ""
    ingest: IngestConfig
    model: ModelChoice
    forecast: ForecastConfig = Field(default_factory=ForecastConfig)


@dataclass(frozen=True)
class PipelineSpec:
    """A pipeline users can name: the model of its experiments and the experiment it runs by default."""

    experiment: type[StrictModel]
    default_config: str


PIPELINES = {
    "forecasting": PipelineSpec(ForecastingExperiment, "lstm_1m"),
    "forecasting_ab": PipelineSpec(AbExperiment, "ab_1m"),
    "forecast": PipelineSpec(ForecastExperiment, "forecast_1m"),
}


@dataclass(frozen=True)
class Experiment:
    """A checked experiment: the compiled pipeline and the arguments it runs with."""

    pipeline: str
    compiled: Path
    arguments: dict[str, Any]


def resolve(
    name: str, config: str | None = None, overrides: list[str] | None = None, horizon: str | None = None
) -> Experiment:
    """Find a pipeline and an experiment by name or path, apply overrides, and check everything.

    Args:
        name: a pipeline of :data:`PIPELINES`.
        config: name of a file in ``pipelines/configs`` or a path to one; the pipeline's default when None.
        overrides: ``section.key=value`` assignments.
        horizon: shorthand for ``preprocess.horizon``.

    Raises:
        InputError: unknown names, or every problem of the config at once.
    """
    spec = PIPELINES.get(name)
    if spec is None:
        raise InputError(unknown("pipeline", name, list(PIPELINES)))
    source = read_yaml(_config_path(config or spec.default_config, name))
    assignments = [*(overrides or []), *([f"preprocess.horizon={horizon}"] if horizon else [])]
    source = override(source, assignments)
    _inline_catalog(source)
    return Experiment(name, COMPILED / f"{name}.yaml", arguments(validate(spec.experiment, source)))


def arguments(experiment: StrictModel) -> dict[str, Any]:
    """The pipeline's parameters: one struct a section, in full, so that a stored run says what it ran with.

    A null that is the default anyway is left out: KFP compiles no null into a struct.
    """
    values = experiment.model_dump(mode="json", exclude_none=True)
    if type(experiment).model_validate(values) != experiment:
        values = experiment.model_dump(mode="json")
    values.pop("description", None)
    return values


def config_names(pipeline: str | None = None) -> list[str]:
    """Names of the shipped configs; with a pipeline, of those that have its sections."""
    names = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    if pipeline is None:
        return names
    sections = PIPELINES[pipeline].experiment.model_fields
    needed = {name for name, section in sections.items() if section.is_required()}
    return [name for name in names if needed <= read_yaml(CONFIGS / f"{name}.yaml").data.keys() <= sections.keys()]


def unknown(what: str, got: str, valid: list[str]) -> str:
    """``unknown pipeline 'forcasting': did you mean forecasting? Known: …``"""
    near = difflib.get_close_matches(got, valid, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown {what} {got!r}: {hint}Known: {', '.join(valid)}"


def _config_path(config: str, pipeline: str) -> Path:
    if config.endswith((".yaml", ".yml")):
        return Path(config)
    path = CONFIGS / f"{config}.yaml"
    if not path.is_file():
        raise InputError(f"{unknown('config', config, config_names(pipeline))}, or a path that ends in .yaml")
    return path


def _inline_catalog(source: ConfigSource) -> None:
    """Put the columns of a catalog file into the config, so that the run carries them wherever it goes."""
    ingest = source.data.get("ingest")
    if isinstance(ingest, dict) and isinstance(ingest.get("catalog"), str):
        path = ingest["catalog"]
        if path.startswith("sample:"):
            path = str(HERE / "sample_data" / path.removeprefix("sample:"))
        ingest["catalog"] = Schema.from_yaml(path).model_dump(mode="json")
