"""What the prepared artifact says about itself: its manifest and its key figures."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from components.preprocess.checks import date_of
from components.preprocess.columns import Columns
from components.preprocess.config import PreprocessConfig
from components.preprocess.fitting import Fitted
from components.preprocess.origins import Origins
from components.preprocess.rows import SHOWN, Rows
from components.preprocess.splits import Splits
from components.shared.artifacts import Table
from components.shared.preprocessing import EntityRows, Preprocessing, SplitRows, TargetScaling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LOGGER = logging.getLogger(__name__)


def describe(
    table: Table,
    rows: Rows,
    columns: Columns,
    splits: Splits,
    target: TargetScaling,
    fitted: Fitted,
    config: PreprocessConfig,
) -> Preprocessing:
    """The manifest: all that is needed to repeat this on new rows and to invert the target."""
    features = tuple(fitted.features.values())
    names = {feature.name for feature in features}
    return Preprocessing(
        time=columns.time,
        features=features,
        target=target,
        lookback=config.lookback,
        horizon=config.horizon_rows,
        horizon_name=config.horizon_name,
        splits={name: _split_rows(origins, rows.times) for name, origins in splits.origins.items()},
        embargo=config.horizon_rows,
        rows=table.rows,
        source_digest=table.digest,
        selection=fitted.selection,
        constant=fitted.constant,
        dropped=fitted.dropped,
        entity=columns.entity,
        entities=_entities(rows, splits),
        known=len(names.intersection(columns.known)),
        calendar=tuple(name for name in columns.calendar if name in names),
        predict=config.predict,
    )


def figures(manifest: Preprocessing) -> dict[str, Any]:
    """Key figures of the artifact, for its metadata."""
    return {
        "rows": manifest.rows,
        "features": len(manifest.features),
        "lookback": manifest.lookback,
        "horizon": manifest.horizon,
        "embargo": manifest.embargo,
        **{f"{name}_windows": split.windows for name, split in manifest.splits.items()},
        "constant_features": list(manifest.constant),
        "dropped_features": list(manifest.dropped),
        **({"entities": len(manifest.entities)} if manifest.entities else {}),
        **({"known_features": manifest.known} if manifest.known else {}),
    }


def _split_rows(origins: Origins, times: NDArray[np.datetime64]) -> SplitRows:
    earliest, latest = origins.spanned(times)
    return SplitRows(
        first=origins.first,
        last=origins.last,
        first_date=date_of(earliest),
        last_date=date_of(latest),
        windows=len(origins),
    )


def _entities(rows: Rows, splits: Splits) -> tuple[EntityRows, ...]:
    """The series of a panel with their windows; those that are too short for any are said aloud."""
    if not rows.entities:
        return ()
    windows = [sum(map(len, parts)) for parts in zip(*(o.parts for o in splits.origins.values()), strict=True)]
    described = tuple(
        EntityRows(name=str(entity.name), first=entity.first, last=entity.stop - 1, windows=count)
        for entity, count in zip(rows.entities, windows, strict=True)
    )
    short = [entity.name for entity in described if not entity.windows]
    if short:
        more = ", ..." if len(short) > SHOWN else ""
        LOGGER.warning(
            "%d of %d entities are too short for a window and its label in any split, and are left out: %s%s",
            len(short),
            len(described),
            ", ".join(short[:SHOWN]),
            more,
        )
    return described
