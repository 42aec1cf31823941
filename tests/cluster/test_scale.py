"""Many Canaries at once: what they cost, counted in the audit log and in queries; never in seconds.

The long form, with times and up to thousands of Canaries, is `python -m bench scale`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import ceil
from pathlib import Path

import pytest

from bench.scale.asked import Kind
from bench.scale.crowd import Way
from bench.scale.figures import Result, Spread
from bench.scale.requests import work
from bench.scale.scenarios import first_start, idle, release
from bench.scale.scene import Scene, scene
from tests.world.api import path_of
from tests.world.world import World

PATIENCE = 300
"""Seconds that the pods, the driver's watches, the start, the first look and a release may take."""
# Longer than all of that, quiet and cleaning up together: what was waited for is told in words.
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(6 * PATIENCE + 900)]

MANY = 200
JUDGED = 50
"""So many Canaries are judged by evidence."""
INTERVAL = 5
"""Seconds: a slow machine must get its writes done meanwhile, or more is decided, and written."""
REQUESTS = 24
"""At most so many requests of all kinds a release, on average; 25 are promised, it takes 21 to 22.
"""
TICK = 3.5
"""At most so many in a tick of a step: a weight, a status, an Event, and little besides."""
OTHERS = 0.5
"""At most so many a release that are none of these three: what meets another's write, is again."""
WEIGHTS = 6
"""10, 20, 30, 40, 50 and 100."""
NOTICES = 7
"""RolloutStarted, StepEntered five times, Promoted."""
STATUSES = 10
"""At most so many status patches a release, on average: 8 for what happens, and some slack for a
machine that does not keep up, for more is decided then."""
METRICS = 2
"""Each is asked once a slot of `INTERVAL`, as long as the release lasts."""
TOGETHER = 2
"""At least so many Canaries share a threshold query, on average, however their steps are spread."""
TILES_TOGETHER = 10
"""The same of tiles, which all end at the same instants."""
PASTS = 2
"""Queries about the past a release: requests, and their times."""
QUICKLY = {"CANARYD_WARM_UP": "PT4S", "CANARYD_WEIGHT_SETTLES": "PT1S"}


@contextmanager
def resting(world: World) -> Iterator[None]:
    """Without the parts that look at every pod and Service: the crowd has no traffic."""
    with ExitStack() as stack:
        for name in ("fleet", "prometheus"):
            world.parts[name].suspend()
            stack.callback(world.parts[name].resume)
        world.parts["mesh"].stop()
        stack.callback(world.parts["mesh"].start)
        yield


def gone(world: World, crowd: Scene) -> None:
    """Take the crowd away, and wait until nothing of it is left."""
    crowd.daemon.kill()
    crowd.crowd.delete()
    namespaces = [path_of("namespaces", "", name) for name in crowd.crowd.namespaces]
    world.wait_for(
        lambda: not any(world.api.exists(path) for path in namespaces), "the crowd to be gone", 180
    )


def played(world: World, folder: Path, count: int, way: Way) -> tuple[Result, Result, Result]:
    """A first start, half an idle minute and one release, all at the same time for all."""
    with (
        resting(world),
        scene(
            world,
            folder,
            count,
            interval=INTERVAL,
            spare=0,
            way=way,
            environment=QUICKLY,
            patience=PATIENCE,
        ) as crowd,
    ):
        try:
            return first_start(crowd), idle(crowd, STILL), release(crowd)
        finally:
            gone(world, crowd)


STILL = 30
"""Seconds in which nothing happens."""
KINDS = 10
"""So many are watched; a watch may end in that time and begin again."""
RENEWED = 5
"""Seconds: so often the lease is."""


def silent(still: Result) -> None:
    """Nothing is asked while nothing happens, but for the lease, and watches that have ended."""
    asked = Counter(still.requests)
    assert work(asked) == Counter(), asked
    assert sum(n for name, n in asked.items() if name.startswith("watch ")) <= KINDS, asked
    assert sum(n for name, n in asked.items() if " leases" in name) <= STILL / RENEWED + 2, asked
    assert still.queries == {}


def asked_little(first: Result, still: Result, released: Result) -> None:
    """What is asked of the API server is the same however Canaries are judged."""
    count = released.count
    assert first.figures["Events there"] == first.figures["Events told"] == count
    assert first.each("patch canaries/status") <= 1, first.requests
    silent(still)
    ended = released.figures["ended"]
    assert ended == count, f"{ended} of {count} releases ended within {PATIENCE} s"
    assert released.figures["promoted"] == count
    assert released.each("patch virtualservices") == WEIGHTS
    assert released.each("create events") == NOTICES
    assert released.figures["Events there"] == released.figures["Events told"] == NOTICES * count
    assert released.each("patch canaries/status") <= STATUSES, released.requests
    # A write may meet another's, and an object be read again; that is the exception.
    assert released.number("requests each") <= REQUESTS, released.requests
    three = ("patch canaries/status", "patch virtualservices", "create events")
    others = released.number("requests each") - sum(map(released.each, three))
    assert others <= OTHERS, released.requests
    assert released.number("requests per advancing tick") <= TICK, released.advancing


def test_200_canaries_are_silent_when_idle_and_a_release_of_all_takes_few_requests(
    installed: World, tmp_path: Path
) -> None:
    first, still, released = played(installed, tmp_path, MANY, Way.THRESHOLDS)
    asked_little(first, still, released)
    assert released.queries.keys() == {Kind.SUCCESS, Kind.LATENCY}
    asked = released.number("workloads asked")
    lasted = released.figures["release s"]
    assert isinstance(lasted, Spread)
    slots = ceil(lasted.most / INTERVAL) + 1
    assert asked <= METRICS * slots * MANY, f"{asked} questions in {slots} slots"
    assert sum(released.queries.values()) <= asked / TOGETHER, released.queries


def test_50_canaries_that_are_judged_by_evidence_share_their_queries(
    installed: World, tmp_path: Path
) -> None:
    first, still, released = played(installed, tmp_path, JUDGED, Way.EVIDENCE)
    asked_little(first, still, released)
    assert released.queries[Kind.PAST] == PASTS * JUDGED
    tiles = released.number("tiles each") * JUDGED
    assert released.queries[Kind.SWIFT] <= tiles / TILES_TOGETHER, released.queries
