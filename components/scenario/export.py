"""An answer as a table (CSV, Parquet) or as a picture (PNG)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from components.shared.errors import InputError
from components.shared.files import new_file
from components.shared.report import new_figure

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from components.scenario.outcome import Outcome

Format = Literal["csv", "parquet", "png"]
FORMATS: dict[str, Format] = {".csv": "csv", ".parquet": "parquet", ".png": "png"}
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet", "png": "image/png",
}  # fmt: skip
BASELINE, SCENARIO = "#5b6775", "#1255b2"


def format_of(path: Path) -> Format:
    """By the file's ending.

    Raises:
        InputError: it is none of :data:`FORMATS`.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise InputError(f"{path}: expected a file that ends in {', '.join(FORMATS)}") from None


def write(outcome: Outcome, path: Path) -> None:
    """Write an answer by the ending of the file's name; the file appears whole."""
    content = encode(outcome, format_of(path))
    with new_file(path) as scratch:
        scratch.write_bytes(content)


def encode(outcome: Outcome, form: Format) -> bytes:
    """The bytes of a file."""
    if form == "png":
        return _png(outcome)
    import pyarrow.csv as pv
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    if form == "csv":
        pv.write_csv(table(outcome), buffer)
    else:
        pq.write_table(table(outcome), buffer, compression="zstd")
    return buffer.getvalue()


def table(outcome: Outcome) -> pa.Table:
    """One row a figure: ``scenario model origin time series quantity level value unit``.

    ``series`` is baseline, scenario, difference or the name of a changed feature; ``quantity`` is point, mean, quantile
    (of passes), lower or upper (of an interval, whose share is ``level``), before or after (of a feature), or truth.
    """
    import pyarrow as pa

    rows: list[dict[str, object]] = []

    def add(series: str, time: str, quantity: str, value: float, level: float | None = None) -> None:
        rows.append({"time": time, "series": series, "quantity": quantity, "level": level, "value": value})

    for series in ("baseline", "scenario", "difference"):
        answer = getattr(outcome, series)
        for time, point in zip(outcome.times, answer.points, strict=True):
            add(series, time, "point", point)
        for band in getattr(answer, "bands", []):
            add(series, outcome.times[-1], "lower", band.lower, band.share)
            add(series, outcome.times[-1], "upper", band.upper, band.share)
        if answer.spread is not None:
            for time, mean in zip(outcome.times, answer.spread.mean, strict=True):
                add(series, time, "mean", mean)
            for level, values in zip(answer.spread.levels, answer.spread.quantiles, strict=True):
                for time, value in zip(outcome.times, values, strict=True):
                    add(series, time, "quantile", value, level)
    if outcome.truth is not None:
        add("truth", outcome.times[-1], "truth", outcome.truth)
    for feature in outcome.changed:
        for time, before, after in zip(feature.times, feature.baseline, feature.scenario, strict=True):
            add(feature.name, time, "before", before)
            add(feature.name, time, "after", after)
    units = {feature.name: feature.unit for feature in outcome.changed}
    same = {"scenario": outcome.name, "model": outcome.model, "origin": outcome.origin}
    fields = [(name, pa.string()) for name in ("scenario", "model", "origin", "time", "series", "quantity")]
    schema = pa.schema([*fields, ("level", pa.float64()), ("value", pa.float64()), ("unit", pa.string())])
    full = [same | row | {"unit": units.get(str(row["series"]), outcome.unit)} for row in rows]
    return pa.Table.from_pylist(full, schema=schema)


def _png(outcome: Outcome) -> bytes:
    import numpy as np

    figure = new_figure(9, 4.2)
    axes: Axes = figure.subplots()
    past = np.array(outcome.past_times, dtype="datetime64[s]")
    axes.plot(past, outcome.past, color="#1c2733", linewidth=1.2, label=outcome.target)
    _edges(axes, outcome)
    _fan(axes, outcome)
    unit = f" ({outcome.unit})" if outcome.unit else ""
    axes.set_ylabel(outcome.target + unit)
    axes.set_title(_title(outcome), loc="left", fontsize=11)
    axes.grid(axis="y", color="#e3e8ee")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    figure.text(0.01, -0.03, _caption(outcome), fontsize=8, color=BASELINE)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()


def _fan(axes: Axes, outcome: Outcome) -> None:
    """The scenario's forecast and intervals; lines from the origin are straight, only their ends are forecast."""
    answer, times = outcome.scenario, _times(outcome)
    for band in answer.bands:
        lower, upper = [answer.origin_value, band.lower], [answer.origin_value, band.upper]
        axes.fill_between(times[[0, -1]], lower, upper, color=SCENARIO, alpha=0.12, linewidth=0)
    points = [answer.origin_value, *answer.points]
    axes.plot(times, points, "o-", color=SCENARIO, linewidth=1.8, markevery=[-1], label=_plain(outcome.name))


def _edges(axes: Axes, outcome: Outcome) -> None:
    """The baseline's forecast, and the edges of its widest interval."""
    answer, times = outcome.baseline, _times(outcome)
    for band in answer.bands[-1:]:
        for end in (band.lower, band.upper):
            axes.plot(times[[0, -1]], [answer.origin_value, end], color=BASELINE, linewidth=0.8, linestyle="--")
    points = [answer.origin_value, *answer.points]
    axes.plot(times, points, "o--", color=BASELINE, linewidth=1.6, markevery=[-1], label="baseline")


def _times(outcome: Outcome) -> NDArray[np.datetime64]:
    import numpy as np

    return np.array([outcome.origin, *outcome.times], dtype="datetime64[s]")


def _title(outcome: Outcome) -> str:
    percent = "" if outcome.difference.percent is None else f" ({outcome.difference.percent:+.2f} %)"
    change = f"{outcome.difference.points[-1]:+.4g} {outcome.unit}".rstrip()
    return f"{_plain(outcome.name)}: {change}{percent} by {outcome.times[-1]}"


def _plain(text: str) -> str:
    """Matplotlib reads what is between dollar signs as a formula."""
    return text.replace("$", r"\$")


def _caption(outcome: Outcome) -> str:
    bands = ", ".join(f"{100 * band.share:g}" for band in outcome.scenario.bands)
    intervals = f"Intervals of {bands} % ({outcome.band_method}), not guaranteed for a scenario. " if bands else ""
    flag = "Out of the model's distribution." if outcome.plausibility.outside else ""
    return f"{intervals}{flag}"
