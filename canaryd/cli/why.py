"""`canaryd why`: one screen: where a Canary is, why it is not moving, and what comes next."""

from __future__ import annotations

import click

from canaryd.cli.options import Where, cluster_options, example, output_option
from canaryd.cli.values import NAME


@click.command(epilog=example("canaryd why podinfo", "canaryd why podinfo --watch"))
@click.argument("name", type=NAME)
@click.option("-w", "--watch", is_flag=True, help="Keep showing it, until Ctrl-C.")
@output_option("text", "json")
@cluster_options
def why(*, name: str, watch: bool, output: str, where: Where) -> None:
    """Say where a Canary is, why it is not moving, on what evidence, and what happens next.

    With --watch and -o json every change is one line.
    """
    from canaryd.cli.cluster import Cluster, ask
    from canaryd.cli.live import Screen

    async def work(cluster: Cluster) -> None:
        show = Screen(cluster, as_json=output == "json", watching=watch)
        if watch:
            await cluster.canary(name)  # one that is not there is no reason to wait
            await show.watch(name)
        else:
            show.take(await cluster.canary(name))

    ask(where, work)
