"""The store: newer news wins, and only those Canaries are decided again that an object concerns."""

from __future__ import annotations

import msgspec

from canaryd.model.names import Key
from canaryd.model.status import Phase, Status
from canaryd.wire import watch
from canaryd.wire.workload import kept
from tests.runtime.fakes import (
    KEY,
    HandClock,
    canary,
    deployment,
    deployment_body,
    replica_set,
    store,
)
from tests.wire.objects import CANARY, TEMPLATED


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


def test_a_template_is_news_when_it_says_something_else_and_only_then() -> None:
    queued: list[Key] = []
    known = store(HandClock(), queued)
    known.apply(watch.CANARIES, canary())
    known.apply(watch.DEPLOYMENTS, deployment("v2", "podinfo:2"))
    body = deployment_body("v2", "podinfo:2")

    def arrives() -> list[Key]:
        body["metadata"]["resourceVersion"] += "0"
        raw = msgspec.json.encode(body)
        queued.clear()
        known.apply(watch.DEPLOYMENTS, kept(msgspec.json.decode(raw, type=watch.DeploymentObject)))
        return list(queued)

    template = body["spec"]["template"]
    template["metadata"]["creationTimestamp"] = None
    assert arrives() == []
    body["spec"]["template"] = template = dict(reversed(template.items()))
    assert arrives() == []
    template["spec"]["containers"][0]["env"] = [{"name": "LEVEL", "value": "debug"}]
    assert arrives() == [KEY]
    body["status"]["readyReplicas"] = 7
    assert arrives() == []


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


def test_a_twin_is_not_decided_again_with_every_status_of_the_other() -> None:
    queued: list[Key] = []
    known = store(HandClock(), queued)
    known.apply(watch.CANARIES, canary(Status(), version=1))
    known.apply(watch.CANARIES, canary(Status(), version=2, name="twin"))
    queued.clear()
    known.apply(watch.CANARIES, canary(Status(phase=Phase.IDLE), version=3))
    assert queued == [KEY]
    queued.clear()
    known.apply(watch.CANARIES, canary(Status(phase=Phase.IDLE), version=4))
    assert queued == []
    assert known.canaries[KEY].resource_version == "4"
    known.apply(watch.CANARIES, canary(Status(phase=Phase.IDLE), version=5, generation=2))
    assert set(queued) == {KEY, Key("demo", "twin")}


def test_the_canary_that_a_replica_set_is_taken_from_is_decided_again() -> None:
    queued: list[Key] = []
    known = store(HandClock(), queued)
    known.apply(watch.CANARIES, canary())
    known.apply(watch.REPLICASETS, replica_set("v2", "podinfo:2", revision="r2"))
    queued.clear()
    orphan = replica_set("v2", "podinfo:2", revision="r2", version=2)
    orphan.metadata.owner_references = []
    known.apply(watch.REPLICASETS, orphan)
    assert queued == [KEY]


def test_what_a_canary_is_routed_by_in_another_namespace_has_it_decided_again() -> None:
    def rule(namespace: str, version: int = 1) -> watch.DestinationRuleObject:
        meta = watch.Meta(
            name="all", namespace=namespace, uid=namespace, resource_version=str(version)
        )
        return watch.DestinationRuleObject(meta, watch.DestinationRuleSpec(host=f"v{version}"))

    queued: list[Key] = []
    known = store(HandClock(), queued)
    known.apply(watch.CANARIES, canary())
    known.concern(KEY, {KEY.namespace, "mesh"})
    known.concern(Key("demo", "unknown"), {"mesh"})
    known.apply(watch.CANARIES, canary(Status(phase=Phase.IDLE), version=2))
    queued.clear()
    known.apply(watch.DESTINATIONRULES, rule("elsewhere"))
    assert queued == []
    for version in (1, 2):
        known.apply(watch.DESTINATIONRULES, rule("mesh", version))
        assert queued == [KEY]
        queued.clear()
    known.remove(watch.DESTINATIONRULES, "mesh", "all")
    assert queued == [KEY]
    queued.clear()
    known.concern(KEY, {KEY.namespace})
    known.apply(watch.DESTINATIONRULES, rule("mesh", 3))
    assert queued == []
    known.concern(KEY, {"mesh"})
    known.remove(watch.CANARIES, *KEY)
    queued.clear()
    known.apply(watch.DESTINATIONRULES, rule("mesh", 4))
    assert queued == []


def test_a_stamp_changes_with_every_change_of_its_kind_in_its_namespace() -> None:
    known = store(HandClock())
    before = known.stamp(watch.DEPLOYMENTS, KEY.namespace)
    stamps = [before]
    for version in (1, 2):
        known.apply(watch.DEPLOYMENTS, deployment("v1", "podinfo:1", version=version))
        stamps.append(known.stamp(watch.DEPLOYMENTS, KEY.namespace))
    known.apply(watch.DEPLOYMENTS, deployment("v1", "podinfo:1", version=1))  # no news
    assert known.stamp(watch.DEPLOYMENTS, KEY.namespace) == stamps[-1]
    known.remove(watch.DEPLOYMENTS, KEY.namespace, "podinfo-v1")
    assert known.stamp(watch.DEPLOYMENTS, KEY.namespace) == before, "there is nothing, as then"
    known.replace(watch.DEPLOYMENTS, [deployment("v2", "podinfo:1")])
    stamps.append(known.stamp(watch.DEPLOYMENTS, KEY.namespace))
    assert len(set(stamps)) == len(stamps)
    assert known.stamp(watch.DEPLOYMENTS, "elsewhere") == before
    assert known.stamp(watch.SERVICES, KEY.namespace) == before


def test_an_object_that_goes_and_comes_again_has_no_stamp_that_was_seen_before() -> None:
    known, stamps = store(HandClock()), list[int]()
    for version in range(5):
        known.apply(watch.DEPLOYMENTS, deployment("v1", "podinfo:1", version=version))
        stamps.append(known.stamp(watch.DEPLOYMENTS, KEY.namespace))
        known.replace(watch.DEPLOYMENTS, [])
    assert len(set(stamps)) == 5


def test_a_template_that_is_accepted_wakes_nobody_and_one_that_is_edited_does() -> None:
    def a_template(version: int, generation: int) -> watch.TemplateObject:
        meta = {"resourceVersion": str(version), "generation": generation, "uid": "t"}
        body = {"metadata": {"name": "queue-depth", "namespace": "monitoring", **meta}}
        return msgspec.json.decode(msgspec.json.encode(body), type=watch.TemplateObject)

    queued: list[Key] = []
    known = store(HandClock(), queued)
    using = canary()
    metrics = {**CANARY, "analysis": {**CANARY["analysis"], "metrics": [TEMPLATED]}}
    using.spec = msgspec.Raw(msgspec.json.encode(metrics))
    known.apply(watch.CANARIES, using)
    known.apply(watch.TEMPLATES, a_template(2, generation=1))
    queued.clear()
    known.apply(watch.TEMPLATES, a_template(3, generation=1))
    assert queued == []
    known.apply(watch.TEMPLATES, a_template(4, generation=2))
    assert queued == [KEY]
