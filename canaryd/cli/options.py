"""Options that several commands have in common; imports no client library, so that help is fast."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click
from typing_extensions import override

from canaryd.cli.values import NAME, NAMESPACE

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
            type=NAMESPACE,
            metavar="NAME",
            help="Namespace. Default: the context's, else default.",
        ),
    ):
        joined = option(joined)
    return joined  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Access:
    """What a metrics server is given to let a command in; None: nothing of that kind.

    Logins are files, not values: a command line can be read by everybody on the machine.
    """

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    bearer_token_file: str | None = None
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """The options that were given, as they are written."""
        given = {
            "--header": self.headers,
            "--bearer-token-file": self.bearer_token_file,
            "--username": self.username,
            "--password-file": self.password_file,
            "--ca-file": self.ca_file,
        }
        return tuple(name for name, value in given.items() if value not in {None, ()})

    def check(self) -> None:
        """Raise UsageError where options do not go together."""
        named = self.username is not None or self.password_file is not None
        if self.bearer_token_file is not None and named:
            message = "--bearer-token-file, or --username with --password-file: one login, not both"
            raise click.UsageError(message)
        if self.username == "":
            raise click.UsageError("--username is empty: give a name, or leave it out")
        if (self.username is None) != (self.password_file is None):
            there, missing = "--username", "--password-file FILE"
            if self.username is None:
                there, missing = "--password-file", "--username NAME"
            message = f"{there} alone is no login: give {missing} as well"
            raise click.UsageError(message)


class HeaderType(click.ParamType[tuple[str, str]]):
    """A header, `NAME: VALUE`. Its value is not shown when something is wrong with it."""

    name = "header"

    @override
    def convert(
        self,
        value: str | tuple[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        """Read what was given on the command line."""
        if isinstance(value, tuple):
            return value
        name, colon, content = (part.strip() for part in value.partition(":"))
        if not (name and colon and content):
            self.fail("a header is a name, a colon and a value, like 'X-Scope-OrgID: team'")
        return name, content


def access_options(command: Command) -> Command:
    """Give a command that asks a metrics server its headers and login; it gets them as `access`."""

    @functools.wraps(command)
    def joined(
        *args: Any,  # noqa: ANN401 - whatever the command has
        headers: tuple[tuple[str, str], ...],
        bearer_token_file: str | None,
        username: str | None,
        password_file: str | None,
        ca_file: str | None,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        access = Access(headers, bearer_token_file, username, password_file, ca_file)
        access.check()
        return command(*args, access=access, **options)

    file = click.Path(exists=True, dir_okay=False)
    for option in (
        click.option(
            "--ca-file",
            type=file,
            help="Who may have signed the metrics server's certificate (PEM), and nobody else."
            " Default: as the system trusts.",
        ),
        click.option(
            "--password-file",
            type=file,
            help="File with the password of --username, without the end of its last line. Blanks"
            " count; the daemon drops those around a password in a Secret.",
        ),
        click.option("--username", metavar="NAME", help="Login by name and password."),
        click.option("--bearer-token-file", type=file, help="Login by the token in this file."),
        click.option(
            "--header",
            "headers",
            type=HeaderType(),
            multiple=True,
            metavar="'NAME: VALUE'",
            help="Sent to the metrics server with each query, like a tenant; may be repeated.",
        ),
    ):
        joined = option(joined)
    return joined  # type: ignore[return-value]


def canary_file_options(command: Command) -> Command:
    """Give a command that needs no cluster -f, the Canary's file, and its NAME and namespace."""
    namespace = click.option(
        "-n",
        "--namespace",
        type=NAMESPACE,
        metavar="NAME",
        help="Namespace. Default: the file's.",
    )
    file = click.option(
        "-f",
        "--file",
        required=True,
        type=click.File("r", encoding="utf-8", lazy=True),
        help="File with the Canary (- is standard input).",
    )
    return click.argument("name", type=NAME, required=False)(file(namespace(command)))


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


def example(*lines: str) -> str:
    """Return an epilog that shows how the command is used."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
