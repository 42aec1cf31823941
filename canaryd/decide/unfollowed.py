"""Why requests do not follow the weight: causes by what is known of the two sides, likeliest first.

Nobody is asked anything: the counts, the pods, their templates and the route are at hand. What is
excluded by them is said as well, so that nobody looks there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from canaryd.decide.narrate import number
from canaryd.model.evidence import Tally
from canaryd.model.gates import Reporter
from canaryd.model.names import Weight
from canaryd.model.snapshot import Workload
from canaryd.model.spec import Slot

PROXY = "istio-proxy"
"""The sidecar's container, where a template has it itself."""
INJECTED = "sidecar.istio.io/inject"
"""The label of a pod that asks for a sidecar, or refuses it."""
ASKING = (INJECTED, "istio.io/rev")
"""The labels that decide on a pod's sidecar."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when the share contradicts the weight.

    `between` is the interval of the canary's share, `before` the share that it had before the last
    change of weight; both are fractions. `answered` is how many requests it has answered in this
    rollout. `ways` says in words how requests may reach a side past the route.
    """

    canary: Workload
    primary: Workload
    slot: Slot
    seen: Tally
    between: tuple[float, float]
    before: float
    weight: Weight
    route: str
    reporter: Reporter = Reporter.DESTINATION
    answered: float = 0.0
    canary_labels: Mapping[str, str] | None = None
    primary_labels: Mapping[str, str] | None = None
    ways: tuple[str, ...] = ()

    def admits(self, share: float) -> bool:
        """Whether chance alone could make this share what was counted."""
        low, high = self.between
        return low <= share <= high


@dataclass(frozen=True, slots=True)
class Cause:
    """What may be wrong, what speaks for it, and where to look; each may follow on `probably`."""

    what: str
    look: str
    because: str = ""


def probably(facts: Facts) -> str:
    """Say the likeliest cause, why it is that one, where to look, and what else it may be."""
    first, *others = causes(facts)
    because = f", because {first.because}" if first.because else ""
    rest = "; less likely " + ", or ".join(each.what for each in others) if others else ""
    return f"probably {first.what}{because}; look at {first.look}{rest}{excluded(facts)}"


def causes(facts: Facts) -> Iterator[Cause]:
    """Yield what may be wrong, the likeliest first; always something."""
    nothing = not facts.seen.canary
    if nothing and not facts.canary.ready:
        yield Cause(
            f"its Service knows no pod of it: none of {facts.canary.replicas} is ready",
            f"the pods of Deployment {facts.canary.name}",
        )
    sign = without_sidecar(facts) if nothing else None
    if sign is not None:
        yield no_sidecar(facts, sign)
    if facts.admits(facts.before):
        share = f"{number(100 * facts.before)} %"
        yield not_pushed(facts, f"that is the share before the last change ({share})")
    if nothing:
        yield from unreached(facts, sign)
    else:
        yield from gone_round(facts)


def unreached(facts: Facts, sign: str | None) -> Iterator[Cause]:
    """Yield what keeps every request from the canary, or from being counted there."""
    name = facts.canary.name
    if facts.answered:
        yield Cause(
            "the callers' proxies have put its pods aside (outlierDetection), or do not know the "
            "pods that it has now",
            f"istioctl proxy-config endpoints of a caller, for {name}",
            f"it answered {facts.answered:,.0f} requests earlier in this rollout",
        )
    else:
        if sign is None and may_lack_sidecar(facts):
            yield no_sidecar(facts, "")
        yield Cause(
            "its pods refuse the callers' mTLS",
            f"the PeerAuthentications, and istioctl proxy-config endpoints for {name}",
        )
    if not facts.admits(facts.before):
        yield not_pushed(facts, "")
    if facts.ways:
        yield past_it(facts)


def gone_round(facts: Facts) -> Iterator[Cause]:
    """Yield what gives both sides requests, but not by the weights."""
    if not facts.seen.primary:
        yield Cause(
            f"nobody counts what {facts.primary.name} gets, or its pods cannot be reached",
            f"the pods of Deployment {facts.primary.name}, and whether they have a sidecar",
            "not one request to it was counted",
        )
    ready = facts.canary.ready, facts.primary.ready
    if all(ready) and facts.admits(ready[0] / sum(ready)):
        yield Cause(
            f"a Service spreads the requests over all pods, past VirtualService {facts.route}: "
            "callers without a sidecar, or on another host or gateway",
            "istioctl proxy-config routes of a caller",
            f"that is the canary's share of the ready pods ({ready[0]} of {sum(ready)})",
        )
    if facts.ways:
        yield past_it(facts)
    share = facts.seen.canary / (facts.seen.canary + facts.seen.primary)
    low, high = sorted((facts.before, facts.weight / 100))
    if not facts.admits(facts.before) and low < share < high:
        yield Cause(
            "some of the callers' proxies do not get what istiod pushes, or refuse it",
            f"istioctl proxy-status, and at istiod's log for VirtualService {facts.route}",
            f"the share lies between that before ({number(100 * facts.before)} %) and the weight",
        )
    if not facts.ways:
        yield past_it(facts)


def not_pushed(facts: Facts, because: str) -> Cause:
    """The weight stands in the API server only."""
    return Cause(
        "istiod does not push, or the callers' proxies refuse what it pushes",
        f"istioctl proxy-status, and at istiod's log for VirtualService {facts.route}",
        because,
    )


def no_sidecar(facts: Facts, because: str) -> Cause:
    """Nobody counts at the canary's pods."""
    return Cause(
        "its pods have no sidecar, so that nobody counts what they get",
        f"the containers of the pods of Deployment {facts.canary.name}: {PROXY} must be one",
        because,
    )


def past_it(facts: Facts) -> Cause:
    """Requests take another way."""
    return Cause(
        f"requests pass VirtualService {facts.route} by (another host, gateway or route, or "
        "callers without a sidecar)",
        "istioctl proxy-config routes of a caller",
        "; ".join(facts.ways),
    )


def may_lack_sidecar(facts: Facts) -> bool:
    """Whether a missing sidecar would show as no requests: it is their proxy that counts.

    A canary that answered in this rollout has one, and one that stands in the template is there.
    """
    counts = facts.reporter is Reporter.DESTINATION
    return counts and not facts.answered and PROXY not in facts.canary.images


def without_sidecar(facts: Facts) -> str | None:
    """What in the two pod templates says that the canary's pods have no sidecar, if anything."""
    if not may_lack_sidecar(facts):
        return None
    mine, theirs = facts.canary_labels or {}, facts.primary_labels or {}
    if mine.get(INJECTED) == "false":
        return f"they have the label {INJECTED}: false"
    if PROXY in facts.primary.images:
        return f"the template of {facts.primary.name} has the container {PROXY}, theirs has not"
    for label in ASKING:
        asks, had = mine.get(label), theirs.get(label)
        if had not in (asks, None, "false"):
            instead = "not" if asks is None else f"as {asks}"
            return (
                f"{facts.primary.name}'s have the label {label}: {had}, and they have it {instead}"
            )
    return None


def excluded(facts: Facts) -> str:
    """Say what was looked at already and is as it must be; the route is only read where it is."""
    if facts.seen.canary or not facts.canary.ready:
        return ""
    by = f"subset {facts.slot.subset}" if facts.slot.subset is not None else "its Service"
    pods = f"{facts.canary.ready} of {facts.canary.replicas} are ready"
    return f"; known to be right: its pods ({pods}) and their labels ({by} selects them)"
