"""The ``doctor`` command."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON object in place of lines.")
@click.option(
    "--root", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of the run store."
)
def doctor_command(as_json: bool, root: Path) -> None:
    """Show what this machine has, what is wrong, and what to type. Exit code 1 if there is a problem."""
    from local_runner.doctor.checks import examine
    from local_runner.doctor.surroundings import Surroundings

    findings = examine(Surroundings.here(root))
    counts = {level: sum(found.level == level for found in findings) for level in ("problem", "warning", "ok")}
    if as_json:
        click.echo(json.dumps({"findings": [asdict(found) for found in findings], "counts": counts}, indent=1))
    else:
        click.echo("\n".join(line for found in findings for line in found.lines()))
        click.echo(f"\n{counts['problem']} problem(s), {counts['warning']} warning(s)")
    sys.exit(1 if counts["problem"] else 0)
