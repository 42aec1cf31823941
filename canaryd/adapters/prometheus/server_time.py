"""Asks a metrics server what time it is there, and finds out how often it scrapes."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median_low
from typing import Any

from canaryd.adapters.prometheus.answers import (
    Series,
    Trouble,
    nonsense,
    opened,
    read,
)
from canaryd.adapters.prometheus.client import Client, Inquiry
from canaryd.adapters.prometheus.queries import string
from canaryd.adapters.prometheus.session import Reply
from canaryd.adapters.prometheus.tiles import REQUESTS, selector
from canaryd.model.answered import Answered
from canaryd.model.question import Failed, ServerTime, TileQuestion

LOOK_BACK = "5m"
MOST_SKEW = timedelta(days=1)
SLOWEST = 150
"""Seconds between scrapes, of which three must lie within the look back."""
ENOUGH, LIKE = 2, 0.1
"""So many steps between samples must be alike, up to this part: others may be gaps, as after an
outage."""


async def server_time(client: Client, sample: TileQuestion) -> ServerTime | Failed:
    """Return the server's clock minus ours, and the scrape interval of the sample's workloads.

    The interval is the middle one of the steps between the samples of one series: the one that has
    most of them, so a pod that was away or is new does not matter. Where no other step is like it
    nothing is known.
    """
    sent = client.clock.now()
    told = await client.ask(Inquiry("time()", None), _clock)
    if isinstance(told, Trouble):
        return Failed(told.reading.answered, told.reading.detail)
    skew = told - (sent + (client.clock.now() - sent) / 2)
    if abs(skew) > MOST_SKEW:
        hours = round(skew / timedelta(hours=1))
        words = f"the metrics server's clock is {hours:+,} h off canaryd's; mend one of the two"
        return Failed(Answered.UNAVAILABLE, words)
    return ServerTime(skew=skew, scrape=await _scrape(client, sample))


def _clock(reply: Reply) -> datetime | Trouble:
    """Read the answer to `time()`."""
    found = read(reply)
    if isinstance(found, Trouble):
        return found
    if len(found) != 1 or found[0].labels:
        return nonsense()
    try:
        return datetime.fromtimestamp(found[0].value, UTC)
    except (ValueError, OverflowError, OSError):
        return nonsense()


async def _scrape(client: Client, sample: TileQuestion) -> timedelta | None:
    """Measure the steps of one series; None when there is none that tells."""
    sides = [(sample.namespace, name) for name in (sample.canary, sample.primary)]
    series = f"{REQUESTS}{{{selector(sample.reporter, sides)}}}"
    busiest = f"topk(1, count_over_time({series}[{LOOK_BACK}]))"
    found = await client.ask(Inquiry(busiest, None), read)
    if isinstance(found, Trouble) or not found:
        return None
    query = f"{REQUESTS}{{{_exactly(found[0])}}}[{LOOK_BACK}]"
    steps = await client.ask(Inquiry(query, None), _steps)
    if isinstance(steps, Trouble) or not steps:
        return None
    step = median_low(steps)
    alike = sum(abs(one - step) <= LIKE * step for one in steps)
    return timedelta(seconds=round(step, 3)) if alike >= ENOUGH and step <= SLOWEST else None


def _exactly(series: Series) -> str:
    labels = {name: value for name, value in series.labels.items() if name != "__name__"}
    return ", ".join(f"{name}={string(value)}" for name, value in sorted(labels.items()))


def _steps(reply: Reply) -> list[float] | Trouble:
    """Read seconds between the samples of the series in the answer."""
    answer = opened(reply)
    if isinstance(answer, Trouble):
        return answer
    try:
        lines: Any = answer.result if answer.kind == "matrix" else []
        stamps = [float(point[0]) for line in lines[:1] for point in line["values"]]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return nonsense()
    steps = [late - early for early, late in pairwise(stamps)]
    return [step for step in steps if 0 < step < math.inf]
