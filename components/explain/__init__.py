"""Attribute forecasts to features.

In a notebook: ``from components.explain import explain`` and see docs/explanations.md.
"""

from __future__ import annotations

from typing import Any

_OFFERED = {
    "explain": "components.explain.notebook",
    "Explanation": "components.explain.explanation",
    "ExplainConfig": "components.explain.config",
    "expected_gradients": "components.explain.attributions",
    "permutation_shapley": "components.explain.shapley",
}


def __getattr__(name: str) -> Any:
    # Lazily, so that reading the stage's config or signature does not import what only the stage's work needs.
    if name not in _OFFERED:
        raise AttributeError(f"module {__name__} has no attribute {name}; it offers {', '.join(_OFFERED)}")
    import importlib

    return getattr(importlib.import_module(_OFFERED[name]), name)
