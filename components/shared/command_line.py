"""How a command line of a component begins and ends."""

from __future__ import annotations

import os
import sys

import click

from components.shared.errors import TandemError


def run(command: click.Command, prog_name: str) -> None:
    """Run a command line; an error raised on purpose ends it with its message and its exit code."""
    # What TensorFlow has to say of its own build is no part of any answer; its warnings are still shown.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    try:
        command(prog_name=prog_name)
    except TandemError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
