"""Evidence gates in a rollout: take in what was counted, and say what it means for the step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from canaryd.decide import narrate
from canaryd.decide import say_evidence as say
from canaryd.decide.background import subject
from canaryd.decide.buckets import absent, no_such_edge
from canaryd.decide.draft import Draft, sure
from canaryd.decide.ruling import HELD, PROVEN, Ruling, nothing_came, peerless, rule_on
from canaryd.decide.tiles import Frame
from canaryd.decide.weigh import Scales, begin, enter_step, take_in
from canaryd.model.answered import Answered
from canaryd.model.evidence import Evidence, GateEvidence, Tally
from canaryd.model.gates import EvidenceGate, Evidential, Reporter
from canaryd.model.status import Gate, HoldReason, Missing, Verdict
from canaryd.model.tile import Background

MISSING = {
    Answered.UNAVAILABLE: HoldReason.METRICS_UNAVAILABLE,
    Answered.REFUSED: HoldReason.QUERY_REFUSED,
    Answered.NO_DATA: HoldReason.NO_CANARY_DATA,
    Answered.VALUE: HoldReason.METRICS_UNAVAILABLE,
}
SILENT = MISSING | {Answered.NO_DATA: HoldReason.METRICS_UNAVAILABLE}
"""Of tiles: an answer that holds none cannot be read, and says nothing of the canary."""
VERDICTS = {Ruling.PASSED: Verdict.PASS} | dict.fromkeys(PROVEN, Verdict.FAIL)
"""What users are told of a ruling; of the others that nothing is decided."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What one gate's evidence comes to."""

    gate: Gate
    rule: EvidenceGate
    state: GateEvidence
    ruling: Ruling


def scales(draft: Draft) -> Scales:
    """What counts are weighed with, now."""
    spec, evidence = draft.snap.spec.analysis, draft.status.evidence
    step = draft.status.step
    return Scales(
        rules=spec.evidence,
        frame=Frame(
            canary=draft.canary.name,
            primary=draft.primary.name,
            changes=evidence.changes if evidence else (),
            settles=draft.snap.waits.weight_settles,
            grpc_good=spec.evidence.grpc_good,
        ),
        background=draft.status.background,
        weight=draft.status.canary_weight,
        live_since=step.live_since if step else None,
        share_settles=draft.snap.waits.share_settles,
        window=evidence.window if evidence else spec.evidence.evaluate_every,
    )


def in_use(draft: Draft) -> bool:
    """Whether this rollout is judged by evidence."""
    return bool(draft.snap.spec.analysis.evidence.gates) and not unjudged(draft)


def unjudged(draft: Draft) -> bool:
    """Whether nothing is looked at: the spec says so, or a person did before the first step."""
    promoted_at_once = draft.rollout.skip_steps and draft.status.step is None
    return draft.snap.spec.skip_analysis or promoted_at_once


def enter_evidence(draft: Draft) -> Draft:
    """A step begins: so does its part of the evidence, and with the first step all of it."""
    if not draft.snap.spec.analysis.evidence.gates:
        return draft
    evidence = draft.status.evidence
    if evidence is None:
        window = interval_of(draft)
        skew = draft.snap.counting.skew or timedelta()
        evidence = begin(window=window, counted_until=grid(draft.now + skew, window))
        # Its first tile began earlier, in what may have been another rollout at another weight.
        evidence = replace(evidence, changes=(draft.now,))
    return draft.change(evidence=enter_step(evidence, at=draft.now))


def interval_of(draft: Draft) -> timedelta:
    """How long a tile of this Canary is, by what is known of its scrapes."""
    return tile_length(draft.snap.spec.analysis.evidence, draft.snap.counting.scrape)


def tile_length(rules: Evidential, scrape: timedelta | None) -> timedelta:
    """How long a tile is: as asked for, but not shorter than a scrape; whole seconds."""
    longest = max(rules.evaluate_every, scrape or rules.evaluate_every)
    return timedelta(seconds=ceil(longest.total_seconds()))


def grid(at: datetime, window: timedelta) -> datetime:
    """The last multiple of the window: tiles of all Canaries end together."""
    late = at.timestamp() % window.total_seconds()
    return at - timedelta(seconds=late)


