"""The components under the names graphs use."""

from components.bigquery_twin.component import bigquery_twin
from components.ensemble.component import ensemble
from components.evaluate.component import evaluate
from components.explain.component import explain
from components.forecast.component import find_model, forecast
from components.ingest.component import ingest
from components.preprocess.component import preprocess
from components.register.component import register
from components.train.component import train

__all__ = [
    "bigquery_twin",
    "ensemble",
    "evaluate",
    "explain",
    "find_model",
    "forecast",
    "ingest",
    "preprocess",
    "register",
    "train",
]
