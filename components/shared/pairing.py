"""Does this model belong to this prepared data? Scores of a mismatched pair look fine and mean nothing."""

from __future__ import annotations

from components.shared.errors import InputError
from components.shared.preprocessing import Preprocessing


def check_pair(model: Preprocessing, prepared: Preprocessing) -> None:
    """Check that a model was trained on these very prepared arrays.

    Args:
        model: the preprocessing stored in the model.
        prepared: the preprocessing of the arrays it is to be scored on.

    Raises:
        InputError: naming every difference at once.
    """
    problems = _feature_differences(model, prepared) + _value_differences(model, prepared)
    if problems:
        heading = (
            "the model was not trained on this prepared data; "
            "train it again on this data, or evaluate it on the data it was trained on:"
        )
        raise InputError(problems, heading=heading)


def _feature_differences(model: Preprocessing, prepared: Preprocessing) -> list[str]:
    ours, theirs = model.feature_names, prepared.feature_names
    only_model = [name for name in ours if name not in theirs]
    only_prepared = [name for name in theirs if name not in ours]
    problems = []
    if only_model:
        problems.append(f"features only the model has: {', '.join(only_model)}")
    if only_prepared:
        problems.append(f"features only the prepared data has: {', '.join(only_prepared)}")
    if problems:
        return problems
    if ours != theirs:
        return [f"features in another order: model {', '.join(ours)}; prepared {', '.join(theirs)}"]
    pairs = zip(model.features, prepared.features, strict=True)
    rescaled = [mine.name for mine, other in pairs if mine != other]
    return [f"features filled or scaled differently: {', '.join(rescaled)}"] if rescaled else []


def _value_differences(model: Preprocessing, prepared: Preprocessing) -> list[str]:
    """Differences of everything but the features, as ``name: model …, prepared …``."""
    ours, theirs = _values(model), _values(prepared)
    names = dict.fromkeys([*ours, *theirs])
    return [
        f"{name}: model {ours.get(name, 'none')}, prepared {theirs.get(name, 'none')}"
        for name in names
        if ours.get(name) != theirs.get(name)
    ]


def _values(preprocessing: Preprocessing) -> dict[str, object]:
    values: dict[str, object] = {
        "lookback": preprocessing.lookback,
        "horizon": preprocessing.horizon,
        "source digest": preprocessing.source_digest,
    }
    values |= {f"target {key}": value for key, value in preprocessing.target.model_dump().items()}
    values |= {"entities": len(preprocessing.entities), "predict": preprocessing.predict, "known": preprocessing.known}
    # Another split over the same rows would score the model on rows it was trained on.
    for split, rows in preprocessing.splits.items():
        values[f"{split} origins"] = f"rows {rows.first} to {rows.last}"
    return values