def note_change(draft: Draft, at: datetime) -> Draft:
    """The weight changes: counts next to it are no evidence."""
    evidence = draft.status.evidence
    if evidence is None:
        return draft
    kept = tuple(change for change in evidence.changes if change != at)
    skew = draft.snap.counting.skew
    if skew is not None:  # after a restart nobody can tell yet which of them are too old
        oldest = evidence.counted_until - skew - timedelta(minutes=10)
        kept = tuple(change for change in kept if change >= oldest)
    changed = replace(evidence, changes=(*kept, at)[-20:], followed=Tally())
    return draft.change(evidence=changed)


def learn_background(draft: Draft) -> Draft:
    """Keep what is known of how the primary's pods vary."""
    return draft.change(background=best_known(draft))


def take_in_tiles(draft: Draft) -> Draft:
    """Take in what was counted since, and what is known of the primary's pods."""
    if not in_use(draft) or draft.status.step is None:
        return draft
    draft = learn_background(draft)
    if draft.status.evidence is None:  # it could not be read, or the gates are new
        draft = enter_evidence(draft)
    draft = draft.change(evidence=on_time(draft, sure(draft.status.evidence)))
    evidence = sure(draft.status.evidence)
    return draft.change(evidence=take_in(evidence, draft.snap.counting.tiles, scales(draft)))


def on_time(draft: Draft, evidence: Evidence) -> Evidence:
    """Make what began before the server had told its clock and its scrapes agree with them.

    Tiles are never shorter than a scrape: the two sides' would not be of the same instants.
    """
    window, skew = max(evidence.window, interval_of(draft)), draft.snap.counting.skew
    if window > evidence.window:
        evidence = replace(evidence, window=window)
    if skew is None or evidence.tiles or evidence.counted_until <= draft.now + skew:
        return evidence
    return replace(evidence, counted_until=grid(draft.now + skew, window))


def best_known(draft: Draft) -> Background | None:
    """The newest background that is sufficient; a thin one only makes an older one more careful.

    What was asked about gates that have been edited since says nothing of these.
    """
    old, new = (
        known if known is not None and answers(draft, known) else None
        for known in (draft.status.background, draft.snap.counting.background)
    )
    if new is None or (old is not None and new.asked_at <= old.asked_at):
        return old
    if new.sufficient or old is None or not old.sufficient:
        return new
    return replace(old, errors=max(old.errors, new.errors), buckets=new.buckets or old.buckets)


def answers(draft: Draft, known: Background) -> bool:
    """Whether it is about the gates that there are; what is from before that was written may be."""
    return known.about in {"", subject(draft.snap.spec.analysis.evidence)}


def edge_not_there(draft: Draft) -> str | None:
    """Which gate asks for a bucket edge that no pod's histogram has, as far as that is known."""
    known = draft.status.background
    rules = draft.snap.spec.analysis.evidence.gates
    found = absent(rules, known.buckets) if known is not None else None
    if found is None or known is None:
        return None
    name, edge = found
    return f"{name}: {no_such_edge(edge, known.buckets)}; change the gate's latency.le"


def conclusions(draft: Draft) -> tuple[Conclusion, ...]:
    """What each evidence gate says by now."""
    evidence = draft.status.evidence
    if evidence is None or not in_use(draft):
        return ()
    weighing = scales(draft)
    rules = {rule.name: rule for rule in weighing.rules.gates}
    return tuple(
        conclude(draft, rules[state.name], state, evidence, weighing)
        for state in evidence.gates
        if state.name in rules
    )


