"""Evidence gates in a rollout: take in what was counted, and say what it means for the step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import assert_never

from canaryd.decide import narrate
from canaryd.decide import say_evidence as say
from canaryd.decide.draft import Draft, sure
from canaryd.decide.strands import against, bound, harmless
from canaryd.decide.tiles import Frame
from canaryd.decide.weigh import Scales, begin, enter_step, take_in
from canaryd.model.answered import Answered
from canaryd.model.evidence import Evidence, GateEvidence, Refused, Tally
from canaryd.model.gates import Compare, EvidenceGate, Objective
from canaryd.model.names import ALL_TRAFFIC
from canaryd.model.status import Gate, HoldReason, Missing, Verdict
from canaryd.model.tile import USUAL_SCRAPE, Background

PATIENCE = timedelta(seconds=30)
"""How late a tile may be that is on its way."""
EMPTY_TILES = 3
"""So many tiles without a canary request, where some were due, are no chance."""
EXPECTED_REQUESTS = 5.0
"""None of so many expected requests came: less than 1 in 100 by chance."""
MISSING = {
    Answered.UNAVAILABLE: HoldReason.METRICS_UNAVAILABLE,
    Answered.REFUSED: HoldReason.QUERY_REFUSED,
    Answered.NO_DATA: HoldReason.NO_CANARY_DATA,
    Answered.VALUE: HoldReason.METRICS_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What one gate's evidence comes to; `fails` says that it is enough to take the canary back."""

    gate: Gate
    rule: EvidenceGate
    state: GateEvidence
    log_against: float
    fails: bool = False


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
    skips = draft.snap.spec.skip_analysis or draft.rollout.skip_steps
    return bool(draft.snap.spec.analysis.evidence.gates) and not skips


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
    """How long a tile is: as asked for, but not shorter than a scrape; whole seconds."""
    wanted = draft.snap.spec.analysis.evidence.evaluate_every
    longest = max(wanted, draft.snap.counting.scrape or wanted)
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
    skew = draft.snap.counting.skew or timedelta()
    oldest = evidence.counted_until - skew - timedelta(minutes=10)
    kept = tuple(change for change in evidence.changes if oldest <= change != at)
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
    """The newest background that is sufficient; a thin one only makes an older one more careful."""
    old, new = draft.status.background, draft.snap.counting.background
    if new is None or (old is not None and new.asked_at <= old.asked_at):
        return old
    if new.sufficient or old is None or not old.sufficient:
        return new
    return replace(old, errors=max(old.errors, new.errors))


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
    odds = against(state)
    fails = odds >= bound(weighing.rules)
    verdict = verdict_of(draft, rule, state, fails=fails)
    missing = missing_of(draft, evidence, before)
    if missing is not None and not fails:
        silence = draft.snap.counting.silence
        message = silence.detail if silence is not None else no_requests(draft, evidence)
        gate = Gate(rule.name, Verdict.NO_DATA, f"{rule.name}: {message}", draft.now, None, missing)
        return Conclusion(gate, rule, state, odds)
    known = before is not None and before.verdict is verdict
    if known and before is not None and evidence.counted_until == counted_before(draft):
        return Conclusion(before, rule, state, odds, fails)
    due = before is None or draft.now - before.at >= draft.snap.waits.evidence_write
    message = sentence(draft, rule, state, weighing, with_interval=due or not known)
    total = state.strands[0].total if state.strands else Tally()
    gate = Gate(rule.name, verdict, message, draft.now, samples=total.canary)
    return Conclusion(gate, rule, state, odds, fails)


def sentence(
    draft: Draft, rule: EvidenceGate, state: GateEvidence, weighing: Scales, *, with_interval: bool
) -> str:
    """The gate's words; the interval is worked out when somebody will see it."""
    if peerless(draft, rule):
        return say.no_primary(rule)
    return say.weighed(rule, state, weighing, with_interval=with_interval)


