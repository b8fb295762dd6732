"""``python -m pipelines``: compile graphs, list what there is to run, and hand it to a cloud."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from components.shared import command_line
from pipelines.cloud import commands
from pipelines.cloud.schedule_commands import schedule_group


@click.group(
    help="Compile pipelines, and run them on Vertex AI or a Kubeflow server.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
def main() -> None:
    pass


@main.command("compile")
@click.argument("names", nargs=-1, metavar="[PIPELINE]...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to (default: pipelines/compiled).")
@click.option("--check", is_flag=True, help="Write nothing; fail if a compiled file is stale.")
@click.option(
    "--image", "images", multiple=True, metavar="SYMBOL=IMAGE", help="Put IMAGE in place of a symbolic image."
)
@click.option("--images-lock", type=click.Path(path_type=Path), help="Take the images that `make push` wrote there.")
@click.option("--hardware", type=click.Choice(["cpu", "gpu", "tpu"]), default="cpu", help="Which image of the lock.")
def compile_command(
    names: tuple[str, ...],
    out: Path | None,
    check: bool,
    images: tuple[str, ...],
    images_lock: Path | None,
    hardware: str,
) -> None:
    """Write pipelines/compiled/PIPELINE.yaml (all pipelines when none is named)."""
    from pipelines import compilation, experiments, image_lock

    chosen = list(names) or list(experiments.PIPELINES)
    if check:
        stale = compilation.stale(chosen)
        if stale:
            click.echo(f"stale: {', '.join(stale)}. Run `make compile-pipeline` and commit the result.", err=True)
            sys.exit(1)
        click.echo(f"{len(chosen)} compiled file(s) are fresh")
        return
    locked = image_lock.read(images_lock, hardware) if images_lock else {}
    replaced = locked | dict(_pair(pair) for pair in images)
    for name in chosen:
        target = (out or experiments.COMPILED) / f"{name}.yaml"
        click.echo(str(compilation.compile_pipeline(name, target, image_names=replaced)))


def _pair(text: str) -> tuple[str, str]:
    symbol, separator, image = text.partition("=")
    if not separator:
        raise click.UsageError(f"--image {text!r}: expected SYMBOL=IMAGE")
    return symbol, image


@main.command("list")
def list_command() -> None:
    """Pipelines and the experiments shipped with them."""
    from components.shared.config import read_yaml
    from pipelines import experiments

    for name in experiments.PIPELINES:
        click.echo(name)
        for config in experiments.config_names(name):
            description = read_yaml(experiments.CONFIGS / f"{config}.yaml").data.get("description", "")
            click.echo(f"  --config {config:<20} {description}")


for command in (*commands.COMMANDS, schedule_group):
    main.add_command(command)


if __name__ == "__main__":
    command_line.run(main, "python -m pipelines")
