"""What is trained: each model with its covariates and its ``train`` section, as a user would write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.train.config import TrainConfig


@dataclass(frozen=True)
class Entry:
    """A model of the benchmark; ``covariates`` names a set of :mod:`benchmarks.ltsf.data`."""

    covariates: str
    ahead: bool
    train: dict[str, Any]

    def config(self, horizon: int) -> TrainConfig:
        section = dict(self.train)
        if callable(section["model"]):
            section["model"] = section["model"](horizon)
        return TrainConfig.model_validate({"backup": False, "xla": True, **section})


def _paper(horizon: int) -> dict[str, Any]:
    """The reference's settings on ETTh1: width 256, and 512 at the two longest horizons."""
    width = 512 if horizon >= 336 else 256
    return {"kind": "itransformer", "d_model": width, "d_ff": width, "layers": 2, "covariates": "past"}


ADAM = {"kind": "adam", "clip_norm": None}

# In order of complexity: where validation cannot tell two apart, the earlier one is taken.
MODELS = {
    "linear": Entry(
        "hours",
        True,
        {
            "model": {"kind": "linear", "cycle": True},
            "loss": {"kind": "huber", "delta": 0.5},
            "epochs": 3,
            "batch_size": 32,
            "optimizer": {**ADAM, "learning_rate": 1e-4},
            "schedule": {"kind": "cosine", "warmup_epochs": 0},
        },
    ),
    "itransformer_linear": Entry(
        "hours",
        True,
        {
            "model": {
                "kind": "itransformer",
                "d_model": 64,
                "layers": 1,
                "dropout": 0.3,
                "skip": "linear",
                "cycle": True,
                "covariates": "none",
            },
            "loss": {"kind": "huber", "delta": 0.5},
            "epochs": 6,
            "batch_size": 32,
            "optimizer": {**ADAM, "learning_rate": 3e-4},
            "schedule": {"kind": "cosine"},
            "early_stopping": {"patience": 3},
        },
    ),
    "tsmixer": Entry(
        "none",
        False,
        {
            "model": {"kind": "tsmixer", "layers": 2, "d_ff": 64, "dropout": 0.5},
            "epochs": 10,
            "batch_size": 32,
            "optimizer": {**ADAM, "learning_rate": 3e-4},
            "schedule": {"kind": "cosine"},
            "early_stopping": {"patience": 3},
        },
    ),
    "itransformer": Entry(
        "marks",
        False,
        {
            "model": _paper,
            "epochs": 10,
            "batch_size": 32,
            "optimizer": {**ADAM, "learning_rate": 1e-4},
            "schedule": {"kind": "step", "factor": 0.5, "hold_epochs": 2},
            "early_stopping": {"patience": 3},
        },
    ),
}
