"""Evidence: exact numbers, what may move it, and the same bits after a restart."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaryd.decide.evidence import BETTER, WORSE, EProcess, dispersion, mean_log, ratio_interval
from tests.decide.processes import CAP, PRESETS

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("vectors.json").read_text(encoding="utf-8")
)


Counts = tuple[int, int, int, int]


def written(process: EProcess) -> str:
    logv = [None if math.isinf(v) else v for v in process.logv]
    return json.dumps({"logv": logv, "reserve": process.reserve})


def restarted(one: EProcess) -> EProcess:
    state = json.loads(written(one))
    logv = tuple(-math.inf if v is None else v for v in state["logv"])
    return EProcess(one.ratio, one.delta, one.bets, one.cap, logv, state["reserve"])


counts = st.tuples(
    st.integers(0, 400), st.integers(0, 400), st.integers(0, 3000), st.integers(0, 3000)
).map(lambda c: (min(c[:2]), max(c[:2]), min(c[2:]), max(c[2:])))


processes = st.builds(
    lambda p, cap: EProcess(p.ratio, p.delta, p.bets, cap),
    st.sampled_from(list(PRESETS.values())),
    st.sampled_from([math.inf, CAP]),
)


phis = st.floats(1, 60)


@pytest.mark.parametrize("case", VECTORS["e_process"])
def test_every_worked_history_gives_its_evidence(case: dict[str, Any]) -> None:
    cap = math.inf if case["cap"] is None else case["cap"]
    process = EProcess(case["ratio"], case["delta"], tuple(case["bets"]), cap)
    for step in case["steps"]:
        process = process.release(step["release"])
        process = process.update(step["ec"], step["nc"], step["ep"], step["np"], case["phi"])
        assert process.log_e == pytest.approx(step["log_e"], abs=1e-9, rel=0)


def test_every_worked_table_gives_its_dispersion_and_every_ratio_its_interval() -> None:
    for case in VECTORS["dispersion"]:
        assert abs(dispersion(case["errors"], case["requests"]) - case["phi"]) <= 1e-6
    for case in VECTORS["ratio_ci"]:
        found = ratio_interval(case["steps"], case["level"])
        assert found == pytest.approx((case["low"], case["high"]), abs=1e-6, rel=0)


@given(process=processes, history=st.lists(counts, max_size=12), phi=phis)
def test_a_restart_between_any_two_evaluations_changes_no_bit(
    process: EProcess, history: list[Counts], phi: float
) -> None:
    straight = split = process.release(0.5)
    for n, each in enumerate(history):
        straight = straight.update(*each, phi=phi).release(0.1 if n % 4 == 3 else 0.0)
        split = restarted(restarted(split).update(*each, phi=phi))
        split = split.release(0.1 if n % 4 == 3 else 0.0)
        assert split == straight
        assert written(split) == written(straight)
        assert split.log_e.hex() == straight.log_e.hex()


@given(process=processes, seen=counts, phi=phis)
def test_one_more_failure_of_the_canary_never_speaks_for_it(
    process: EProcess, seen: Counts, phi: float
) -> None:
    ec, nc, ep, n_p = seen
    start = process.release(1.0)
    before = start.update(ec, nc + 1, ep, n_p + 1, phi).log_e
    more = start.update(ec + 1, nc + 1, ep, n_p + 1, phi).log_e
    shared = start.update(ec, nc + 1, ep + 1, n_p + 1, phi).log_e
    sign = 1 if process.bets == WORSE else -1
    assert sign * more >= sign * before - 1e-9
    assert sign * shared <= sign * before + 1e-9


@given(process=processes, seen=counts, phi=phis, more=st.floats(1, 20))
def test_burstier_services_never_yield_more_evidence(
    process: EProcess, seen: Counts, phi: float, more: float
) -> None:
    """Bet by bet; under a cap a mixture may gain, as its losing bets then lose less."""
    start = process.release(1.0)
    calm, bursty = start.update(*seen, phi), start.update(*seen, phi * more)
    for v0, v, tempered in zip(start.logv, calm.logv, bursty.logv, strict=True):
        assert v <= v0 or tempered <= v
    assert bursty.log_e <= max(calm.log_e, 0.0) + 1e-9 or process.cap == CAP


@given(process=processes, seen=counts, cap=st.floats(0.1, 5))
def test_one_evaluation_adds_at_most_the_cap_and_may_take_away_any_amount(
    process: EProcess, seen: Counts, cap: float
) -> None:
    free = EProcess(process.ratio, process.delta, process.bets).release(1.0)
    capped = EProcess(process.ratio, process.delta, process.bets, cap).release(1.0)
    for v, limited in zip(free.update(*seen).logv, capped.update(*seen).logv, strict=True):
        assert limited == pytest.approx(min(v, free.logv[0] + cap))
    assert capped.update(*seen).log_e <= cap + 1e-9


def test_an_evaluation_that_compares_nothing_changes_nothing() -> None:
    process = EProcess(1.1, 0.0005).release(0.5)
    assert process.update(0, 0, 5, 900) == process
    assert process.update(4, 10, 0, 0) == process
    assert EProcess(0.0, 0.01).release(0.5).update(4, 10, 0, 0).log_e > 0


def test_bets_cost_nothing_to_place_and_no_more_is_placed_than_there_is() -> None:
    process = EProcess()
    assert (process.log_e, process.logv) == (0.0, (-math.inf,) * 5)
    for _ in range(4):
        process = process.release(0.3)
        assert process.log_e == pytest.approx(0.0, abs=1e-12)
    assert process.reserve == 0
    assert process.release(1.0) is process
    assert EProcess(reserve=1e-13).log_e == -math.inf


def test_a_canary_with_one_failure_has_lost_the_bet_that_it_has_none() -> None:
    process = EProcess(2.0, 0.005, BETTER).release(0.5).update(1, 5000, 10, 5000)
    assert process.logv[0] == -math.inf
    assert process.log_e > 0
    assert process.release(0.5).logv[0] == math.log(0.1)


ONE = EProcess()
NONSENSE: list[tuple[str, Callable[[], object]]] = [
    ("canary: -1 errors of 5", lambda: ONE.update(-1, 5, 0, 5)),
    ("canary: 6 errors of 5", lambda: ONE.update(6, 5, 0, 5)),
    ("primary: 6 errors of 5", lambda: ONE.update(0, 5, 6, 5)),
    ("primary: nan errors of 5", lambda: ONE.update(0, 5, math.nan, 5)),
    ("at least 1: nan", lambda: ONE.update(0, 5, 0, 5, math.nan)),
    ("at least 1: 0.5", lambda: ONE.update(0, 5, 0, 5, 0.5)),
    ("not be negative: -0.5", lambda: ONE.release(-0.5)),
    ("bets must all", lambda: EProcess(bets=(0.5, 2.0))),
    ("bets must all", lambda: EProcess(bets=())),
    ("cannot have 1 logarithms", lambda: EProcess(logv=(0.0,))),
    ("no tolerance: ratio -1", lambda: EProcess(-1.0)),
    ("the same columns", lambda: dispersion([[1, 2], [1]], [[5, 5], [5]])),
    ("the same columns", lambda: dispersion([[1, 2]], [[5, 5], [5, 5]])),
    ("pod 1: counts", lambda: dispersion([[1, 2], [1, 6]], [[5, 5], [5, 5]])),
    ("prior and blocks", lambda: dispersion([[1]], [[5]], blocks=(0,))),
    ("between 0 and 1: 1.0", lambda: ratio_interval([], 1.0)),
]


@pytest.mark.parametrize(("says", "ask"), NONSENSE, ids=map(str, range(len(NONSENSE))))
def test_counts_that_cannot_be_are_refused_by_name(says: str, ask: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=says):
        ask()


def test_a_primary_without_pods_or_failures_is_taken_as_calm() -> None:
    assert dispersion([], []) == 1.0
    assert dispersion([[], []], [[], []]) == 1.0
    assert dispersion([[0] * 60] * 3, [[0] * 60] * 3) == 1.0
    assert dispersion([[0] * 60] * 3, [[90] * 60] * 3) == 1.0


def test_a_span_that_is_lost_in_rounding_is_left_out() -> None:
    assert dispersion([[0, 1], [0, 0]], [[1e17, 1], [1e17, 1]]) == 1.0


def test_failures_that_all_pods_share_do_not_make_a_service_bursty() -> None:
    outage = [0] * 20 + [50] * 20 + [0] * 20
    assert dispersion([outage] * 3, [[100] * 60] * 3) == 1.0
    assert dispersion([outage, [0] * 60, [0] * 60], [[100] * 60] * 3) > 100
    assert dispersion([outage], [[100] * 60]) > 100


def test_a_pod_with_hardly_a_request_is_weighed_right_beside_the_busiest() -> None:
    failed, asked = [[3e11] * 3, [2.0, 0.0, 1.0]], [[1e12] * 3, [2.0, 1.0, 2.0]]
    # In one block of three columns either pod is 1.5 off its due share, of which 1.5 are usual.
    by_hand = (2.0 + 2 * 1.5**2) / (2.0 + 2 * 1.5)
    assert dispersion(failed, asked) == pytest.approx(by_hand, abs=1e-6)


def test_the_interval_closes_around_the_ratio_as_requests_come_in() -> None:
    narrow, wide = [ratio_interval([(3 * m, 1000 * m, 20 * m, 20000 * m)]) for m in (1000, 10)]
    assert 0 < wide[0] < narrow[0] < 3 < narrow[1] < wide[1]
    assert ratio_interval([]) == (0.0, math.inf)
    calm, bursty = [ratio_interval([(90, 1000, 600, 20000)] * 3, phi=phi) for phi in (1.0, 8.0)]
    assert bursty[0] < calm[0] < calm[1] < bursty[1]


def test_several_edges_weigh_as_the_mean_of_their_odds() -> None:
    assert mean_log([]) == 0.0
    assert mean_log([1.25]) == 1.25
    assert mean_log([-math.inf]) == -math.inf
    assert mean_log([math.log(3), -math.inf, math.log(9)]) == pytest.approx(math.log(4))
    assert mean_log([4000.0, 4000.0, -4000.0]) == pytest.approx(4000 + math.log(2 / 3))


def test_what_is_left_to_bet_after_days_is_too_little_to_share_out_and_nothing_breaks() -> None:
    """A rollout may wait for a person over a long weekend: 30,000 tiles of ten seconds."""
    process = EProcess().release(0.75)
    for _ in range(30_000):
        process = process.release(0.03 * process.reserve)
    assert process.reserve < 1e-300
    assert process.log_e == pytest.approx(0)
    assert process.update(5, 100, 9, 900, 1.0).log_e > 1
