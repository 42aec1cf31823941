"""The command line's root; a command's module is imported only when that command is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePath
from typing import Any

import click
from typing_extensions import override

from canaryd.cli.exits import Code
from canaryd.cli.options import example


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is found, and its line in the list of commands."""

    module: str
    line: str

    @property
    def path(self) -> str:
        """The module's whole name."""
        return f"canaryd.cli.{self.module}"


COMMANDS = {
    "get": Entry("get", "List Canaries: phase, weight, step, hold and revision."),
    "why": Entry("why", "Say where a Canary is, why it is not moving, and what comes next."),
    "wait": Entry("wait", "Follow a release to its end and print each transition."),
    "approve": Entry("asks", "Approve the running step."),
    "promote": Entry("asks", "Promote now, without the remaining steps."),
    "pause": Entry("asks", "Pause the rollout."),
    "resume": Entry("asks", "Resume a paused rollout."),
    "abort": Entry("asks", "Abort the rollout: all traffic goes back."),
    "retry": Entry("asks", "Retry a rejected revision."),
    "slot": Entry("slot", "Print the idle slot: where the next version is to be committed."),
    "plan": Entry("plan", "Say what to expect of a Canary's gates, from today's requests."),
    "backtest": Entry("backtest", "Replay a Canary's gates over the past of its workload."),
    "lint": Entry("schema", "Check Canary files without a cluster."),
    "crds": Entry("schema", "Print the CustomResourceDefinitions."),
    "run": Entry("run", "Run the daemon."),
    "demo": Entry("demo", "Show a good release and a bad one, live."),
}
"""In the order in which they are listed: looking, deciding, trying out, writing, running."""
PLUGIN = "kubectl-canary"


class Lazy(click.Group):
    """Imports a command when it is asked for, so that `--help` and completion are fast."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in their order; one that is not built in is not there."""
        return [name for name, entry in COMMANDS.items() if find_spec(entry.path)]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None or find_spec(entry.path) is None:
            return None
        found: click.Command = getattr(import_module(entry.path), cmd_name)
        return found

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].line) for name in self.list_commands(ctx)])

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl-C ends any of them quietly, with the code that shells know."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(Code.INTERRUPTED) from None

    @override
    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run; one variable for completion, whatever the program is called."""
        return super().main(
            args,
            prog_name or _program(),
            complete_var or "_CANARYD_COMPLETE",
            standalone_mode,
            **extra,
        )


def _program() -> str:
    return "kubectl canary" if PurePath(sys.argv[0]).name == PLUGIN else "canaryd"


@click.command(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=example(
        "canaryd get -A",
        "canaryd why podinfo",
        "canaryd wait podinfo --timeout 1h",
        'eval "$(_CANARYD_COMPLETE=bash_source canaryd)"     # completion: bash, zsh or fish',
    ),
)
@click.version_option(package_name="canaryd", message="canaryd %(version)s")
def main() -> None:
    """Progressive delivery for Kubernetes and Istio.

    A new version gets requests step by step, is judged by its metrics on the way, and is taken
    back when it is worse. Linked as kubectl-canary it is also `kubectl canary`.
    """


if __name__ == "__main__":
    main()
