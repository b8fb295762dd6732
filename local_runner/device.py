"""``--device``: environment settings that must be in place before TensorFlow starts."""

from __future__ import annotations

DEVICES = ("auto", "cpu", "metal", "cuda", "tpu")


def environment(device: str) -> dict[str, str]:
    """Variables for a device choice; empty for no choice.

    TensorFlow would otherwise take all memory of a GPU at its start, which leaves none for anything else.
    """
    if device == "cpu":
        return {"CUDA_VISIBLE_DEVICES": "-1", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if device else {}
