"""Writes docs/reference/cli.md from what the commands say of themselves.

python -m tests.cli.reference > docs/reference/cli.md
"""

from __future__ import annotations

from pathlib import Path

import click
from click.testing import CliRunner

from canaryd.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"

INTRODUCTION = """# The commands

Written by `python -m tests.cli.reference`; edit the commands instead.

Commands talk to the API server as you, through your kubeconfig; in a pod without one, as the pod.
They need to read `canaries` (and `wait`, to follow a push that canaryd has not seen, `deployments`
and `replicasets`); to ask for something they create `canaryrequests`. `NO_COLOR` switches colours
off.
"""


def help_of(*command: str) -> str:
    """What `canaryd COMMAND --help` prints, 80 columns wide."""
    result = CliRunner().invoke(
        main, [*command, "--help"], prog_name="canaryd", terminal_width=80, catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def commands() -> list[str]:
    """All commands, in their order."""
    return main.list_commands(click.Context(main))


def reference() -> str:
    """The whole page."""
    parts = [INTRODUCTION, f"```\n{help_of()}```\n"]
    parts += [f"## canaryd {name}\n\n```\n{help_of(name)}```\n" for name in commands()]
    return "\n".join(parts)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