def conclude(
    draft: Draft, rule: EvidenceGate, state: GateEvidence, evidence: Evidence, weighing: Scales
) -> Conclusion:
    """One gate's verdict with its sentence."""
    before = next((gate for gate in draft.snap.status.gates if gate.name == rule.name), None)
    step = sure(draft.status.step)
    ruling = rule_on(rule, state, weighing, weight=step.weight, live=step.live_since is not None)
    missing = None if ruling in PROVEN else missing_of(draft, evidence, ruling, before)
    if missing is not None:
        message = f"{rule.name}: {silent(draft, evidence, state)}"
        gate = Gate(rule.name, Verdict.NO_DATA, message, draft.now, None, missing)
        return Conclusion(gate, rule, state, ruling)
    verdict = VERDICTS.get(ruling, Verdict.UNDECIDED)
    known = before is not None and before.verdict is verdict
    if known and before is not None and as_written(draft, evidence, state):
        return Conclusion(before, rule, state, ruling)
    due = before is None or draft.now - before.at >= draft.snap.waits.evidence_write
    message = sentence(draft, rule, state, weighing, with_interval=due or not known)
    total = state.strands[0].total if state.strands else Tally()
    gate = Gate(rule.name, verdict, message, draft.now, samples=total.canary)
    return Conclusion(gate, rule, state, ruling)


def sentence(
    draft: Draft, rule: EvidenceGate, state: GateEvidence, weighing: Scales, *, with_interval: bool
) -> str:
    """The gate's words; the interval is worked out when somebody will see it."""
    if peerless(rule, sure(draft.status.step).weight):
        return say.no_primary(rule)
    return say.weighed(rule, state, weighing, with_interval=with_interval)


def as_written(draft: Draft, evidence: Evidence, state: GateEvidence) -> bool:
    """Whether the status as it is written holds this very evidence, on these very terms."""
    written = draft.snap.status.evidence
    if written is None or written.counted_until != evidence.counted_until:
        return False
    known = next((gate for gate in written.gates if gate.name == state.name), None)
    return (
        known is not None
        and known.terms in (None, state.terms)
        and known.strands == state.strands
        and known.unjudged == state.unjudged
    )


def missing_of(
    draft: Draft, evidence: Evidence, ruling: Ruling, before: Gate | None
) -> Missing | None:
    """Why there is nothing to judge by, and since when without a break."""
    silence, step = draft.snap.counting.silence, sure(draft.status.step)
    live_since = step.live_since or draft.now
    if silence is not None:
        reason, since = SILENT[silence.answered], silence.since
    elif none_came(draft, evidence):
        reason, since = HoldReason.NO_CANARY_DATA, sure(evidence.empty_since)
    elif ruling in HELD:
        reason, since = HELD[ruling], draft.now
    else:
        return None
    known = before.missing if before is not None else None
    if known is not None and known.reason is reason and known.since >= live_since:
        return known
    return Missing(reason, min(max(since, live_since), draft.now))


def none_came(draft: Draft, evidence: Evidence) -> bool:
    """Whether the canary got nothing although it should have."""
    return nothing_came(evidence, draft.status.background, draft.snap.spec.analysis.no_data.after)


def silent(draft: Draft, evidence: Evidence, state: GateEvidence) -> str:
    """Say why there is nothing to judge by."""
    if draft.snap.counting.silence is not None:
        return draft.snap.counting.silence.detail
    if none_came(draft, evidence):
        return no_requests(draft, evidence)
    return sure(state.unjudged)


def no_requests(draft: Draft, evidence: Evidence) -> str:
    """Say that no request came, and what was to be expected."""
    span = narrate.span(evidence.empty * evidence.window)
    if evidence.counted_by is not None:
        asked, others = draft.snap.spec.analysis.evidence.reporter, evidence.counted_by
        ambient = ", as in ambient mode" if others is Reporter.WAYPOINT else ""
        return (
            f"the requests of {draft.canary.name} and {draft.primary.name} are counted by "
            f'reporter="{others.value}"{ambient}, none for {span} by reporter="{asked.value}": '
            f"set analysis.reporter to {others.value}"
        )
    if not evidence.expected:
        return f"neither {draft.canary.name} nor {draft.primary.name} got a request for {span}"
    return (
        f"no request to {draft.canary.name} for {span}, where about "
        f"{say.count(evidence.expected)} were expected at {draft.status.canary_weight} %"
    )


def inconclusive(draft: Draft, conclusion: Conclusion) -> str:
    """What a gate that stayed undecided excludes all the same."""
    return say.inconclusive(conclusion.rule, conclusion.state, scales(draft))
