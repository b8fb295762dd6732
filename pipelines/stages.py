"""The components under the names graphs use."""

from components.ensemble.component import ensemble
from components.evaluate.component import evaluate
from components.explain.component import explain
from components.ingest.component import ingest
from components.preprocess.component import preprocess
from components.register.component import register
from components.train.component import train

__all__ = ["ensemble", "evaluate", "explain", "ingest", "preprocess", "register", "train"]
