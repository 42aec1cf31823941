"""What is remembered of workloads is what the objects say now, whatever changed in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from canaryd.model.names import Key, Revision
from canaryd.runtime.store import Store
from canaryd.runtime.workloads import Seen, Workloads
from canaryd.wire import watch
from tests.runtime.fakes import KEY, HandClock, deployment, replica_set, store

NAME = "podinfo-v2"


@pytest.fixture
def known() -> Store:
    known = store(HandClock())
    known.apply(watch.DEPLOYMENTS, deployment("v2", "podinfo:2"))
    known.apply(watch.REPLICASETS, replica_set("v2", "podinfo:2", revision="r2"))
    return known


def test_every_change_is_seen(known: Store) -> None:
    changes: list[Callable[[], None]] = [
        lambda: known.apply(
            watch.REPLICASETS, replica_set("v2", "podinfo:2", revision="r2", ready=0, version=2)
        ),
        lambda: known.apply(
            watch.DEPLOYMENTS, deployment("v2", "podinfo:3", version=2, generation=2)
        ),
        lambda: known.apply(
            watch.REPLICASETS, replica_set("v2", "podinfo:3", revision="r3", number=2)
        ),
        lambda: known.apply(
            watch.DEPLOYMENTS, deployment("v2", "podinfo:3", version=3, generation=2, observed=2)
        ),
        lambda: known.remove(watch.REPLICASETS, KEY.namespace, f"{NAME}-r2"),
        lambda: known.remove(watch.DEPLOYMENTS, KEY.namespace, NAME),
    ]
    old = Workloads(known)
    told: list[Seen] = []
    for change in (None, *changes):
        if change is not None:
            change()
        for judged in (None, Revision("r2"), Revision("r3")):
            now = old.look(KEY, NAME, judged)
            assert now == Workloads(known).look(KEY, NAME, judged)
            told.append(now)
    differs = [told[3 * n] != told[3 * n + 3] for n in range(len(changes))]
    assert differs == [True, True, True, True, False, True]  # a ReplicaSet without pods went


def test_what_did_not_change_is_not_worked_out_again(known: Store) -> None:
    workloads = Workloads(known)
    first = workloads.look(KEY, NAME, None)
    known.apply(watch.DEPLOYMENTS, deployment("v1", "podinfo:1"))
    assert workloads.look(KEY, NAME, None) is first


def test_two_canaries_on_one_workload_do_not_disturb_each_other(known: Store) -> None:
    workloads, other = Workloads(known), Key(KEY.namespace, "other")
    first, second = workloads.look(KEY, NAME, None), workloads.look(other, NAME, Revision("r2"))
    assert workloads.look(KEY, NAME, None) is first
    assert workloads.look(other, NAME, Revision("r2")) is second


def test_a_canary_that_is_gone_leaves_nothing_behind(known: Store) -> None:
    workloads = Workloads(known)
    first = workloads.look(KEY, NAME, None)
    workloads.forget(KEY)
    workloads.forget(KEY)
    assert workloads.look(KEY, NAME, None) is not first
