"""Snapshots: the revision is Kubernetes' own, and a push is seen before it has a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from canaryd.model.names import Key, SlotName, Weight
from canaryd.model.snapshot import Problem, Routing, Snapshot, Workload
from canaryd.model.spec import Slot, Spec
from canaryd.model.urgency import Urgency
from canaryd.model.waits import Waits
from canaryd.ports import Objects
from canaryd.runtime.gather import Gatherer
from canaryd.runtime.owed import Owed
from canaryd.runtime.store import Store
from canaryd.wire import watch
from tests.runtime.fakes import KEY, HandClock, canary, deployment, replica_set, store


class Router:
    kinds: Sequence[str] = ()

    def read(
        self, objects: Objects, key: Key, spec: Spec, labels: Mapping[SlotName, Any]
    ) -> Routing | Problem:
        return Routing({slot.name: 50 for slot in spec.slots}, 100, "1")

    def forget(self, key: Key) -> None: ...

    async def set_weight(
        self,
        objects: Objects,
        key: Key,
        spec: Spec,
        slot: Slot,
        weight: Weight,
        *,
        labels: Mapping[SlotName, Mapping[str, str]],
        urgency: Urgency = Urgency.RISE,
    ) -> None:
        raise AssertionError("gathering writes nothing")


@pytest.fixture
def known() -> Store:
    known = store(HandClock())
    known.apply(watch.CANARIES, canary())
    known.apply(watch.DEPLOYMENTS, deployment("v1", "podinfo:1"))
    known.apply(watch.REPLICASETS, replica_set("v1", "podinfo:1", revision="r1"))
    known.apply(watch.DEPLOYMENTS, deployment("v2", "podinfo:2"))
    known.apply(watch.REPLICASETS, replica_set("v2", "podinfo:2", revision="r2", ready=3))
    return known


def gather(known: Store) -> Snapshot:
    snapshot = Gatherer(store=known, router=Router(), owed=Owed(), waits=Waits())(KEY)
    assert isinstance(snapshot, Snapshot)
    return snapshot


def v2(known: Store) -> Workload:
    return gather(known).workloads[SlotName("v2")]


def test_the_revision_is_the_pod_template_hash_of_the_deployments_replica_set(known: Store) -> None:
    work = v2(known)
    assert (work.revision, work.moved, work.ready) == ("r2", False, 3)
    assert work.images == {"podinfo": "podinfo:2"}


def test_a_push_is_seen_from_the_deployments_own_event_on(known: Store) -> None:
    known.apply(watch.DEPLOYMENTS, deployment("v2", "podinfo:3", version=2, generation=2))
    work = v2(known)
    assert (work.revision, work.last_revision, work.moved) == (None, "r2", True)


def test_scaling_is_no_push_and_keeps_the_revisions_name(known: Store) -> None:
    known.apply(watch.DEPLOYMENTS, deployment("v2", "podinfo:2", version=2, generation=2))
    work = v2(known)
    assert (work.revision, work.moved) == ("r2", False)


def test_a_deployment_that_is_gone_is_a_value(known: Store) -> None:
    known.remove(watch.DEPLOYMENTS, KEY.namespace, "podinfo-v2")
    assert v2(known) == Workload(name="podinfo-v2", exists=False)


def test_of_two_canaries_on_one_target_the_younger_has_a_problem(known: Store) -> None:
    known.apply(watch.CANARIES, canary(name="older", creationTimestamp="2029-01-01T00:00:00Z"))
    known.apply(watch.CANARIES, canary(version=2, creationTimestamp="2030-01-01T00:00:00Z"))
    (problem,) = gather(known).problems
    assert problem.reason == "TargetTaken"
    assert "demo/older" in problem.message


def test_a_canary_that_was_deleted_and_is_kept_by_a_finalizer_is_known_as_such(
    known: Store,
) -> None:
    assert not gather(known).deleting
    known.apply(watch.CANARIES, canary(version=2, deletionTimestamp="2030-01-01T00:00:00Z"))
    assert gather(known).deleting


def test_a_canary_that_is_gone_has_no_snapshot(known: Store) -> None:
    known.remove(watch.CANARIES, *KEY)
    assert Gatherer(store=known, router=Router(), owed=Owed(), waits=Waits())(KEY) is None
