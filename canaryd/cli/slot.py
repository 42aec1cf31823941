"""`canaryd slot`: tells a pipeline where the next version is to be committed."""

from __future__ import annotations

import click

from canaryd.cli.console import note, say, say_json
from canaryd.cli.exits import Stop
from canaryd.cli.options import Where, cluster_options, example, output_option
from canaryd.cli.values import NAME


@click.command(
    epilog=example(
        "canaryd slot podinfo",
        "kubectl set image deployment/$(canaryd slot podinfo --deployment) podinfo=podinfo:6.7.0",
    )
)
@click.argument("name", type=NAME)
@click.option("--deployment", is_flag=True, help="Print the name of the slot's Deployment.")
@output_option("text", "json")
@cluster_options
def slot(*, name: str, deployment: bool, output: str, where: Where) -> None:
    """Print the idle slot: where the next version is to be committed.

    With -o json: idle, primary and the idle slot's deployment.
    """
    from canaryd.cli.cluster import ask, readable

    canary = ask(where, lambda cluster: cluster.canary(name))
    spec, status = readable(canary)
    if status.idle_slot is None or status.primary_slot is None:
        message = f"canaryd has not taken over {canary.key} yet: canaryd why {name}"
        raise Stop(message)
    if all(each.name != status.idle_slot for each in spec.slots):
        message = f"{canary.key} has no slot {status.idle_slot} any more: canaryd why {name}"
        raise Stop(message)
    idle = spec.slot(status.idle_slot)
    if status.rollout is not None:
        note(f"a rollout runs in slot {idle.name}: a push there supersedes it")
    if output == "json":
        said = {"idle": idle.name, "primary": status.primary_slot, "deployment": idle.deployment}
        say_json(said)
    else:
        say(idle.deployment if deployment else idle.name)
