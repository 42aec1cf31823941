"""`canaryd wait`: follows one release to its end, and says by exit code how it ended."""

from __future__ import annotations

from datetime import timedelta

import click

from canaryd.cli.exits import Stop
from canaryd.cli.options import Where, cluster_options, example, output_option
from canaryd.cli.values import DURATION, NAME

HELP = """Follow a release to its end and print each transition.

Without an option it follows what was pushed last, also if canaryd has not seen it yet; when
nothing is newer it says how the last release ended.

\b
Exit codes:
  0  promoted
  1  error, or it serves without having been judged
  2  wrong usage
  3  rolled back or aborted
  4  timed out; the rollout goes on
  5  superseded by another push
  6  held for a person (--fail-on-hold): approval, pause, suspend, stalled
  7  no such Canary

Holds that end by themselves are waited for, also where a person may decide sooner
(DispersionUnknown, EvidenceAgainst, Environment): --timeout bounds that.
"""


@click.command(
    help=HELP,
    epilog=example(
        "kubectl set image deployment/podinfo-v2 podinfo=podinfo:6.7.0 && canaryd wait podinfo",
        "canaryd wait podinfo --image podinfo:6.7.0 --timeout 1h --fail-on-hold",
    ),
)
@click.argument("name", type=NAME)
@click.option("--image", help="Follow the release of this image, also if no slot runs it yet.")
@click.option("--revision", help="Follow the release of this revision (pod-template-hash).")
@click.option("--slot", help="Follow what this slot's Deployment holds.")
@click.option(
    "--timeout",
    type=DURATION,
    default="30m",
    show_default=True,
    help="How long to wait.",
)
@click.option("--fail-on-hold", is_flag=True, help="End when only a person can help it on.")
@output_option("text", "json")
@cluster_options
def wait(
    *,
    name: str,
    image: str | None,
    revision: str | None,
    slot: str | None,
    timeout: timedelta,
    fail_on_hold: bool,
    output: str,
    where: Where,
) -> None:
    """Follow a release to its end and print each transition."""
    from canaryd.cli.cluster import Cluster, ask
    from canaryd.cli.release import Wanted
    from canaryd.cli.teller import Teller
    from canaryd.cli.waiting import Waiting
    from canaryd.model.names import Revision, SlotName

    if image is not None and revision is not None:
        message = "--image and --revision are two ways to say the same: give one of them"
        raise click.UsageError(message)
    wanted = Wanted(
        image=image,
        revision=Revision(revision) if revision else None,
        slot=SlotName(slot) if slot else None,
    )
    teller = Teller(output)

    async def work(cluster: Cluster) -> int:
        return await Waiting(cluster, name, wanted, teller, holds_end=fail_on_hold).run(timeout)

    try:
        code = ask(where, work)
    except Stop as stop:
        teller.stop(stop)
        raise
    raise click.exceptions.Exit(code)
