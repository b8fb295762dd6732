"""``python -m components.forecast``: forecast the rows of a file with a trained model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from components.shared import command_line
from components.shared.errors import InputError

if TYPE_CHECKING:
    from components.shared.artifacts import Table

CALENDARS = ("auto", "business_days", "days", "weeks", "steps")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--model", required=True, help="A model folder, or a registered version: soybean-oil-1m@champion.")
@click.option("--rows", required=True, type=click.Path(path_type=Path), help="New rows: a .csv or .parquet file.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write: .csv or .parquet.")
@click.option("--table", metavar="PROJECT.DATASET.TABLE", help="BigQuery table to merge the forecasts into.")
@click.option("--origins", default="last", show_default=True, metavar="last|all|N", help="Rows to forecast from.")
@click.option("--entity", metavar="NAME", help="Which series of a panel to forecast.")
@click.option("--intervals", default="0.8,0.9", show_default=True, metavar="A,B", help="Shares of outcomes to cover.")
@click.option("--calendar", type=click.Choice(CALENDARS), default="auto", show_default=True, help="How rows go on.")
@click.option("--largest-gap", type=int, help="Most rows that may be missing in a row.")
@click.option("--ignore-extra", is_flag=True, help="Accept columns that the model's table did not have.")
@click.option("--registry", metavar="sqlite:///FILE", help="Registry of --model NAME@ALIAS.")
def main(model: str, rows: Path, out: Path | None, **given: Any) -> None:
    """Forecast the future of new rows with a trained model, with dates and intervals."""
    from components.forecast import choosing, files, step
    from components.forecast.config import ForecastConfig, ModelChoice
    from components.shared.artifacts import Table, TrainedModel

    config = ForecastConfig.parse(_section(given), section="forecast")
    for path in (rows, *([out] if out else [])):
        files.kind_of(path)
    registry = {"registry": {"uri": given["registry"]}} if given["registry"] else {}
    chosen = choosing.find(ModelChoice.parse({"source": model, **registry}, section="model"))
    preprocessing = TrainedModel.open(chosen.path).preprocessing
    with tempfile.TemporaryDirectory() as scratch:
        table, forecasts = Path(scratch) / rows.name, Path(scratch) / "forecasts"
        extra_allowed, entity = config.on_extra == "ignore", given["entity"]
        files.read_rows(rows, preprocessing, table, extra_allowed=extra_allowed, entity=entity)
        facts = step.run(config, table, chosen.path, forecasts, name=chosen.name, rows=str(rows))
        if out:
            files.write_forecasts(Table.open(forecasts), out)
        _say(facts, Table.open(forecasts), preprocessing.target.unit)
    for place in filter(None, (out, given["table"])):
        click.echo(f"written to {place}")


def _section(given: dict[str, Any]) -> dict[str, Any]:
    """The options as a ``forecast`` section, whose models check them."""
    try:
        intervals = [float(share) for share in given["intervals"].split(",") if share.strip()]
    except ValueError:
        raise InputError(f"--intervals {given['intervals']!r}: expected shares such as 0.8,0.9") from None
    origins = given["origins"]
    section: dict[str, Any] = {
        "origins": int(origins) if origins.isdecimal() else origins,
        "intervals": intervals,
        "calendar": given["calendar"],
        "on_extra": "ignore" if given["ignore_extra"] else "error",
    }
    if given["largest_gap"] is not None:
        section["largest_gap"] = given["largest_gap"]
    if given["table"]:
        section["bigquery"] = {"table": given["table"]}
    return section


def _say(facts: dict[str, Any], forecasts: Table, unit: str) -> None:
    """The last forecast in words; the others are in the file."""
    last = _last_row(forecasts)
    click.echo(f"{facts['model']}: {facts['origins']} forecast(s), {facts['horizon']} rows ahead ({facts['calendar']})")
    click.echo(f"from {last['origin']:%Y-%m-%d %H:%M}  {last['origin_value']:,.6g} {unit}".rstrip())
    click.echo(f"for  {last['time']:%Y-%m-%d %H:%M}  {last['forecast']:,.6g} {unit}".rstrip())
    for name in last:
        if name.startswith("lower_"):
            share = name.removeprefix("lower_")
            low, high = last[name], last[f"upper_{share}"]
            click.echo(f"     {share.replace('_', '.')} %  {low:,.6g} to {high:,.6g}  ({last['interval_method']})")


def _last_row(forecasts: Table) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for batch in forecasts.batches():
        row = batch.slice(batch.num_rows - 1).to_pylist()[0] if batch.num_rows else row
    return row


if __name__ == "__main__":
    command_line.run(main, "python -m components.forecast")
