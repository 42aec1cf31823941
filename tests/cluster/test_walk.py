"""The podinfo 90/10 case, walked: the split is as asked, and nobody notices a good release."""

from __future__ import annotations

from math import comb
from typing import Any

import pytest

from tests.cluster.release import METRICS, Release

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

WEIGHTS = (10, 25, 50, 75, 100)
APPROVED: dict[str, Any] = {
    "interval": "2s",
    "threshold": 2,
    "metrics": METRICS,
    "steps": [{"weight": weight, "for": "1s", "approval": True} for weight in WEIGHTS],
}
UNLIKELY = 1e-6


def within_chance(seen: int, of: int, share: float) -> bool:
    """Whether a count lies within the binomial's 1 - 10^-6 interval."""

    def chance(count: int) -> float:
        return comb(of, count) * share**count * (1 - share) ** (of - count)

    low = sum(chance(count) for count in range(seen + 1))
    high = sum(chance(count) for count in range(seen, of + 1))
    return min(low, high) > UNLIKELY / 2


def rich_routes(release: Release) -> dict[str, Any]:
    """The user's VirtualService with routes of their own before and after, retries and timeouts."""
    found = release.virtual_service
    split = found["spec"]["http"][0]
    host = split["route"][0]["destination"]["host"]
    split |= {"timeout": "10s", "retries": {"attempts": 2, "perTryTimeout": "2s"}}
    header = {
        "name": "by-header",
        "match": [{"headers": {"x-canary": {"exact": "true"}}}],
        "route": [{"destination": {"host": host, "subset": "v2"}}],
    }
    before = {
        "name": "before",
        "match": [{"uri": {"prefix": "/only-v1"}}],
        "route": [{"destination": {"host": host, "subset": "v1"}}],
    }
    found["spec"]["http"] = [before, header, split]
    path = f"/apis/networking.istio.io/v1/namespaces/{release.namespace}/virtualservices/podinfo"
    release.world.api.patch(path, {"spec": found["spec"]}, "merge")
    spec: dict[str, Any] = found["spec"]
    return spec


def without_weights(spec: dict[str, Any]) -> dict[str, Any]:
    http = [dict(route) for route in spec["http"]]
    http[-1]["route"] = [
        {key: value for key, value in destination.items() if key != "weight"}
        for destination in http[-1]["route"]
    ]
    return {**spec, "http": http}


def walk(release: Release, *, to: str, start: int) -> None:
    """Approve every step; at each, Envoy has the weight and 1,000 requests split by it."""
    for number, weight in enumerate(WEIGHTS, start=1):
        if number < start:
            continue
        release.wait_weight(weight)
        other = "v1" if to == "v2" else "v2"
        expected = {to: weight, other: 100 - weight}
        release.world.wait_weights(expected, host=release.host)
        counts = release.world.send(1000, host=release.host)
        assert not counts.failures
        seen = counts.of(f"podinfo-{to}")
        assert counts.total() == 1000
        if weight in (0, 100):
            assert seen == 10 * weight
        else:
            assert within_chance(seen, 1000, weight / 100), (seen, weight)
        release.wait_hold("ApprovalNeeded")
        release.ask("approve", step=number)


def test_a_good_release_walks_to_100_and_the_next_one_walks_back(release: Release) -> None:
    """90/10 is taken over, each weight approved, and nobody sees an error."""
    release.world.podinfo(release.namespace, host=release.host, weights=(90, 10))
    spec = rich_routes(release)
    with release.world.load(rate=50, host=release.host) as load:
        release.apply(analysis=APPROVED)
        walk(release, to="v2", start=1)
        promoted = release.wait_told("Promoted")
        assert promoted["weight"] == 100
        status = release.wait_phase("Idle")
        assert (status["primarySlot"], status["idleSlot"]) == ("v2", "v1")
        assert release.weights == (0, 100)
        release.push("6.7.2", slot="v1")
        walk(release, to="v1", start=1)
        status = release.wait(lambda s: s["primarySlot"] == "v1", "v1 to serve again")
        assert release.weights == (100, 0)
        counts = load.counts
    assert not counts.failures, counts
    assert without_weights(release.virtual_service["spec"]) == without_weights(spec)


def test_the_idle_slot_put_back_is_an_abort(release: Release) -> None:
    release.begin(analysis=APPROVED)
    with release.world.load(rate=50, host=release.host):
        release.push("6.7.3")
        release.wait_hold("ApprovalNeeded")
        assert release.weights == (90, 10)
        release.world.kubectl("-n", release.namespace, "rollout", "undo", "deployment/podinfo-v2")
        release.wait_told("Aborted")
    status = release.wait_phase("Idle")
    assert release.weights == (100, 0)
    assert "rejected" not in status
    assert release.condition("Ready")["status"] == "True"
