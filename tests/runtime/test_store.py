"""The store: newer news wins, and only those Canaries are decided again that an object concerns."""

from __future__ import annotations

from canaryd.model.names import Key
from canaryd.model.status import Phase, Status
from canaryd.wire import watch
from tests.runtime.fakes import KEY, HandClock, canary, deployment, replica_set, store


def test_an_echo_that_is_older_than_our_own_write_changes_nothing() -> None:
    queued: list[Key] = []
    known = store(HandClock(), queued)
    known.apply(watch.CANARIES, canary(Status(phase=Phase.IDLE), version=7))
    queued.clear()
    known.apply(watch.CANARIES, canary(Status(), version=6))
    known.apply(watch.CANARIES, canary(Status(phase=Phase.IDLE), version=7))
    status = known.canaries[KEY].status
    assert isinstance(status, Status)
    assert status.phase is Phase.IDLE
    assert queued == []


def test_a_pod_getting_ready_enqueues_the_canary_that_its_deployment_belongs_to() -> None:
    queued: list[Key] = []
    known = store(HandClock(), queued)
    known.apply(watch.CANARIES, canary())
    queued.clear()
    known.apply(watch.REPLICASETS, replica_set("v2", "podinfo:2", revision="r2"))
    assert queued == [KEY]
    queued.clear()
    known.apply(watch.REPLICASETS, replica_set("v9", "podinfo:2", revision="r9"))
    assert queued == []


def test_a_list_without_an_object_means_that_it_is_gone() -> None:
    queued: list[Key] = []
    known = store(HandClock(), queued)
    known.replace(watch.CANARIES, [canary()])
    known.replace(watch.DEPLOYMENTS, [deployment("v1", "podinfo:1")])
    queued.clear()
    known.replace(watch.DEPLOYMENTS, [])
    assert known.get(watch.DEPLOYMENTS, KEY.namespace, "podinfo-v1") is None
    assert queued == [KEY]
    known.replace(watch.CANARIES, [])
    assert known.canaries == {}


def test_the_younger_of_two_canaries_is_decided_again_when_the_older_goes() -> None:
    queued: list[Key] = []
    known = store(HandClock(), queued)
    known.apply(watch.CANARIES, canary())
    known.apply(watch.CANARIES, canary(name="twin"))
    queued.clear()
    known.remove(watch.CANARIES, *KEY)
    assert Key("demo", "twin") in queued


def test_it_says_what_is_not_listed_yet_and_which_watch_is_silent() -> None:
    clock = HandClock()
    known = store(clock)
    assert "canaries have not been listed yet" in known.unready()
    for kind in watch.OBJECTS:
        known.replace(kind, [])
    assert known.unready() == []
    assert known.synced.is_set()
    assert known.stale() is None
    clock.seconds = 121
    stale = known.stale()
    assert stale is not None
    assert "has said nothing about canaries" in stale
    assert known.unready() == [stale]
    known.heard(watch.CANARIES)
    known.failed(watch.SERVICES, "list services is forbidden")
    assert "list services is forbidden" in known.unready()


def test_a_status_that_nobody_can_read_is_a_problem_and_no_crash() -> None:
    known = store(HandClock())
    broken = canary()
    broken.status = type(broken.status)(b'{"phase": "Dancing"}')
    known.apply(watch.CANARIES, broken)
    assert "phase" in str(known.canaries[KEY].status)
