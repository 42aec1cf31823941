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
REVISION = "istio.io/rev"
"""The label of a pod that asks for the sidecar of one revision of Istio."""
ASKING = (INJECTED, REVISION)
"""The labels that decide on a pod's sidecar."""
REFUSED = "false"
NOT_ASKING = (None, "", REFUSED)
"""What such a label says where it asks for none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when the share contradicts the weight.

    `between` is the interval of the canary's share, `before` the weight of the step before; both
    are fractions. `answered` is how many requests to it were counted in this rollout. `ways` says
    in words how requests may reach a side past the route, each in one clause.
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

    @property
    def told_before(self) -> str:
        """Say the weight of the step before."""
        return f"the weight of the step before ({number(100 * self.before)} %)"


@dataclass(frozen=True, slots=True)
class Cause:
    """What may be wrong, what speaks for it, and where to look; each may follow on `probably`."""

    what: str
    look: str
    because: str = ""


def probably(facts: Facts) -> str:
    """Say the likeliest cause, why it is that one, where to look, and what else it may be.

    Where nothing speaks for the first of several, that is not called probable.
    """
    first, *others = causes(facts)
    guessed = bool(others) and not first.because
    how, next_to_it = ("perhaps", "or else") if guessed else ("probably", "less likely")
    because = f", because {first.because}" if first.because else ""
    rest = f"; {next_to_it} " + ", or ".join(each.what for each in others) if others else ""
    return f"{how} {first.what}{because}; look at {first.look}{rest}{excluded(facts)}"


def causes(facts: Facts) -> Iterator[Cause]:
    """Yield what may be wrong, the likeliest first; always something."""
    return gone_round(facts) if facts.seen.canary else unreached(facts)


def unreached(facts: Facts) -> Iterator[Cause]:
    """Yield what keeps every request from the canary, or from being counted there.

    Each of these gives a share of 0, so that the share itself speaks for none of them.
    """
    name, replicas = facts.canary.name, facts.canary.replicas
    if not replicas:
        yield Cause(
            "nothing of it runs",
            "what set its spec.replicas to 0",
            f"Deployment {name} has no replicas",
        )
    elif not facts.canary.serves:
        yield Cause(
            "its Service knows no pod of it",
            f"the pods of Deployment {name}",
            f"none of {replicas} is ready",
        )
    sign = without_sidecar(facts)
    if sign is not None:
        yield no_sidecar(facts, sign)
    if facts.answered >= 1:
        yield put_aside(facts)
        yield not_pushed(facts)
    else:
        yield from never_reached(facts, sign)
    if facts.ways:
        yield past_it(facts)


def never_reached(facts: Facts, sign: str | None) -> Iterator[Cause]:
    """Yield why a canary got nothing from the beginning, if it is not the `sign` of its templates.

    Where its pods are as the primary's, whose requests are counted, as far as is known, only the
    route makes the difference; otherwise its pods are looked at first.
    """
    bare = [no_sidecar(facts)] if sign is None and may_lack_sidecar(facts) else []
    refused = Cause(
        "its pods refuse the callers' mTLS",
        f"the PeerAuthentications, and istioctl proxy-config endpoints for {facts.canary.name}",
    )
    if sign is not None or not likely_has_sidecar(facts):
        yield from (*bare, refused, not_pushed(facts))
    elif facts.admits(facts.before):
        yield from (not_pushed(facts), refused, *bare)
    else:
        yield from (refused, *bare, not_pushed(facts))


def gone_round(facts: Facts) -> Iterator[Cause]:
    """Yield what gives the canary requests, but not by the weights."""
    if facts.admits(facts.before):
        yield not_pushed(facts, f"that is, within chance, {facts.told_before}")
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
            f"that is, within chance, its share of the ready pods ({ready[0]} of {sum(ready)})",
        )
    if facts.ways:
        yield past_it(facts)
    share = facts.seen.canary / (facts.seen.canary + facts.seen.primary)
    low, high = sorted((facts.before, facts.weight / 100))
    if not facts.admits(facts.before) and low < share < high:
        yield Cause(
            "some of the callers' proxies do not get what istiod pushes, or refuse it",
            f"istioctl proxy-status, and at istiod's log for VirtualService {facts.route}",
            f"the share lies between {facts.told_before} and this one's",
        )
    if not facts.ways:
        yield past_it(facts)


def not_pushed(facts: Facts, because: str = "") -> Cause:
    """The weight stands in the API server only."""
    return Cause(
        "istiod does not push, or the callers' proxies refuse what it pushes",
        f"istioctl proxy-status, and at istiod's log for VirtualService {facts.route}",
        because,
    )


def put_aside(facts: Facts) -> Cause:
    """Callers send it nothing any more; their own proxies count what never arrived as well."""
    one = round(facts.answered) == 1
    requests = f"{facts.answered:,.0f} request{'' if one else 's'}"
    counted = f"{requests} to it {'was' if one else 'were'} counted"
    by_itself = facts.reporter is Reporter.DESTINATION
    return Cause(
        "the callers' proxies have put its pods aside (outlierDetection), or do not know the "
        "pods that it has now",
        f"istioctl proxy-config endpoints of a caller, for {facts.canary.name}",
        f"{f'it answered {requests}' if by_itself else counted} earlier in this rollout",
    )


def no_sidecar(facts: Facts, because: str = "") -> Cause:
    """Nobody counts at the canary's pods; where they ask for a sidecar, nobody may be asked."""
    revision = (facts.canary_labels or {}).get(REVISION)
    other = revision and revision != (facts.primary_labels or {}).get(REVISION)
    unless = f" (if revision {revision} has no injector)" if other and not because else ""
    return Cause(
        f"its pods have no sidecar{unless}, so that nobody counts what they get",
        f"the containers of the pods of Deployment {facts.canary.name}: {PROXY} must be one",
        because,
    )


