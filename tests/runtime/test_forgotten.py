"""What comes and goes, as namespaces of previews do, leaves nothing behind in memory."""

from __future__ import annotations

import gc
import sys
from types import BuiltinMethodType, FunctionType, MethodType, ModuleType

from canaryd.adapters.routers.istio_sight import Rules
from canaryd.runtime.store import Store
from canaryd.wire import watch
from tests.runtime.fakes import HandClock, canary, deployment, store

CODE = (type, ModuleType, FunctionType, MethodType, BuiltinMethodType)


def things(root: object) -> int:
    """How many objects it keeps alive, without code."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, CODE):
            seen[id(one)] = one
            waiting += gc.get_referents(one)
    return len(seen)


def a_rule(namespace: str) -> watch.DestinationRuleObject:
    meta = watch.Meta(name="all", namespace=namespace, uid=namespace, resource_version="1")
    return watch.DestinationRuleObject(meta, watch.DestinationRuleSpec(host="podinfo"))


def come_and_go(known: Store, namespace: str) -> None:
    made, served = canary(), deployment("v1", "podinfo:1")
    made.metadata.namespace = served.metadata.namespace = namespace
    known.apply(watch.DEPLOYMENTS, served)
    known.apply(watch.CANARIES, made)
    for kind in (watch.CANARIES, watch.DEPLOYMENTS):
        known.replace(kind, [])


def test_a_namespace_that_comes_and_goes_leaves_nothing_in_the_store() -> None:
    known = store(HandClock())
    come_and_go(known, "preview")
    before = things(known)
    for number in range(200):
        come_and_go(known, f"preview-{number}")
    assert things(known) - before < 20


def test_rules_of_namespaces_that_are_gone_are_not_kept_alive() -> None:
    known = store(HandClock())
    rules, made = Rules(known), [a_rule(f"preview-{number}") for number in range(1000)]
    apart = sys.getrefcount(made[0])
    for rule in made:
        known.apply(watch.DESTINATIONRULES, rule)
        assert rules.within(rule.metadata.namespace)[1]
        known.replace(watch.DESTINATIONRULES, [])
    assert sum(sys.getrefcount(made[number]) > apart for number in range(1000)) < 150


def test_rules_that_are_there_are_sorted_once_however_many_namespaces_there_are() -> None:
    known = store(HandClock())
    rules, names = Rules(known), [f"team-{number}" for number in range(300)]
    known.replace(watch.DESTINATIONRULES, [a_rule(name) for name in names])
    first = [rules.within(name) for name in names]
    assert all(rules.within(name) is known for name, known in zip(names, first, strict=True))


def test_namespaces_without_rules_leave_nothing_behind() -> None:
    known = store(HandClock())
    rules = Rules(known)
    before = things(rules)
    for number in range(1000):
        assert rules.within(f"preview-{number}") == (0, {})
    assert things(rules) - before < 20
