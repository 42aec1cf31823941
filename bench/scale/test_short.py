"""Two hundred Canaries at once: what they cost, counted in the audit log; never in seconds.

The long form, with times and up to thousands of Canaries, is `python -m bench scale`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench.scale.figures import Result
from bench.scale.scenarios import first_start, idle, release
from bench.scale.scene import Scene, scene
from tests.world.api import path_of
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

MANY = 200
WEIGHTS = 6
"""10, 20, 30, 40, 50 and 100."""
NOTICES = 7
"""RolloutStarted, StepEntered five times, Promoted."""
STATUSES = 17
"""At most so many status patches a release; a step's own and what its answers say."""


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


def played(world: World, folder: Path) -> tuple[Result, Result, Result]:
    """A first start, an idle minute and one release, all at the same time for all."""
    with resting(world), scene(world, folder, MANY, interval=2, spare=0) as crowd:
        try:
            return first_start(crowd), idle(crowd), release(crowd)
        finally:
            gone(world, crowd)


def test_200_canaries_are_silent_when_idle_and_a_release_of_all_takes_few_requests(
    installed: World, tmp_path: Path
) -> None:
    """Counts alone: what is asked of the API server, never how long it takes."""
    first, still, released = played(installed, tmp_path)
    assert first.figures["Events there"] == first.figures["Events told"] == MANY
    assert first.each("patch canaries/status") <= 1
    assert still.figures["requests"] == 0, still.requests
    assert still.queries == {}
    assert released.figures["promoted"] == MANY
    assert released.each("patch virtualservices") == WEIGHTS
    assert released.each("create events") == NOTICES
    assert released.figures["Events there"] == released.figures["Events told"] == NOTICES * MANY
    assert released.each("patch canaries/status") <= STATUSES, released.requests
    # A write may meet another's, and an object be read again; that is the exception.
    assert released.number("requests each") <= WEIGHTS + NOTICES + STATUSES
