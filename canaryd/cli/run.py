"""`canaryd run`: the daemon."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import click
from pydantic import ValidationError


@click.command(
    epilog="Example: canaryd run --kubeconfig ~/.kube/config --metrics-server http://localhost:9090"
)
@click.option("--kubeconfig", help="Kubeconfig to use; without it, the pod's service account.")
@click.option("--context", help="Context of the kubeconfig.")
@click.option("--namespace", help="canaryd's own namespace, for its lease.  [default: the pod's]")
@click.option("--metrics-server", help="Prometheus.  [default: http://prometheus:9090]")
@click.option("--data-dir", help="Where history and name are kept.  [default: canaryd-data]")
@click.option(
    "--identity", help="This daemon's name in the lease.  [default: kept in the data dir]"
)
@click.option("--listen", help="Address of /healthz, /readyz and /metrics.  [default: 0.0.0.0]")
@click.option("--port", type=int, help="Port of /healthz, /readyz and /metrics.  [default: 8080]")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
def run(**given: Any) -> None:  # noqa: ANN401 - click's options, by name
    """Run the daemon: watch Canaries, step their weights, judge, promote or roll back.

    Every option is also an environment variable (CANARYD_METRICS_SERVER, …); the waits have no
    option and stand in docs/reference/settings.md.
    """
    from canaryd.app.lean import OPTIONAL, collect_rarely, without

    with without(*OPTIONAL):
        from canaryd.adapters.log import configure
        from canaryd.app.daemon import run as run_app
        from canaryd.model.errors import CanarydError
        from canaryd.settings import Settings, wrong

    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        options = {name: f"--{name.replace('_', '-')}" for name in given}
        raise click.UsageError("; ".join(wrong(error, options=options))) from error
    configure(level=settings.log_level)
    collect_rarely()
    try:
        asyncio.run(_until_told(run_app, settings))
    except CanarydError as error:
        raise click.ClickException(str(error)) from error


async def _until_told(work: Any, settings: object) -> None:  # noqa: ANN401
    """Run until SIGTERM or SIGINT; the second one is the shell's to answer."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await work(settings, stop)
