"""What the prepared artifact says about itself: its manifest and its key figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.preprocess.checks import date_of
from components.preprocess.columns import Columns
from components.preprocess.config import PreprocessConfig
from components.preprocess.fitting import Fitted
from components.preprocess.rows import Rows
from components.shared.artifacts import Table
from components.shared.preprocessing import Preprocessing, SplitRows, TargetScaling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def describe(
    table: Table,
    rows: Rows,
    columns: Columns,
    origins: dict[str, range],
    target: TargetScaling,
    fitted: Fitted,
    config: PreprocessConfig,
) -> Preprocessing:
    """The manifest: all that is needed to repeat this on new rows and to invert the target."""
    return Preprocessing(
        time=columns.time,
        features=tuple(fitted.features.values()),
        target=target,
        lookback=config.lookback,
        horizon=config.horizon_rows,
        horizon_name=config.horizon_name,
        splits={name: _split_rows(span, rows.times) for name, span in origins.items()},
        embargo=config.horizon_rows,
        rows=table.rows,
        source_digest=table.digest,
        selection=fitted.selection,
        constant=fitted.constant,
        dropped=fitted.dropped,
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
    }


def _split_rows(span: range, times: NDArray[np.datetime64]) -> SplitRows:
    return SplitRows(
        first=span[0],
        last=span[-1],
        first_date=date_of(times[span[0]]),
        last_date=date_of(times[span[-1]]),
        windows=len(span),
    )
