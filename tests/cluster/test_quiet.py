"""Idle costs nothing, busy costs little: counted in the API server's own audit log."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cluster.release import Release, canary
from tests.world.podinfo import podinfo
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

AGENT = "canaryd/"
MANY = 50


def small(namespace: str, number: int) -> list[dict[str, Any]]:
    """A copy of the case under other names, without a namespace of its own."""
    things = [thing for thing in podinfo(namespace) if thing["kind"] != "Namespace"]
    text = json.dumps([*things, canary(namespace)])
    text = text.replace("podinfo-v", f"app{number}-v").replace('"podinfo', f'"app{number}')
    made: list[dict[str, Any]] = json.loads(text)
    for thing in made:
        if thing["kind"] == "VirtualService":
            thing["spec"]["hosts"] = [f"app{number}.{namespace}.example"]
            split = thing["spec"]["http"][0]["route"]
            split[0]["weight"], split[1]["weight"] = 100, 0
    return made


@contextmanager
def without_mesh(world: World, namespace: str) -> Iterator[None]:
    """Envoy needs an inotify instance a cluster, and users have 128: it is not told of these."""
    services = f"/api/v1/namespaces/{namespace}/services"
    world.parts["mesh"].stop()
    try:
        yield
    finally:
        for service in world.api.list(services):
            world.api.delete(f"{services}/{service['metadata']['name']}")
        world.parts["mesh"].start()


def test_an_idle_minute_with_50_canaries_makes_no_request_but_watches_and_the_lease(
    release: Release,
) -> None:
    with without_mesh(release.world, release.namespace):
        assert idle_minute(release) == []


def idle_minute(release: Release) -> list[Any]:
    """Make 50 Canaries, wait until all is told, and give back what canaryd asks within a minute."""
    world = release.world
    world.apply([thing for number in range(MANY) for thing in small(release.namespace, number)])
    path = f"/apis/canaryd.io/v1beta1/namespaces/{release.namespace}/canaries"

    def idle() -> bool:
        found = world.api.list(path)
        phases = [one.get("status", {}).get("phase") for one in found]
        events = world.api.list(f"/api/v1/namespaces/{release.namespace}/events")
        told = [event for event in events if event["involvedObject"]["kind"] == "Canary"]
        return phases == ["Idle"] * MANY and len(told) == MANY

    world.wait_for(idle, f"{MANY} Canaries to be idle and told of", 120)
    mark = world.audit_mark()
    threading.Event().wait(60)  # the idle minute itself is what is looked at
    asked = [
        event
        for event in world.audit(AGENT, since=mark)
        if event.resource != "leases" and event.verb != "watch"
    ]
    for number in range(MANY):
        world.api.delete(f"{path}/app{number}")
    return asked


def test_entering_a_step_is_one_route_patch_one_status_patch_and_its_event(
    release: Release,
) -> None:
    steps = [{"weight": weight, "for": "1s", "approval": True} for weight in (10, 50)]
    analysis = {"interval": "2s", "threshold": 2, "steps": steps}
    metric = {"name": "up", "query": "vector(1)", "thresholdRange": {"max": 5}, "interval": "1s"}
    release.begin(analysis={**analysis, "metrics": [metric]})
    release.push("6.7.2")
    release.wait_hold("ApprovalNeeded")
    release.world.wait_for(lambda: len(release.events()) == 4, "the events so far")
    mark = release.world.audit_mark()
    release.ask("approve", step=1)
    release.wait_weight(50)
    release.wait_hold("ApprovalNeeded")
    release.world.wait_for(
        lambda: [e["reason"] for e in release.events()][-2:] == ["StepEntered", "HoldStarted"],
        "its events",
    )
    writes = [
        (event.verb, event.resource, event.subresource)
        for event in release.world.audit(AGENT, since=mark)
        if event.writes and event.resource != "leases"
    ]
    assert writes.count(("patch", "virtualservices", "")) == 1
    # approved and entered, answered, then the hold for the next approval
    assert writes.count(("patch", "canaries", "status")) <= 3
    assert writes.count(("patch", "canaryrequests", "status")) == 1
    told = [event["reason"] for event in release.events()]
    assert writes.count(("create", "events", "")) == len(told) - 4
