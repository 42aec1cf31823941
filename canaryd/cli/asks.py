"""`canaryd approve, promote, pause, resume, abort, retry`: ask by CanaryRequest, get an answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import click

from canaryd.cli.console import say, say_object
from canaryd.cli.exits import Stop
from canaryd.cli.options import Where, cluster_options, example, output_option
from canaryd.cli.values import DURATION, NAME
from canaryd.model.decision import RequestState
from canaryd.model.snapshot import Verb

KIND_NAME = "canaryrequest.canaryd.io"


def _command(
    verb: Verb, help_text: str, *examples: str
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command that asks for this verb."""

    def made(body: Callable[..., None]) -> click.Command:
        for option in (
            cluster_options,
            output_option("text", "json", "yaml", "name"),
            click.option(
                "--timeout",
                type=DURATION,
                default="30s",
                show_default=True,
                help="How long to wait for the answer.",
            ),
            click.option("--no-wait", is_flag=True, help="Ask, and do not wait for the answer."),
            click.option("--revision", help="The revision meant. Default: the one that runs."),
            click.option("--reason", default="", help="Why, for the history and whoever is told."),
            click.argument("name", type=NAME),
        ):
            body = option(body)
        return click.command(verb.value, help=help_text, epilog=example(*examples))(body)

    return made


_ENDS = """

\b
Exit codes:
  0  done
  1  refused, or an error
  2  wrong usage
  4  no answer in time; the request stays
  7  no such Canary
"""


@_command(
    Verb.APPROVE,
    "Approve the running step, for which the rollout waits or will wait." + _ENDS,
    "canaryd approve podinfo",
    'canaryd approve podinfo --step 3 --reason "checked with support"',
)
@click.option(
    "--step", type=click.IntRange(1, 100), help="The step meant. Default: the running one."
)
def approve(**given: Any) -> None:  # noqa: ANN401 - click's options, by name
    """Approve a step."""
    _ask_for(Verb.APPROVE, **given)


@_command(
    Verb.PROMOTE,
    "Promote now: skip the remaining steps, but not readiness." + _ENDS,
    'canaryd promote podinfo --reason "hotfix, tested in staging"',
)
def promote(**given: Any) -> None:  # noqa: ANN401
    """Skip the remaining steps."""
    _ask_for(Verb.PROMOTE, **given)


@_command(
    Verb.PAUSE,
    "Pause the rollout: it is judged on and may roll back, but does not advance." + _ENDS,
    'canaryd pause podinfo --reason "looking at the logs"',
)
def pause(**given: Any) -> None:  # noqa: ANN401
    """Hold the rollout."""
    _ask_for(Verb.PAUSE, **given)


@_command(Verb.RESUME, "Resume a paused rollout." + _ENDS, "canaryd resume podinfo")
def resume(**given: Any) -> None:  # noqa: ANN401
    """Go on."""
    _ask_for(Verb.RESUME, **given)


@_command(
    Verb.ABORT,
    "Abort the rollout: all traffic goes back, the revision is rejected." + _ENDS,
    'canaryd abort podinfo --reason "wrong build"',
)
def abort(**given: Any) -> None:  # noqa: ANN401
    """Take the release back."""
    _ask_for(Verb.ABORT, **given)


@_command(
    Verb.RETRY,
    "Retry a rejected revision, from the first step." + _ENDS,
    'canaryd retry podinfo --reason "the database is back"',
)
def retry(**given: Any) -> None:  # noqa: ANN401
    """Try a rejected revision again."""
    _ask_for(Verb.RETRY, **given)


def _ask_for(
    verb: Verb,
    *,
    name: str,
    revision: str | None,
    reason: str,
    no_wait: bool,
    timeout: timedelta,
    output: str,
    where: Where,
    step: int | None = None,
) -> None:
    from canaryd.cli.cluster import Cluster, ask
    from canaryd.cli.petition import Wish, answer, create

    wish = Wish(verb, name, revision, step, reason)

    async def work(cluster: Cluster) -> dict[str, Any]:
        request = await create(cluster, wish)
        if no_wait:
            return request
        return await answer(cluster, request["metadata"]["name"], timeout)

    request = ask(where, work)
    state, message = _state(request)
    if output != "text":
        say_object(output, request, f"{KIND_NAME}/{request['metadata']['name']}")
    elif state is RequestState.DONE:
        say(f"{wish.name}: {message}")
    elif state is RequestState.PENDING:
        say(f"{KIND_NAME}/{request['metadata']['name']} created; not waiting for its answer")
    if state is RequestState.REFUSED:
        raise Stop(message)


def _state(request: dict[str, Any]) -> tuple[RequestState, str]:
    status = request.get("status") or {}
    return RequestState(status.get("state", RequestState.PENDING.value)), status.get("message", "")
