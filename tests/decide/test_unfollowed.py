"""Why requests do not follow the weight, by what is known: the likeliest cause, and the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryd.decide.share import share_interval
from canaryd.decide.unfollowed import Facts, causes, probably
from canaryd.model.evidence import Tally
from canaryd.model.gates import Reporter
from canaryd.model.names import Weight
from canaryd.model.spec import Slot
from tests.decide.build import CANARY, PRIMARY, V2

WITH_PROXY = {"podinfo": "podinfo:2", "istio-proxy": "proxyv2:1"}
INJECT, REV = "sidecar.istio.io/inject", "istio.io/rev"
PINNED = "http[0] of VirtualService demo/podinfo leads to slot v1 only"


def facts(got: float, other: float, **changes: Any) -> Facts:
    """Three pods each, alike; the weight is 10 %, and before it none."""
    base = Facts(
        canary=CANARY,
        primary=PRIMARY,
        slot=Slot(V2, "podinfo-v2", "v2"),
        seen=Tally(canary=got, primary=other),
        between=share_interval(got, got + other),
        before=0.0,
        weight=Weight(10),
        route="podinfo",
        canary_labels={"app": "podinfo", "version": "v2"},
        primary_labels={"app": "podinfo", "version": "v1"},
    )
    return replace(base, **changes)


FROZEN, ASIDE, UNREADY = (
    "istiod does not push",
    "the callers' proxies have put",
    "its Service knows",
)
BARE, MTLS, PAST = "its pods have no sidecar", "its pods refuse", "requests pass VirtualService"
SPREAD, PARTLY = "a Service spreads", "some of the callers' proxies do not get"
UNCOUNTED = "nobody counts what podinfo-v1 gets"

RANKED: dict[str, tuple[Facts, list[str]]] = {
    "nothing, in the first step, and the templates ask alike": (
        facts(0, 1000),
        [FROZEN, MTLS, BARE],
    ),
    "nothing, in the first step, and no labels are known": (
        facts(0, 1000, canary_labels=None, primary_labels=None),
        [BARE, MTLS, FROZEN],
    ),
    "nothing, in the first step, and one side's labels are known": (
        facts(0, 1000, primary_labels=None),
        [BARE, MTLS, FROZEN],
    ),
    "nothing, and some before": (facts(0, 1000, before=0.1), [MTLS, BARE, FROZEN]),
    "nothing, and some before, and no labels are known": (
        facts(0, 1000, before=0.1, canary_labels=None),
        [BARE, MTLS, FROZEN],
    ),
    "nothing of so few that some before is no contradiction": (
        facts(0, 60, before=0.1, weight=Weight(50)),
        [FROZEN, MTLS, BARE],
    ),
    "nothing any more": (facts(0, 1000, before=0.1, answered=40), [ASIDE, FROZEN]),
    "nothing any more, of few": (facts(0, 60, before=0.1, answered=40), [ASIDE, FROZEN]),
    "nothing any more, in the first step": (facts(0, 1000, answered=40), [ASIDE, FROZEN]),
    "half a request some time": (facts(0, 1000, answered=0.4), [FROZEN, MTLS]),
    "no pod is ready": (
        facts(0, 1000, canary=replace(CANARY, ready=0)),
        [UNREADY, FROZEN, MTLS, BARE],
    ),
    "none of the new pods is ready, and old ones serve": (
        facts(0, 1000, canary=replace(CANARY, ready=0, serving=2)),
        [FROZEN, MTLS, BARE],
    ),
    "no pod of any revision is ready": (
        facts(0, 1000, canary=replace(CANARY, ready=0, serving=0)),
        [UNREADY, FROZEN, MTLS, BARE],
    ),
    "there are to be no pods": (
        facts(0, 1000, canary=replace(CANARY, replicas=0, ready=0)),
        ["nothing of it runs", FROZEN, MTLS, BARE],
    ),
    "a sidecar is refused": (
        facts(0, 1000, canary_labels={INJECT: "false"}),
        [BARE, MTLS, FROZEN],
    ),
    "a sidecar is refused on both sides": (
        facts(0, 1000, canary_labels={INJECT: "false"}, primary_labels={INJECT: "false"}),
        [BARE, MTLS, FROZEN],
    ),
    "a sidecar is asked for on the other side": (
        facts(0, 1000, primary_labels={INJECT: "true"}),
        [BARE, MTLS, FROZEN],
    ),
    "a sidecar is refused on the other side": (
        facts(0, 1000, primary_labels={INJECT: "false"}),
        [BARE, MTLS, FROZEN],
    ),
    "a sidecar of another revision": (
        facts(0, 1000, canary_labels={REV: "1-20"}, primary_labels={REV: "1-22"}),
        [FROZEN, MTLS, BARE],
    ),
    "one side asks for a sidecar, and the other for one of a revision": (
        facts(0, 1000, canary_labels={INJECT: "true"}, primary_labels={REV: "stable"}),
        [FROZEN, MTLS, BARE],
    ),
    "one asks for a sidecar where the other's template has it": (
        facts(
            0,
            1000,
            canary_labels={INJECT: "true"},
            primary=replace(PRIMARY, images=WITH_PROXY),
        ),
        [FROZEN, MTLS, BARE],
    ),
    "both ask for a sidecar": (
        facts(0, 1000, canary_labels={INJECT: "true"}, primary_labels={INJECT: "true"}),
        [FROZEN, MTLS, BARE],
    ),
    "only the canary asks for one": (
        facts(0, 1000, canary_labels={INJECT: "true"}, primary_labels={INJECT: "false"}),
        [FROZEN, MTLS, BARE],
    ),
    "only the primary's template has one": (
        facts(0, 1000, primary=replace(PRIMARY, images=WITH_PROXY)),
        [BARE, MTLS, FROZEN],
    ),
    "the canary's template has one": (
        facts(0, 1000, canary=replace(CANARY, images=WITH_PROXY), canary_labels={INJECT: "false"}),
        [FROZEN, MTLS],
    ),
    "it is the callers' proxies that count": (
        facts(0, 1000, reporter=Reporter.SOURCE, canary_labels={INJECT: "false"}),
        [FROZEN, MTLS],
    ),
    "nothing, and another way is known": (
        facts(0, 1000, ways=(PINNED,)),
        [FROZEN, MTLS, BARE, PAST],
    ),
    "as much as before": (facts(100, 900, before=0.1, weight=Weight(50)), [FROZEN, PAST]),
    "as many as its pods": (facts(500, 500), [SPREAD, PAST]),
    "as before, and as its pods": (facts(500, 500, before=0.5), [FROZEN, SPREAD, PAST]),
    "between before and now": (facts(150, 850, before=0.1, weight=Weight(50)), [PARTLY, PAST]),
    "too many, not as before or its pods": (facts(800, 200), [PAST]),
    "too few, and a way is known": (
        facts(150, 850, before=0.1, weight=Weight(50), ways=(PINNED,)),
        [PAST, PARTLY],
    ),
    "the primary gets none": (facts(1000, 0), [UNCOUNTED, PAST]),
    "nobody of the primary is ready": (
        facts(1000, 0, primary=replace(PRIMARY, ready=0)),
        [UNCOUNTED, PAST],
    ),
}


@pytest.mark.parametrize(("known", "named"), RANKED.values(), ids=RANKED)
def test_the_likeliest_cause_comes_first(known: Facts, named: list[str]) -> None:
    found = [cause.what for cause in causes(known)]
    assert len(found) == len(named)
    for what, begins in zip(found, named, strict=True):
        assert what.startswith(begins)


SAID: dict[str, tuple[Facts, str]] = {
    "nothing speaks for one cause": (
        facts(0, 1000),
        "perhaps istiod does not push, or the callers' proxies refuse what it pushes; look at "
        "istioctl proxy-status, and at istiod's log for VirtualService podinfo; or else its pods "
        "refuse the callers' mTLS, or its pods have no sidecar, so that nobody counts what they "
        "get; known to be right: its pods (all 3 are ready) and their labels (subset v2 selects "
        "them, and on sidecars they say what podinfo-v1's say)",
    ),
    "nothing, of few": (
        facts(0, 60, before=0.1, weight=Weight(50)),
        "perhaps istiod does not push, or the callers' proxies refuse what it pushes; look at",
    ),
    "a sidecar is refused": (
        facts(0, 1000, canary_labels={INJECT: "false"}),
        "probably its pods have no sidecar, so that nobody counts what they get, because they have "
        "the label sidecar.istio.io/inject: false; look at the containers of the pods of "
        "Deployment podinfo-v2: istio-proxy must be one; less likely its pods refuse the callers' "
        "mTLS, or istiod does not push, or the callers' proxies refuse what it pushes; known to be "
        "right: its pods (all 3 are ready) and their labels (subset v2 selects them)",
    ),
    "another revision injects": (
        facts(0, 1000, canary_labels={REV: "1-20"}, primary_labels={REV: "1-22"}),
        "or else its pods refuse the callers' mTLS, or its pods have no sidecar (if revision 1-20 "
        "has no injector), so that nobody counts what they get; known to be right",
    ),
    "nothing injects": (
        facts(0, 1000, primary_labels={INJECT: "true"}),
        "because podinfo-v1's have the label sidecar.istio.io/inject: true, and theirs do not;",
    ),
    "the primary's template has it": (
        facts(0, 1000, primary=replace(PRIMARY, images=WITH_PROXY)),
        "because the template of podinfo-v1 has the container istio-proxy, and theirs does not; "
        "look at",
    ),
    "nothing any more": (
        facts(0, 1000, before=0.1, answered=1234, slot=Slot(V2, "podinfo-v2")),
        "probably the callers' proxies have put its pods aside (outlierDetection), or do not know "
        "the pods that it has now, because it answered 1,234 requests earlier in this rollout; "
        "look at istioctl proxy-config endpoints of a caller, for podinfo-v2; less likely istiod "
        "does not push, or the callers' proxies refuse what it pushes; known to be right: its pods "
        "(all 3 are ready) and their labels (its Service selects them)",
    ),
    "one request, and no more": (
        facts(0, 1000, answered=1.2),
        "because it answered 1 request earlier in this rollout; look at",
    ),
    "the callers counted some": (
        facts(0, 1000, answered=40, reporter=Reporter.SOURCE),
        "because 40 requests to it were counted earlier in this rollout; look at",
    ),
    "no pod is ready": (
        facts(0, 1000, canary=replace(CANARY, ready=0), answered=9),
        "probably its Service knows no pod of it, because none of 3 is ready; look at the pods of "
        "Deployment podinfo-v2; less likely the callers' proxies have put its pods aside "
        "(outlierDetection), or do not know the pods that it has now, or istiod does not push, or "
        "the callers' proxies refuse what it pushes",
    ),
    "there are to be no pods": (
        facts(0, 1000, canary=replace(CANARY, replicas=0, ready=0)),
        "probably nothing of it runs, because Deployment podinfo-v2 has no replicas; look at what "
        "set its spec.replicas to 0; less likely",
    ),
    "one pod, which is ready": (
        facts(0, 1000, canary=replace(CANARY, replicas=1, ready=1)),
        "; known to be right: its pods (the only one is ready) and their labels (",
    ),
    "not all pods are ready": (
        facts(0, 1000, canary=replace(CANARY, ready=1)),
        "; not all of its pods are ready (1 of 3, in its current revision); known to be right: "
        "their labels (subset v2 selects them",
    ),
    "another way is known": (
        facts(300, 700, weight=Weight(80), before=0.6, ways=(PINNED,)),
        "probably requests pass VirtualService podinfo by (another host, gateway or route, or "
        f"callers without a sidecar), because {PINNED}; look at istioctl proxy-config routes of a "
        "caller",
    ),
    "more ways than one are known": (
        facts(300, 700, weight=Weight(80), before=0.6, ways=(PINNED, "a", "b")),
        f"because {PINNED}, and 2 more; look at",
    ),
    "no way is known, and nothing else fits": (facts(800, 200), "probably requests pass Virtual"),
    "as much as before": (
        facts(100, 900, before=0.1, weight=Weight(50)),
        "because that is, within chance, the weight of the step before (10 %); look at",
    ),
    "as many as its pods": (
        facts(500, 500),
        "because that is, within chance, its share of the ready pods (3 of 6); look at",
    ),
    "between before and now": (
        facts(150, 850, before=0.1, weight=Weight(50)),
        "because the share lies between the weight of the step before (10 %) and this one's; look "
        "at istioctl proxy-status, and at istiod's log for VirtualService podinfo; less likely "
        "requests pass",
    ),
    "the primary gets none": (
        facts(1000, 0),
        "probably nobody counts what podinfo-v1 gets, or its pods cannot be reached, because not "
        "one request to it was counted; look at the pods of Deployment podinfo-v1, and whether "
        "they have a sidecar; less likely",
    ),
}


@pytest.mark.parametrize(("known", "words"), SAID.values(), ids=SAID)
def test_it_says_why_and_where_to_look_and_what_is_right(known: Facts, words: str) -> None:
    assert words in probably(known)


def test_a_share_that_every_cause_would_give_is_no_reason() -> None:
    for known in (facts(0, 1000), facts(0, 60, before=0.1, weight=Weight(50))):
        assert "because" not in probably(known)


def test_nothing_is_called_right_of_pods_that_are_not_there() -> None:
    for replicas in (0, 3):
        gone = replace(CANARY, replicas=replicas, ready=0)
        assert "known to be right" not in probably(facts(0, 1000, canary=gone))
