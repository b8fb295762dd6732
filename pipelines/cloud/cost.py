"""What a run is estimated to cost: machine hours times a dated table of prices, and what its query would bill."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from components.shared.config import StrictModel, read_yaml, validate
from components.shared.errors import InputError, TandemError
from pipelines.cloud import loads, machines, query
from pipelines.cloud.assembly import Assembly
from pipelines.cloud.google import Google
from pipelines.cloud.loads import Load
from pipelines.cloud.past_runs import hours_of_past_runs
from pipelines.cloud.settings import CloudSettings

TABLE = Path(__file__).parent / "tables" / "prices.yaml"
OTHER_HOURS = 0.1
"""A guess at how long a task takes that does not train; starting its machine is most of it."""
TIB = 2**40


class Prices(StrictModel):
    """US dollars: an hour of a machine or accelerator, a run, a TiB scanned; ``spot`` is the share that Spot costs."""

    date: str
    source: str = ""
    machines: dict[str, float]
    accelerators: dict[str, float]
    spot: float
    run: float
    bigquery_tib: float


@dataclass(frozen=True)
class Item:
    """One line of an estimate: ``hours`` is of one machine, ``count`` how many of them."""

    what: str
    machine: str
    count: int
    hours: float
    dollars: float


@dataclass(frozen=True)
class Estimate:
    """Lines that add up, and where prices and hours are from."""

    items: tuple[Item, ...]
    run: float
    scanned: float
    basis: str
    notes: tuple[str, ...] = ()
    """What is not in it."""

    @property
    def total(self) -> float:
        return sum(item.dollars for item in self.items) + self.run + self.scanned

    def lines(self) -> list[str]:
        """For a terminal."""
        shown = [f"cost estimate ({self.basis})"]
        for item in self.items:
            machine = f"{item.count} x {item.machine}" if item.count > 1 else item.machine
            shown.append(f"  {item.what:<16} {machine:<42} {item.hours:6.2f} h  ${item.dollars:8.2f}")
        shown.append(f"  {'pipeline run':<16} {'':<42} {'':>8}  ${self.run:8.2f}")
        if self.scanned:
            shown.append(f"  {'BigQuery':<16} {'':<42} {'':>8}  ${self.scanned:8.2f}")
        shown.append(f"  {'total':<16} {'':<42} {'':>8}  ${self.total:8.2f}")
        return [*shown, *(f"  {note}" for note in self.notes)]


def estimate(
    assembly: Assembly, settings: CloudSettings, *, hours: float | None = None, google: Google | None = None
) -> Estimate:
    """Estimate a run.

    Args:
        assembly: what would run.
        settings: names another table of prices, if there is one.
        hours: of training; None takes those of past runs, or the profile's guess.
        google: clients to ask for past runs and for the bytes of the query; None asks nobody.

    Raises:
        InputError: the table lacks a machine of the profile, or is not valid.
    """
    if assembly.target == "kfp":
        return Estimate((), 0.0, 0.0, "a Kubeflow server of your own: machines are yours, nothing is billed here")
    table, profile = prices(settings.prices), assembly.profile
    past = hours_of_past_runs(assembly, google) if google and hours is None else None
    basis = (
        "as given by --hours"
        if hours is not None
        else past.source
        if past
        else f"a guess of profile {assembly.profile_name}"
    )
    training = hours if hours is not None else past.hours if past else profile.hours
    tasks = loads.of(assembly, settings)
    items = tuple(_item(load, OTHER_HOURS if load.briefly else training, table) for load in tasks.known)
    basis = f"prices of {table.date}; hours: {basis}"
    scanned, unknown = _scanned(assembly, table, google)
    return Estimate(items, table.run, scanned, basis, (*tasks.notes, *unknown))


def _item(load: Load, hours: float, table: Prices) -> Item:
    rate = _rate(table, load.machine, load.accelerator, load.accelerators) * (table.spot if load.spot else 1)
    machine = load.machine + (f" + {load.accelerators} {load.accelerator}" if load.accelerator else "")
    return Item(load.what, machine + (" spot" if load.spot else ""), load.count, hours, rate * load.count * hours)


@cache
def prices(path: Path | None) -> Prices:
    """The shipped table, or another one.

    Raises:
        InputError: it cannot be read, or is not such a table.
    """
    return validate(Prices, read_yaml(path or TABLE))


def _rate(table: Prices, machine: str, accelerator: str, count: int) -> float:
    if machine not in table.machines:
        raise InputError(
            f"the prices of {table.date} lack {machine}. Next: add it to a table of your own and name that in "
            "cloud.yaml as prices"
        )
    known = machines.get(machine)
    included = not accelerator or bool(known and known.built_in)
    if not included and accelerator not in table.accelerators:
        raise InputError(
            f"the prices of {table.date} lack {accelerator}. Next: add it to accelerators in a table of your own and "
            "name that in cloud.yaml as prices"
        )
    return table.machines[machine] + (0.0 if included else table.accelerators[accelerator] * count)


def _scanned(assembly: Assembly, table: Prices, google: Google | None) -> tuple[float, list[str]]:
    """Dollars for reading the source in BigQuery, and what is not known of them."""
    if google is None:
        asked = query.source(assembly.parameters)
        return 0.0, ["not in the estimate is what BigQuery bills for the source: it was not asked"] if asked else []
    try:
        billed = query.bytes_billed(assembly.parameters, google)
    except TandemError as error:
        return 0.0, [f"not in the estimate is what BigQuery bills for the source: {error}"]
    return (billed or 0) / TIB * table.bigquery_tib, []
