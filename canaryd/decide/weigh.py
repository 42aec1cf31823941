"""How evidence grows: tiles are taken in one after the other, each once, whatever happens between.

Evidence against a canary belongs to its rollout; evidence for it, which passes a step, to the step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from canaryd.decide.background import telling
from canaryd.decide.buckets import judgeable
from canaryd.decide.evidence import BETTER, WORSE
from canaryd.decide.strands import enter_strand, new_strand, tally, terms, weigh_strand
from canaryd.decide.tiles import Counts, Frame, Refusal, Uncounted, read
from canaryd.model.evidence import Evidence, GateEvidence, Refused, Tally
from canaryd.model.gates import Compare, Counted, EvidenceGate, Evidential, Objective
from canaryd.model.names import ALL_TRAFFIC
from canaryd.model.tile import Background, Tile

UNKNOWN_DISPERSION = 3.0
"""Evidence is tempered by this much where nobody knows yet how the primary's pods vary."""
FAILING_REQUESTS, FAILING = 20, 0.5
"""So many canary requests in a tile, and this share of them failed: twice in a row is enough."""
BROKEN_REQUESTS, BROKEN = 50, 0.9
"""So many canary requests in a tile, and this share of them failed: once is enough."""
AT_ONCE = 3
"""Once is enough only where a tile is so many scrapes long: both sides' are of the same seconds."""
RULE_OF_THREE = 3
"""None of n failed: with 95 % confidence fewer than 3 in n do."""
HALF = 0.5
"""No primary without a failure is taken for one that fails more often: then all must fail."""
ENOUGH_FAILING = 2
"""So many failing tiles in a row end a rollout; one that is worse counts twice."""
FOLLOWED, LEAST_SHARE, FORGOTTEN = 300, 0.01, 1 / 30
"""Once so many canary requests were due, by the weight, the observed share forgets this part with
each tile, so that it tells of now, and not of one tile alone, in which a side may lack a scrape."""


@dataclass(frozen=True, slots=True)
class Scales:
    """What counts are weighed with: the gates, how the primary varies, and the weight's share."""

    rules: Evidential
    frame: Frame
    background: Background | None
    weight: int
    live_since: datetime | None
    """Since when the step's weight is live, on our clock; evidence for it begins there."""
    share_settles: timedelta
    window: timedelta

    def dispersion(self, edge: float | None, *, per_pod: float = 0.0, beside: float = 0.0) -> float:
        """How unevenly failures fall on the primary's pods; what is unknown is taken as uneven.

        Where pods differ for reasons of their own, their failures vary with the square of their
        requests: a canary pod that gets more in a tile (`per_pod`) than a primary's pod usually
        does is so much more uneven, but not more than it is than those `beside` it: a quiet hour
        before makes no difference between the sides.
        """
        known = self.background
        if known is None:
            return UNKNOWN_DISPERSION
        found = known.errors if edge is None else None
        if edge is not None:
            found = next((each.dispersion for each in known.edges if each.edge == edge), None)
        least = 1.0 if known.sufficient else UNKNOWN_DISPERSION
        usual = known.rate * self.window.total_seconds() / max(1, known.pods)
        other = max(usual, beside)
        heavier = max(1.0, per_pod / other) if usual else 1.0
        return max(least, 1 + ((found or UNKNOWN_DISPERSION) - 1) * heavier)


def begin(*, window: timedelta, counted_until: datetime) -> Evidence:
    """No evidence yet; tiles from there on will count."""
    return Evidence(window=window, counted_until=counted_until)


def enter_step(evidence: Evidence, *, at: datetime) -> Evidence:
    """A step begins: the bets for the canary begin anew, those against it go on."""
    gates = tuple(
        replace(gate, strands=tuple(enter_strand(strand) for strand in gate.strands))
        for gate in evidence.gates
    )
    return replace(evidence, step=at, entered=evidence.entered + 1, gates=gates)


def fitted(evidence: Evidence, scales: Scales) -> Evidence:
    """The evidence with exactly the gates of the spec, and with the latency edges that tell."""
    known = {gate.name: gate for gate in evidence.gates}
    gates = tuple(fit(gate, known.get(gate.name), scales) for gate in scales.rules.gates)
    return evidence if gates == evidence.gates else replace(evidence, gates=gates)


