"""Least permissions are enough; one that is missing is named, where it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.release import Release
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/canaryd"


@contextmanager
def without(world: World, verb: str, resource: str) -> Iterator[None]:
    """Take one permission of canaryd's ClusterRole away for a while."""
    role = world.api.get(ROLE)
    rules = []
    for rule in role["rules"]:
        if resource not in rule.get("resources", []):
            rules.append(rule)
            continue
        others = [name for name in rule["resources"] if name != resource]
        if others:
            rules.append({**rule, "resources": others})
        rules.append(
            {
                **rule,
                "resources": [resource],
                "verbs": [allowed for allowed in rule["verbs"] if allowed != verb],
            }
        )
    world.api.patch(ROLE, {"rules": rules}, "merge")
    try:
        yield
    finally:
        world.api.patch(ROLE, {"rules": role["rules"]}, "merge")


def test_a_missing_write_permission_is_named_in_the_condition_and_mends_itself(
    release: Release,
) -> None:
    release.begin()
    with release.world.load(rate=100, host=release.host):
        with without(release.world, "patch", "virtualservices"):
            release.push("6.7.2")
            stalled = release.wait_condition("Stalled", "WriteDenied")
            assert "patch virtualservices" in stalled["message"]
            assert release.weights == (100, 0)
        release.wait_told("Promoted")
    assert release.condition("Stalled")["status"] == "False"


def test_a_missing_watch_permission_is_named_by_readyz_at_start(release: Release) -> None:
    daemon = release.daemon
    daemon.kill()
    with without(release.world, "list", "destinationrules"):
        daemon.start(wait=False)
        release.world.wait_for(
            lambda: "list destinationrules.networking.istio.io" in daemon.unready(),
            "readyz to name the permission",
        )
    daemon.wait_ready()
