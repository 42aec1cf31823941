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
    "nothing, as before": (facts(0, 1000), [FROZEN, BARE, MTLS]),
    "nothing, and some before": (facts(0, 1000, before=0.1), [BARE, MTLS, FROZEN]),
    "nothing any more": (facts(0, 1000, before=0.1, answered=40), [ASIDE, FROZEN]),
    "nothing, as before, though it had some": (facts(0, 1000, answered=40), [FROZEN, ASIDE]),
    "no pod is ready": (
        facts(0, 1000, canary=replace(CANARY, ready=0)),
        [UNREADY, FROZEN, BARE, MTLS],
    ),
    "a sidecar is refused": (
        facts(0, 1000, canary_labels={INJECT: "false"}),
        [BARE, FROZEN, MTLS],
    ),
    "a sidecar is asked for on the other side": (
        facts(0, 1000, primary_labels={INJECT: "true"}),
        [BARE, FROZEN, MTLS],
    ),
    "a sidecar of another revision": (
        facts(0, 1000, canary_labels={REV: "1-20"}, primary_labels={REV: "1-22"}),
        [BARE, FROZEN, MTLS],
    ),
    "both ask for a sidecar": (
        facts(0, 1000, canary_labels={INJECT: "true"}, primary_labels={INJECT: "true"}),
        [FROZEN, BARE, MTLS],
    ),
    "only the canary asks for one": (
        facts(0, 1000, canary_labels={INJECT: "true"}, primary_labels={INJECT: "false"}),
        [FROZEN, BARE, MTLS],
    ),
    "only the primary's template has one": (
        facts(0, 1000, primary=replace(PRIMARY, images=WITH_PROXY)),
        [BARE, FROZEN, MTLS],
    ),
    "the canary's template has one": (
        facts(0, 1000, canary=replace(CANARY, images=WITH_PROXY), canary_labels={INJECT: "false"}),
        [FROZEN, MTLS],
    ),
    "it is the callers' proxies that count": (
        facts(0, 1000, reporter=Reporter.SOURCE, canary_labels={INJECT: "false"}),
        [FROZEN, MTLS],
    ),
    "no labels are known": (
        facts(0, 1000, canary_labels=None, primary_labels=None),
        [FROZEN, BARE, MTLS],
    ),
    "nothing, and another way is known": (
        facts(0, 1000, ways=(PINNED,)),
        [FROZEN, BARE, MTLS, PAST],
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


@pytest.mark.parametrize(("known", "whats"), RANKED.values(), ids=RANKED)
def test_the_likeliest_cause_comes_first(known: Facts, whats: list[str]) -> None:
    found = [cause.what for cause in causes(known)]
    assert len(found) == len(whats)
    for what, begins in zip(found, whats, strict=True):
        assert what.startswith(begins)


SAID: dict[str, tuple[Facts, str]] = {
    "a sidecar is refused": (
        facts(0, 1000, canary_labels={INJECT: "false"}),
        "probably its pods have no sidecar, so that nobody counts what they get, because they have "
        "the label sidecar.istio.io/inject: false; look at the containers of the pods of "
        "Deployment podinfo-v2: istio-proxy must be one; less likely istiod does not push, or the "
        "callers' proxies refuse what it pushes, or its pods refuse the callers' mTLS; known to be "
        "right: its pods (3 of 3 are ready) and their labels (subset v2 selects them)",
    ),
    "another revision injects": (
        facts(0, 1000, canary_labels={REV: "1-20"}, primary_labels={REV: "1-22"}),
        "because podinfo-v1's have the label istio.io/rev: 1-22, and they have it as 1-20; look",
    ),
    "nothing injects": (
        facts(0, 1000, primary_labels={INJECT: "true"}),
        "because podinfo-v1's have the label sidecar.istio.io/inject: true, and they have it not;",
    ),
    "the primary's template has it": (
        facts(0, 1000, primary=replace(PRIMARY, images=WITH_PROXY)),
        "because the template of podinfo-v1 has the container istio-proxy, theirs has not; look at",
    ),
    "nothing any more": (
        facts(0, 1000, before=0.1, answered=1234, slot=Slot(V2, "podinfo-v2")),
        "probably the callers' proxies have put its pods aside (outlierDetection), or do not know "
        "the pods that it has now, because it answered 1,234 requests earlier in this rollout; "
        "look at istioctl proxy-config endpoints of a caller, for podinfo-v2; less likely istiod "
        "does not push, or the callers' proxies refuse what it pushes; known to be right: its pods "
        "(3 of 3 are ready) and their labels (its Service selects them)",
    ),
    "no pod is ready": (
        facts(0, 1000, canary=replace(CANARY, ready=0), answered=9),
        "probably its Service knows no pod of it: none of 3 is ready; look at the pods of "
        "Deployment podinfo-v2; less likely istiod does not push, or the callers' proxies refuse "
        "what it pushes, or the callers' proxies have put its pods aside (outlierDetection), or do "
        "not know the pods that it has now",
    ),
    "another way is known": (
        facts(300, 700, weight=Weight(80), before=0.6, ways=(PINNED,)),
        "probably requests pass VirtualService podinfo by (another host, gateway or route, or "
        f"callers without a sidecar), because {PINNED}; look at istioctl proxy-config routes of a "
        "caller",
    ),
    "between before and now": (
        facts(150, 850, before=0.1, weight=Weight(50)),
        "because the share lies between that before (10 %) and the weight; look at istioctl "
        "proxy-status, and at istiod's log for VirtualService podinfo; less likely requests pass",
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
