"""`canaryd backtest`: what the gates would have said of releases that were never made."""

from __future__ import annotations

from datetime import timedelta
from typing import TextIO

import click

from canaryd.cli.options import (
    Access,
    access_options,
    canary_file_options,
    example,
    output_option,
)
from canaryd.cli.values import DurationType, Whole

LOCAL = "http://localhost:9090"
"""Asked when neither the command line nor the Canary names a server."""


@click.command(
    epilog=example(
        "canaryd backtest -f canary.yaml --metrics-server http://localhost:9090 --last 7d",
        "canaryd backtest -f canary.yaml --last 24h -o json",
        "canaryd backtest -f canary.yaml --username ann --password-file password --ca-file ca.crt",
    )
)
@canary_file_options
@click.option(
    "--metrics-server",
    metavar="URL",
    envvar="CANARYD_METRICS_SERVER",
    help="Prometheus, or what speaks its API. Default: spec.analysis.metricsServer of the Canary,"
    f" else {LOCAL}.",
)
@access_options
@click.option(
    "--last",
    type=DurationType("1h", "366d"),
    default="24h",
    show_default=True,
    help="How much of the past.",
)
@click.option(
    "--every",
    type=DurationType("1s", "7d"),
    default="30m",
    show_default=True,
    help="How far apart the releases begin.",
)
@click.option(
    "--seed", type=Whole(0, like="1"), default=1, show_default=True, help="Of the faults' chances."
)
@output_option("text", "json")
def backtest(
    *,
    name: str | None,
    file: TextIO,
    namespace: str | None,
    metrics_server: str | None,
    access: Access,
    last: timedelta,
    every: timedelta,
    seed: int,
    output: str,
) -> None:
    """Replay the gates over the past of a Canary's workload, without a cluster.

    Some of its pods play the canary, so many as come nearest to each step's weight, with so many
    of the requests as make it exact. Nothing was wrong with them, so whatever would have been
    rolled back is a false alarm. Then part of their requests are made to fail, 2, 5 and 10 times
    as many as usual, to see how soon that is caught. Only errors are made worse; latency is judged
    as it was. The server is asked an hour of the past at a time; a week takes minutes. NAME
    picks one of several Canaries in the file.
    """
    from canaryd.cli.access import server_of
    from canaryd.cli.past import fetch, read_canary
    from canaryd.cli.replaying import Replay
    from canaryd.cli.report import print_backtest

    wanted = read_canary(file, name, namespace)
    server = server_of(wanted.spec, metrics_server, access, otherwise=LOCAL)
    recording = fetch(wanted, server, span=last)
    report = Replay(wanted.spec, recording, every=every, seed=seed).run()
    print_backtest(wanted, report, output)
