"""A candidate's evaluation as Vertex AI's console shows it, beside the version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.register.half_done import vertex_hints
from components.shared import retrying

if TYPE_CHECKING:
    from components.register.candidate import Candidate

SCHEMA = "gs://google-cloud-aiplatform/schema/modelevaluation/forecasting_metrics_1.0.0.yaml"
NAMES = {
    "rmse": "rootMeanSquaredError",
    "mae": "meanAbsoluteError",
    "mape": "meanAbsolutePercentageError",
    "r2": "rSquared",
}
"""What Vertex AI calls our metrics; those it has no word for are kept under ours in ``metadata``."""


def keep(client: Any, version: str, candidate: Candidate) -> None:
    """Import the evaluation into a version, once."""
    name = f"evaluation {candidate.identity}"

    def attempt() -> None:
        if not any(each.display_name == name for each in client.list_model_evaluations(parent=version, retry=None)):
            client.import_model_evaluation(parent=version, model_evaluation=_message(name, candidate), retry=None)

    what = f"importing the evaluation into {version.split('/')[-1]}"
    retrying.call(what, attempt, hints=vertex_hints(version))


def _message(name: str, candidate: Candidate) -> dict[str, Any]:
    own = {tag.removeprefix("metric/"): float(v) for tag, v in candidate.tags.items() if tag.startswith("metric/")}
    return {
        "display_name": name,
        "metrics_schema_uri": SCHEMA,
        "metrics": {NAMES[metric]: value for metric, value in own.items() if metric in NAMES},
        "metadata": {**candidate.metrics, "verdict": candidate.description},
    }
