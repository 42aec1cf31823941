"""Options that several commands have in common; imports no client library, so that help is fast."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Any, TypeVar

import click
from typing_extensions import override

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster and namespace a command is about; None is what the kubeconfig says."""

    kubeconfig: str | None
    context: str | None
    namespace: str | None


def cluster_options(command: Command) -> Command:
    """Give a command --kubeconfig, --context and --namespace; it gets them as `where`."""

    @functools.wraps(command)
    def joined(
        *args: Any,  # noqa: ANN401 - whatever the command has
        kubeconfig: str | None,
        context: str | None,
        namespace: str | None,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return command(*args, where=Where(kubeconfig, context, namespace), **options)

    for option in (
        click.option("--context", metavar="NAME", help="Context of the kubeconfig."),
        click.option(
            "--kubeconfig",
            envvar="KUBECONFIG",
            metavar="FILE",
            help="Kubeconfig. Default: $KUBECONFIG, else ~/.kube/config, else the pod's account.",
        ),
        click.option(
            "-n",
            "--namespace",
            metavar="NAME",
            help="Namespace. Default: the context's, else default.",
        ),
    ):
        joined = option(joined)
    return joined  # type: ignore[return-value]


def canary_file_options(command: Command) -> Command:
    """Give a command that needs no cluster -f, the Canary's file, and -n, its namespace."""
    namespace = click.option(
        "-n", "--namespace", metavar="NAME", help="Namespace. Default: the file's."
    )
    file = click.option(
        "-f",
        "--file",
        required=True,
        type=click.File("r", encoding="utf-8", lazy=True),
        help="File with the Canary (- is standard input).",
    )
    return file(namespace(command))


def output_option(*forms: str) -> Callable[[Command], Command]:
    """Give a command -o with these forms; the first is the default."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        help="Form of the output.",
    )


class DurationType(click.ParamType[timedelta]):
    """A Go duration like 30s, 1m30s or 1h; or whole days, 7d."""

    name = "duration"

    @override
    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read what was given on the command line."""
        from canaryd.wire.fields import parse_duration

        if isinstance(value, timedelta):
            return value
        days = value.removesuffix("d")
        if days != value and days.isdecimal():  # people say 7d, Go does not
            return timedelta(days=int(days))
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = DurationType()


class Number(click.FloatRange):
    """A number in a range; neither infinite nor none at all."""

    @override
    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read what was given on the command line."""
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value} is no number", param, ctx)
        return number


def example(*lines: str) -> str:
    """Return an epilog that shows how the command is used."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