def fit(gate: EvidenceGate, known: GateEvidence | None, scales: Scales) -> GateEvidence:
    """One gate's evidence; edges are chosen once, when something is known about them.

    A gate that was edited to mean something else begins anew, the others go on.
    """
    wanted, today = edges(gate, scales), terms(gate, scales.rules)
    if known is not None and known.counted is gate.counted and usable(known):
        had = tuple(strand.edge for strand in known.strands)
        chosen = isinstance(gate, Compare) and bool(had)
        if known.terms in (None, today) and (chosen or had == wanted):
            return known if known.terms is not None else replace(known, terms=today)
    strands = tuple(new_strand(edge) for edge in wanted)
    return GateEvidence(gate.name, gate.counted, strands, today)


def usable(gate: GateEvidence) -> bool:
    """Whether its evidence is of the bets that are made today; a status may hold other ones."""
    return all(
        strand.steps
        and len(strand.worse.logs) == len(WORSE)
        and len(strand.fine.logs) == len(BETTER)
        for strand in gate.strands
    )


def edges(gate: EvidenceGate, scales: Scales) -> tuple[float | None, ...]:
    """What the gate compares: errors, its own edge, or those that tell on the primary."""
    if gate.counted is Counted.ERRORS:
        return (None,)
    if isinstance(gate, Objective):
        return (gate.edge,)
    known = scales.background
    return tuple(each.edge for each in telling(known.edges)) if known else ()


def take_in(evidence: Evidence, tiles: Iterable[Tile], scales: Scales) -> Evidence:
    """All tiles that follow on what was counted, in order; repeats and early ones are left out.

    So are those of another length, from before the window was raised, and those that another
    reporter counted, from before an edit: they are asked for anew.
    """
    reporters = (None, scales.rules.reporter)
    waiting = {
        tile.start: tile
        for tile in tiles
        if tile.end - tile.start == evidence.window and tile.reporter in reporters
    }
    evidence = fitted(evidence, scales)
    while (tile := waiting.pop(evidence.counted_until, None)) is not None:
        evidence = replace(take_one(evidence, tile, scales), counted_until=tile.end)
    return evidence


def take_one(evidence: Evidence, tile: Tile, scales: Scales) -> Evidence:
    """One tile: evidence if it counts, the reason why not if it does not."""
    if tile.counted_by is not evidence.counted_by:
        evidence = replace(evidence, counted_by=tile.counted_by)
    counts, refusal = read(tile, scales.frame)
    if counts is not None and (unseen := unwatched(evidence, tile, counts, scales)) is not None:
        counts, refusal = None, unseen
    if refusal is not None:
        evidence = refuse(evidence, tile, refusal)
    if counts is None:  # a row of failing tiles does not go on; nobody knows whether it was empty
        failing = evidence.failing if evidence.failing >= ENOUGH_FAILING else 0
        since = evidence.empty_since and evidence.empty_since + evidence.window
        return replace(evidence, failing=failing, empty_since=since)
    evidence = count_failing(evidence, tile, counts)
    evidence = count_share(evidence, tile, counts, scales)
    if refusal is not None:
        return evidence
    canary = scales.frame.canary
    step_live = scales.live_since is not None and tile.start >= scales.live_since + tile.skew
    gates = tuple(
        weigh(judgeable(gate, rule, tile, canary), rule, tile, counts, scales, for_it=step_live)
        for gate, rule in zip(evidence.gates, scales.rules.gates, strict=True)
    )
    return replace(evidence, gates=gates, tiles=evidence.tiles + 1)


def unwatched(evidence: Evidence, tile: Tile, counts: Counts, scales: Scales) -> Refusal | None:
    """Why nobody looked at a side that was seen before, if so.

    What Prometheus cannot scrape any more it calls gone at once, as it does a pod that is. But a
    primary that still serves has pods: without its counts the canary's say nothing, as in an outage
    that takes away the primary's nodes. Where the canary had no request there is nothing to say.
    """
    counted = [strand.total for gate in evidence.gates for strand in gate.strands]
    counted += [evidence.latest, evidence.followed]
    if not tile.pods and any(each.canary or each.primary for each in counted):
        return Refusal(Uncounted.STALE, "no pod of either side was scraped in it")
    one_sided = counts.canary_all.requests and not counts.primary_all.requests
    if not one_sided or scales.weight == ALL_TRAFFIC:
        return None
    primary = scales.frame.primary
    of_it = [pod for pod in tile.pods if pod.workload == primary]
    seen = bool(of_it) or any(each.primary for each in counted)
    if seen and all(pod.at_end is None for pod in of_it):
        message = f"{scales.frame.canary} had requests, and no pod of {primary} was scraped"
        return Refusal(Uncounted.UNWATCHED, message)
    return None


