"""`canaryd backtest`: what the gates would have said of releases that were never made."""

from __future__ import annotations

from datetime import timedelta
from typing import TextIO

import click

from canaryd.cli.options import DURATION, canary_file_options, example, output_option


@click.command(
    epilog=example(
        "canaryd backtest -f canary.yaml --metrics-server http://localhost:9090 --last 7d",
        "canaryd backtest -f canary.yaml --last 24h -o json",
    )
)
@canary_file_options
@click.option(
    "--metrics-server",
    default="http://localhost:9090",
    envvar="CANARYD_METRICS_SERVER",
    show_default=True,
    help="Prometheus, or what speaks its API.",
)
@click.option(
    "--last", type=DURATION, default="24h", show_default=True, help="How much of the past."
)
@click.option(
    "--every",
    type=DURATION,
    default="30m",
    show_default=True,
    help="How far apart the releases begin.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the faults' chances.")
@output_option("text", "json")
def backtest(
    *,
    file: TextIO,
    namespace: str | None,
    metrics_server: str,
    last: timedelta,
    every: timedelta,
    seed: int,
    output: str,
) -> None:
    """Replay the gates over the past of a Canary's workload, without a cluster.

    Some of its pods play the canary. Nothing was wrong with them, so whatever would have been
    rolled back is a false alarm. Then part of their requests are made to fail, 2, 5 and 10 times
    as many as usual, to see how soon that is caught. Only errors are made worse; latency is judged
    as it was. The server is asked an hour of the past at a time; a week takes minutes.
    """
    from canaryd.cli.past import fetch, read_canary
    from canaryd.cli.replaying import Replay
    from canaryd.cli.report import print_backtest

    wanted = read_canary(file, namespace)
    recording = fetch(wanted, metrics_server, span=last)
    report = Replay(wanted.spec, recording, every=every, seed=seed).run()
    print_backtest(wanted, report, output)