def counted_before(draft: Draft) -> datetime | None:
    """Until when the status as it is written has counted."""
    evidence = draft.snap.status.evidence
    return evidence.counted_until if evidence is not None else None


def peerless(draft: Draft, rule: EvidenceGate) -> bool:
    """Whether there is no primary left to compare with."""
    step = draft.status.step
    return isinstance(rule, Compare) and step is not None and step.weight == ALL_TRAFFIC


def verdict_of(draft: Draft, rule: EvidenceGate, state: GateEvidence, *, fails: bool) -> Verdict:
    """Fail over the whole rollout, Pass in this step; else undecided."""
    if fails:
        return Verdict.FAIL
    step = draft.status.step
    live = step is not None and step.live_since is not None
    if peerless(draft, rule) or (live and harmless(state, draft.snap.spec.analysis.evidence)):
        return Verdict.PASS
    return Verdict.UNDECIDED


def missing_of(draft: Draft, evidence: Evidence, before: Gate | None) -> Missing | None:
    """Why there is nothing to judge by, and since when without a break."""
    silence, step = draft.snap.counting.silence, sure(draft.status.step)
    live_since = step.live_since or draft.now
    if silence is not None:
        reason, since = MISSING[silence.answered], silence.since
    elif nothing_came(draft, evidence):
        reason, since = HoldReason.NO_CANARY_DATA, sure(evidence.empty_since)
    else:
        return None
    known = before.missing if before is not None else None
    if known is not None and known.reason is reason and known.since >= live_since:
        return known
    return Missing(reason, max(since, live_since))


def nothing_came(draft: Draft, evidence: Evidence) -> bool:
    """Whether the canary got nothing although it should have: for some time, or for too long."""
    if evidence.empty < EMPTY_TILES:
        return False
    due = evidence.expected == 0 or evidence.expected >= EXPECTED_REQUESTS
    return due or evidence.empty * evidence.window >= draft.snap.spec.analysis.no_data.after


def lags_behind(draft: Draft) -> bool:
    """Whether tiles that must be there by now have not been taken in yet.

    They are asked for one after the other; while the server gives none there is a silence.
    """
    counting, server = draft.snap.counting, draft.snap.spec.analysis.server
    if counting.skew is None:
        return True
    evidence = sure(draft.status.evidence)
    delay = server.delay if server is not None else timedelta()
    due = draft.now + counting.skew - (counting.scrape or USUAL_SCRAPE) - delay - PATIENCE
    return evidence.counted_until + 2 * evidence.window < due


def refused_last(draft: Draft) -> Refused | None:
    """Why the latest tile counted for nothing, if it did."""
    evidence = sure(draft.status.evidence)
    last = evidence.refused
    return last if last is not None and last.at == evidence.counted_until else None


def no_requests(draft: Draft, evidence: Evidence) -> str:
    """Say that no request came, and what was to be expected."""
    span = narrate.span(evidence.empty * evidence.window)
    if not evidence.expected:
        return f"neither {draft.canary.name} nor {draft.primary.name} got a request for {span}"
    return (
        f"no request to {draft.canary.name} for {span}, where about "
        f"{say.count(evidence.expected)} were expected at {draft.status.canary_weight} %"
    )


def objective_missed_by_both(conclusion: Conclusion) -> bool:
    """Whether the primary misses the objective as well: then it is not the canary's fault."""
    match conclusion.rule:
        case Compare():
            return False
        case Objective(most=most):
            totals = [strand.total for strand in conclusion.state.strands]
            return any(
                tally.primary and tally.primary_bad / tally.primary > most for tally in totals
            )
        case _:
            assert_never(conclusion.rule)


def inconclusive(draft: Draft, conclusion: Conclusion) -> str:
    """What a gate that stayed undecided excludes all the same."""
    return say.inconclusive(conclusion.rule, conclusion.state, scales(draft))
