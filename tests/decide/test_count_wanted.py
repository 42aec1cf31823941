"""What is asked of the metrics server next: tiles, edges, and the background."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryd.decide.engine import decide
from canaryd.model.decision import Count, Decision
from canaryd.model.gates import Counted, Evidential, MetricsServer, Objective, Reporter
from canaryd.model.status import Phase
from tests.decide.build import (
    NEW,
    T0,
    a_snapshot,
    at_step,
    sec,
    started,
)
from tests.decide.counted import (
    ERRORS,
    EVEN,
    EVERY,
    LATENCY,
    SLO,
    SLOW,
    THIN,
    after,
    begun,
    counting,
    following,
    judged_by,
    tiles,
    weighed,
)


def count_of(decision: Decision) -> Count:
    assert decision.count is not None
    return decision.count


def test_outside_of_a_rollout_nothing_is_counted() -> None:
    spec = judged_by(ERRORS)
    idle = a_snapshot(spec=spec, status=replace(started(), phase=Phase.IDLE, rollout=None))
    assert decide(idle, T0).count is None
    promoting = at_step(2, spec=spec, status={"phase": Phase.PROMOTING})
    assert decide(replace(promoting, stale="silent"), T0).count is None
    assert decide(at_step(0), T0).count is None


def test_before_the_first_step_only_what_is_known_beforehand_is_asked_for() -> None:
    server = MetricsServer("http://prometheus:9090")
    evidence = Evidential((ERRORS,), reporter=Reporter.SOURCE, grpc_good=frozenset({"0"}))
    spec = judged_by(ERRORS, evidence=evidence, server=server)
    count = count_of(decide(a_snapshot(spec=spec), after(1)))
    assert count == Count(
        canary="podinfo-v2",
        primary="podinfo-v1",
        revision=NEW,
        every=EVERY,
        since=None,
        edges=(),
        warm_up=sec(30),
        reporter=Reporter.SOURCE,
        background=True,
        served_since=None,
        grpc_good=frozenset({"0"}),
        server=server,
        about="source; good 0",
    )


def test_the_background_is_asked_for_until_it_suffices() -> None:
    for known, wanted in (
        (EVEN, False),
        (THIN, True),
        (replace(EVEN, asked_at=after(-1)), True),
        (None, True),
    ):
        snap = weighed(status={"background": known}, counted={"background": None})
        assert count_of(decide(snap, after(1))).background is wanted


def test_before_the_roles_were_swapped_the_canarys_workload_served() -> None:
    assert count_of(decide(weighed(), after(1))).served_since is None
    snap = weighed(status={"swapped_at": after(-77)})
    assert count_of(decide(snap, after(1))).served_since == after(-77)


def test_tiles_are_wanted_from_where_the_written_evidence_ends() -> None:
    snap = weighed(*tiles(0, 1, 2))
    decision, following_ = following(snap, after(31))
    assert count_of(decision).since == T0
    assert count_of(decide(replace(following_, counting=counting()), after(32))).since == after(30)
    other = weighed(status={"evidence": begun(entered=0)})
    begins = replace(other, status=replace(other.status, evidence=None))
    assert count_of(decide(begins, after(1))).since == T0


EDGES: list[tuple[tuple[Any, ...], Any, tuple[float, ...] | None]] = [
    ((ERRORS,), EVEN, ()),
    ((SLO,), EVEN, ()),
    ((ERRORS, LATENCY), EVEN, (100,)),
    ((ERRORS, LATENCY), None, None),
    ((LATENCY,), replace(EVEN, edges=()), None),
    ((SLOW,), None, (100,)),
    ((Objective("slow", Counted.LATENCY, 0.05, 250.0),), EVEN, (250,)),
    ((SLOW, LATENCY), None, None),
    ((Objective("slow", Counted.LATENCY, 0.05, 250.0), LATENCY), EVEN, (100, 250)),
]


@pytest.mark.parametrize(("gates", "known", "edges"), EDGES)
def test_which_latency_edges_are_asked_for(
    gates: tuple[Any, ...], known: Any, edges: tuple[float, ...] | None
) -> None:
    snap = weighed(gates=gates, status={"background": known}, counted={"background": known})
    assert count_of(decide(snap, after(1))).edges == edges


def test_before_any_evidence_all_edges_or_those_of_the_objectives_are_asked_for() -> None:
    for gates, edges in (((LATENCY,), None), ((SLOW,), (100,)), ((ERRORS,), ())):
        snap = a_snapshot(spec=judged_by(*gates))
        assert count_of(decide(snap, after(1))).edges == edges
