"""Score a model on the hold-out beside its baselines."""