def refuse(evidence: Evidence, tile: Tile, refusal: Refusal) -> Evidence:
    """Remember the last tile that counted for nothing; next to a rise it is no news."""
    if refusal.reason is Uncounted.WEIGHT_CHANGED:
        return evidence
    row = evidence.refused_last
    since = row.since if row is not None else None
    count = evidence.refused.count + 1 if evidence.refused else 1
    told = Refused(refusal.reason.value, refusal.message, tile.end, count, since or tile.start)
    return replace(evidence, refused=told)


def count_failing(evidence: Evidence, tile: Tile, counts: Counts) -> Evidence:
    """Tiles in a row in which most of what the canary got went wrong, at twice the primary's.

    What the primary's few requests cannot exclude may be usual. Where a tile is about as long as a
    scrape interval, one side may show an outage's beginning before the other does: two must agree.
    """
    if evidence.failing >= ENOUGH_FAILING:  # what comes after does not undo it
        return evidence
    canary, primary = counts.canary_all, counts.primary_all
    latest = Tally(canary.errors, canary.requests, primary.errors, primary.requests)
    bad = canary.errors / canary.requests if canary.requests else 0.0
    usual = (primary.errors + RULE_OF_THREE) / primary.requests if primary.requests else 0.0
    if not primary.errors:
        usual = min(usual, HALF)  # where all fails, a few that went well are no excuse
    at_once = AT_ONCE * tile.scrape <= tile.end - tile.start
    failing = evidence.failing
    if at_once and canary.requests >= BROKEN_REQUESTS and bad >= max(BROKEN, 2 * usual):
        failing += ENOUGH_FAILING
    elif canary.requests >= FAILING_REQUESTS and bad >= max(FAILING, 2 * usual):
        failing += 1
    else:
        failing = 0
    return replace(evidence, failing=failing, latest=latest)


def count_share(evidence: Evidence, tile: Tile, counts: Counts, scales: Scales) -> Evidence:
    """Whether requests came at all, and how many of them to the canary since the weight settled.

    A tile from before the weight's last change says nothing about the weight that there is now.
    """
    canary, primary = counts.canary_all.requests, counts.primary_all.requests
    share, begun = scales.weight / 100, tile.start - tile.skew
    changed = max(scales.frame.changes, default=None)
    if canary == 0 and share > 0 and (changed is None or begun >= changed):
        expected = primary * share / (1 - share) if share < 1 else primary
        evidence = replace(
            evidence,
            empty=evidence.empty + 1,
            empty_since=evidence.empty_since or begun,
            expected=evidence.expected + expected,
        )
    elif evidence.empty:
        evidence = replace(evidence, empty=0, empty_since=None, expected=0.0)
    if changed is not None and begun < changed + scales.share_settles:
        return evidence if evidence.followed == Tally() else replace(evidence, followed=Tally())
    seen = evidence.followed
    if (seen.canary + seen.primary) * max(share, LEAST_SHARE) > FOLLOWED:
        kept = 1 - FORGOTTEN
        seen = Tally(canary=seen.canary * kept, primary=seen.primary * kept)
    return replace(evidence, followed=seen + Tally(canary=canary, primary=primary))


def weigh(
    gate: GateEvidence,
    rule: EvidenceGate,
    tile: Tile,
    counts: Counts,
    scales: Scales,
    *,
    for_it: bool,
) -> GateEvidence:
    """One gate's evidence after one tile; edges that are not there on both sides stay as they are.

    None is left out of the gate for it: a mean over fewer bets would be evidence from nothing.
    """
    per_pod = counts.canary.requests / max(1, counts.canary_pods)
    beside = counts.primary.requests / max(1, counts.primary_pods)
    strands = tuple(
        strand
        if strand.edge in tile.lacking
        else weigh_strand(
            strand,
            rule,
            tally(strand.edge, counts),
            scales.rules,
            uneven=scales.dispersion(strand.edge, per_pod=per_pod, beside=beside),
            for_it=for_it,
        )
        for strand in gate.strands
    )
    return replace(gate, strands=strands)
