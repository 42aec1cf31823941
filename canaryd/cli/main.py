"""The command line."""

from __future__ import annotations

import click

from canaryd.cli.run import run


@click.group()
def main() -> None:
    """Progressive delivery for Kubernetes and Istio."""


main.add_command(run)
