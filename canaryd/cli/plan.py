"""`canaryd plan`: what to expect of a Canary's gates before its first release."""

from __future__ import annotations

from datetime import timedelta
from typing import TextIO

import click
from click.core import ParameterSource

from canaryd.cli.options import (
    Access,
    access_options,
    canary_file_options,
    example,
    output_option,
)
from canaryd.cli.values import Number, Whole


@click.command(
    epilog=example(
        "canaryd plan -f canary.yaml --metrics-server http://localhost:9090",
        "canaryd plan -f canary.yaml --rate 100 --error-rate 0.001 --pods 3",
        "canaryd plan podinfo -f canaries.yaml --rate 100     # one of several in a file",
        "canaryd plan -f canary.yaml --header 'X-Scope-OrgID: team' --bearer-token-file token",
    )
)
@canary_file_options
@click.option(
    "--metrics-server",
    metavar="URL",
    envvar="CANARYD_METRICS_SERVER",
    help="Prometheus: today's rate, errors and dispersion are taken from its last hour."
    " Default: spec.analysis.metricsServer of the Canary.",
)
@access_options
@click.option(
    "--rate", type=Number(0.01, 1_000_000, like="100"), help="Requests per second, both sides."
)
@click.option(
    "--error-rate",
    type=Number(0, 0.5, like="0.001, which is 0.1 %"),
    default=0.001,
    show_default=True,
    help="The usual fraction of requests that fail (0.001 is 0.1 %).",
)
@click.option(
    "--pods",
    type=Whole(1, 1000, like="3"),
    default=3,
    show_default=True,
    help="Pods, for the headline: made-up requests fail independently, on however many.",
)
@click.option(
    "--releases-per-day",
    type=Number(0, 100_000, like="20"),
    default=1.0,
    show_default=True,
    help="Of the whole fleet: how often is a false alarm to be expected?",
)
@click.option(
    "--rollouts",
    type=Whole(10, 10_000, like="60"),
    default=60,
    show_default=True,
    help="How many of each kind are played through.",
)
@click.option(
    "--seed", type=Whole(0, like="1"), default=1, show_default=True, help="Of the chances."
)
@output_option("text", "json")
def plan(
    *,
    name: str | None,
    file: TextIO,
    namespace: str | None,
    metrics_server: str | None,
    access: Access,
    rate: float | None,
    error_rate: float,
    pods: int,
    releases_per_day: float,
    rollouts: int,
    seed: int,
    output: str,
) -> None:
    """Say how long releases take, how soon faults are caught, and how often an alarm is false.

    Plays releases through with made-up requests that fail independently, at the rate that is given
    or that the last hour had; the canary's first 30 s count for nothing, as in a rollout. `canaryd
    backtest` does the same with the real past. NAME picks one of several Canaries in the file.
    """
    from canaryd.cli.access import server_of
    from canaryd.cli.past import fetch, read_canary
    from canaryd.cli.planning import Service, from_recording, print_plan, rehearse

    given = {name for name in ("metrics_server", "error_rate", "pods") if _is_typed(name)}
    if rate is not None and "metrics_server" in given:
        raise click.UsageError("give --rate or --metrics-server, which knows the rate, not both")
    if rate is not None and access.options:
        message = f"{' and '.join(access.options)}: not with --rate, which asks no metrics server"
        raise click.UsageError(message)
    if rate is None and (typed := sorted(given - {"metrics_server"})):
        names = " and ".join("--" + name.replace("_", "-") for name in typed)
        message = f"{names}: only with --rate; a metrics server knows it by itself"
        raise click.UsageError(message)
    wanted = read_canary(file, name, namespace)
    if rate is not None:
        service = Service(rate, error_rate, pods, None)
    elif (server := server_of(wanted.spec, metrics_server, access)) is not None:
        recording = fetch(wanted, server, span=timedelta(hours=1))
        service = from_recording(recording, wanted.spec)
    else:
        message = (
            "give --rate, like --rate 100 (requests per second), or --metrics-server, like"
            " --metrics-server http://localhost:9090, to take it from the last hour"
        )
        raise click.UsageError(message)
    found = rehearse(wanted.spec, service, rollouts=rollouts, seed=seed)
    print_plan(wanted, service, found, releases_per_day=releases_per_day, output=output)


def _is_typed(name: str) -> bool:
    """Whether the option was given on the command line: no default, no environment variable."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE
