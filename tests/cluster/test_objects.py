"""Objects that do not fit together: a condition with the fix, and nothing is touched."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.release import Release, canary

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def routes(release: Release) -> str:
    return f"/apis/networking.istio.io/v1/namespaces/{release.namespace}/virtualservices/podinfo"


def stalled(release: Release, reason: str) -> dict[str, Any]:
    condition = release.wait_condition("Stalled", reason)
    assert condition["status"] == "True"
    return condition


def test_the_older_of_two_canaries_on_one_target_goes_on_and_the_younger_says_so(
    release: Release,
) -> None:
    release.begin()
    release.world.apply(canary(release.namespace, "podinfo-twin"))

    def twin() -> list[dict[str, Any]]:
        found = release.world.get("canaries", release.namespace, "podinfo-twin")
        conditions: list[dict[str, Any]] = found.get("status", {}).get("conditions", [])
        return [c for c in conditions if c["reason"] == "TargetTaken"]

    said = release.world.wait_for(twin, "the younger one to say so")
    assert f"{release.namespace}/podinfo" in said[0]["message"]
    assert release.condition("Stalled")["status"] == "False"


def test_a_missing_virtual_service_is_named(release: Release) -> None:
    release.world.podinfo(release.namespace, host=release.host, weights=(100, 0))
    release.world.api.delete(routes(release))
    release.apply()
    assert "VirtualService" in stalled(release, "VirtualServiceNotFound")["message"]


def test_an_ambiguous_route_is_not_touched(release: Release) -> None:
    release.world.podinfo(release.namespace, host=release.host, weights=(100, 0))
    spec = release.virtual_service["spec"]
    other = {**spec["http"][0], "match": [{"uri": {"prefix": "/other"}}]}
    release.world.api.patch(routes(release), {"spec": {"http": [other, spec["http"][0]]}}, "merge")
    before = release.virtual_service["metadata"]["resourceVersion"]
    release.apply()
    assert "route" in stalled(release, "RouteAmbiguous")["message"]
    assert release.virtual_service["metadata"]["resourceVersion"] == before


def test_a_missing_destination_is_named_with_the_line_to_add(release: Release) -> None:
    release.world.podinfo(release.namespace, host=release.host, weights=(100, 0))
    route = release.virtual_service["spec"]["http"][0]
    route["route"] = [{"destination": route["route"][0]["destination"]}]
    release.world.api.patch(routes(release), {"spec": {"http": [route]}}, "merge")
    release.apply()
    assert "subset: v2" in stalled(release, "DestinationMissing")["message"]


def test_subset_labels_that_match_no_pod_are_named(release: Release) -> None:
    release.world.podinfo(release.namespace, host=release.host, weights=(100, 0))
    rule = f"/apis/networking.istio.io/v1/namespaces/{release.namespace}/destinationrules/podinfo"
    subsets = [
        {"name": "v1", "labels": {"version": "v1"}},
        {"name": "v2", "labels": {"version": "two"}},
    ]
    release.world.api.patch(rule, {"spec": {"subsets": subsets}}, "merge")
    release.apply()
    message = stalled(release, "SubsetMatchesNoPod")["message"]
    assert "version" in message
    assert "two" in message
    release.world.api.patch(
        rule, {"spec": {"subsets": [subsets[0], {"name": "v2", "labels": {"version": "v2"}}]}}
    )
    release.wait(lambda status: status.get("primarySlot") == "v1", "it to go on when mended")


def test_a_missing_deployment_is_named(release: Release) -> None:
    release.world.podinfo(release.namespace, host=release.host, weights=(100, 0))
    release.world.kubectl("-n", release.namespace, "delete", "deployment", "podinfo-v2")
    release.apply()
    assert "podinfo-v2" in stalled(release, "TargetNotFound")["message"]