def past_it(facts: Facts) -> Cause:
    """Requests take another way; what to do about one that is known, its condition says."""
    first, more = "".join(facts.ways[:1]), len(facts.ways) - 1
    return Cause(
        f"requests pass VirtualService {facts.route} by (another host, gateway or route, or "
        "callers without a sidecar)",
        "istioctl proxy-config routes of a caller",
        f"{first}, and {more} more" if more > 0 else first,
    )


def may_lack_sidecar(facts: Facts) -> bool:
    """Whether a missing sidecar would show as no requests: it is their proxy that counts.

    A canary that answered in this rollout has one, and one that stands in the template is there.
    """
    counts = facts.reporter is Reporter.DESTINATION
    return counts and not facts.answered and PROXY not in facts.canary.images


def likely_has_sidecar(facts: Facts) -> bool:
    """Whether what is known speaks for the sidecar: it must be there, is asked for, or is alike."""
    return not may_lack_sidecar(facts) or asks(facts.canary_labels or {}) or alike(facts)


def alike(facts: Facts) -> bool:
    """Whether the two pod templates are known, and their labels say the same of sidecars."""
    mine, theirs = facts.canary_labels, facts.primary_labels
    if mine is None or theirs is None:
        return False
    return all(mine.get(label) == theirs.get(label) for label in ASKING)


def asks(labels: Mapping[str, str]) -> bool:
    """Whether pods with these labels ask for a sidecar, in any way."""
    return any(labels.get(label) not in NOT_ASKING for label in ASKING)


def without_sidecar(facts: Facts) -> str | None:
    """What in the two pod templates says that the canary's pods have no sidecar, if anything."""
    if not may_lack_sidecar(facts):
        return None
    mine, theirs = facts.canary_labels or {}, facts.primary_labels or {}
    if mine.get(INJECTED) == REFUSED:
        return f"they have the label {INJECTED}: {REFUSED}"
    if asks(mine):
        return None
    if PROXY in facts.primary.images:
        return (
            f"the template of {facts.primary.name} has the container {PROXY}, and theirs does not"
        )
    for label in ASKING:
        if (had := theirs.get(label)) not in NOT_ASKING:
            return f"{facts.primary.name}'s have the label {label}: {had}, and theirs do not"
    return None


def excluded(facts: Facts) -> str:
    """Say what was looked at already and is as it must be; the route is only read where it is."""
    ready, replicas = facts.canary.ready, facts.canary.replicas
    if facts.seen.canary or not replicas or not facts.canary.serves:
        return ""
    by = f"subset {facts.slot.subset}" if facts.slot.subset is not None else "its Service"
    same = may_lack_sidecar(facts) and without_sidecar(facts) is None and alike(facts)
    likewise = f", and on sidecars they say what {facts.primary.name}'s say" if same else ""
    labels = f"their labels ({by} selects them{likewise})"
    if ready < replicas:
        some = f"{ready} of {replicas}, in its current revision"
        return f"; not all of its pods are ready ({some}); known to be right: {labels}"
    every = f"all {ready} are" if ready > 1 else "the only one is"
    return f"; known to be right: its pods ({every} ready) and {labels}"
