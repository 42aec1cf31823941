"""A gate that is edited in mid-rollout to mean something else begins anew; the others go on."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from canaryd.decide.engine import decide
from canaryd.decide.strands import terms
from canaryd.decide.weigh import take_in
from canaryd.model.evidence import Evidence
from canaryd.model.gates import (
    Compare,
    EvidenceGate,
    Evidential,
    Objective,
    Preset,
    Reporter,
    Tolerance,
)
from canaryd.model.status import Phase, Status, Verdict
from canaryd.wire.gates import usual
from canaryd.wire.status import parse_status, render_status
from tests.decide.build import sec
from tests.decide.counted import (
    ERRORS,
    LATENCY,
    SLO,
    SLOW,
    after,
    begun,
    counting,
    following,
    gate_of,
    judged_by,
    many,
    tiles,
    weighed,
)
from tests.decide.scales import gate, scales, total

GATES = (ERRORS, LATENCY, SLO)
RULES = Evidential(GATES)


def counted(rules: Evidential = RULES) -> Evidence:
    """Evidence of five tiles."""
    return take_in(begun(), many(5, canary=(3, 100), slow=(9, 30)), scales(rules=rules))


def edited(rules: Evidential, evidence: Evidence | None = None) -> Evidence:
    """What is left of it when the spec says this."""
    return take_in(evidence or counted(), (), scales(rules=rules))


def tolerating(ratio: float, delta: float) -> Compare:
    return replace(ERRORS, tolerance=Tolerance(ratio, delta))


EDITS = {
    "ratio": tolerating(1.5, 0.0005),
    "delta": tolerating(1.1, 0.0006),
    "preset": tolerating(1.0, 0.0),
    "kind": Objective("errors", ERRORS.counted, 0.01),
    "what is counted": replace(LATENCY, name="errors"),
}


@pytest.mark.parametrize("changed", EDITS.values(), ids=EDITS)
def test_an_edited_gate_begins_anew_and_the_others_keep_every_bit(changed: EvidenceGate) -> None:
    before = counted()
    now = edited(Evidential((changed, LATENCY, SLO)), before)
    assert total(now).canary == 0
    assert gate(now).strands[0].worse == gate(begun_with(changed)).strands[0].worse
    assert now.gates[1:] == before.gates[1:]
    assert (now.tiles, now.counted_until) == (before.tiles, before.counted_until)


def begun_with(rule: EvidenceGate) -> Evidence:
    return take_in(begun(), (), scales(rule))


@pytest.mark.parametrize("changed", [replace(SLO, most=0.03), replace(SLOW, name="slo")])
def test_an_edited_objective_begins_anew(changed: Objective) -> None:
    before = counted()
    now = edited(Evidential((ERRORS, LATENCY, changed)), before)
    assert total(now, "slo").canary == 0
    assert now.gates[:2] == before.gates[:2]


def test_another_edge_of_an_objective_begins_anew() -> None:
    before = counted(Evidential((SLOW,)))
    assert total(before, "slow").canary == 500
    now = edited(Evidential((replace(SLOW, edge=250.0),)), before)
    assert total(now, "slow").canary == 0


@pytest.mark.parametrize(
    "rules", [replace(RULES, alpha=0.05), replace(RULES, reporter=Reporter.SOURCE)]
)
def test_what_all_gates_rest_on_begins_all_of_them_anew(rules: Evidential) -> None:
    now = edited(rules)
    assert [total(now, rule.name).canary for rule in GATES] == [0, 0, 0]


def test_other_good_statuses_are_no_news_to_latency() -> None:
    now = edited(replace(RULES, grpc_good=frozenset({"0"})))
    assert [total(now, rule.name).canary for rule in GATES] == [0, 500, 0]


@pytest.mark.parametrize(
    "rules",
    [
        replace(RULES, evaluate_every=sec(30)),
        replace(RULES, gates=(SLO, ERRORS, LATENCY)),
        replace(RULES, gates=(*GATES, SLOW)),
        replace(RULES, grpc_good=frozenset(sorted(RULES.grpc_good, reverse=True))),
    ],
)
def test_what_means_the_same_is_no_edit(rules: Evidential) -> None:
    before = counted()
    now = edited(rules, before)
    for rule in GATES:
        assert gate(now, rule.name) == gate(before, rule.name)


def test_a_preset_that_comes_to_the_same_numbers_is_no_edit() -> None:
    before = counted()
    assert edited(Evidential((*usual(Preset.DEFAULT), SLO)), before) == before
    quiet = edited(Evidential((*usual(Preset.QUIET), SLO)), before)
    assert [total(quiet, rule.name).canary for rule in GATES] == [0, 0, 500]


def test_a_status_from_before_terms_were_written_keeps_its_evidence() -> None:
    before = counted()
    old = replace(before, gates=tuple(replace(each, terms=None) for each in before.gates))
    assert edited(RULES, old) == before
    wire = render_status(Status(evidence=before))
    for each in wire["evidence"]["gates"]:
        del each["terms"]
    assert parse_status(orjson.dumps(wire)).evidence == old


def test_terms_survive_a_restart() -> None:
    before = counted()
    wire = render_status(Status(evidence=before))
    assert wire["evidence"]["gates"][0]["terms"] == {
        "tolerated": [1.1, 0.0005],
        "margin": [2, 0.005],
        "alpha": 0.01,
        "reporter": "destination",
        "grpcGood": "0 1 11 3 5 6 9",
    }
    assert parse_status(orjson.dumps(wire)).evidence == before
    assert [each.terms for each in before.gates] == [terms(rule, RULES) for rule in GATES]


# --- what a user sees ---


def test_an_edit_that_forgives_is_believed_at_once_and_says_so() -> None:
    snap = weighed(*many(4, canary=(3, 100)))
    first, snap = following(snap, after(41))
    assert "tolerated (1.1x + 0.05 pt)" in gate_of(first).message
    assert "(12 of 400)" in gate_of(first).message
    forgiving = judged_by(tolerating(5.0, 0.05))
    later = decide(replace(snap, spec=forgiving, counting=counting()), after(43))
    said = gate_of(later)
    assert said.verdict is Verdict.UNDECIDED
    assert "tolerated (5x + 5 pt)" in said.message
    assert "canary no requests" in said.message
    assert "evidence 1:1" in said.message


def test_what_was_nearly_proven_of_another_gate_takes_nothing_back() -> None:
    snap = weighed(*many(2, canary=(20, 100)))
    first, snap = following(snap, after(21))
    assert first.status.phase is Phase.PROGRESSING
    more = counting(*tiles(2, canary=(20, 100)))
    kept = decide(replace(snap, counting=more), after(31))
    assert kept.status.phase is not Phase.PROGRESSING
    stricter = replace(snap, spec=judged_by(tolerating(1.0, 0.0)), counting=more)
    assert decide(stricter, after(31)).status.phase is Phase.PROGRESSING
