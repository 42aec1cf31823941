"""Honest odds: a healthy canary is seldom taken back, however often one looks. Exact sums."""

from __future__ import annotations

import math
from functools import cache
from itertools import product
from random import Random

import pytest

from canaryd.decide.evidence import BETTER, WORSE, EProcess
from tests.decide.processes import CAP, PRESETS

Pmf = tuple[float, ...]
Table = dict[tuple[int, int], list[float]]


@cache
def binomial(n: int, p: float) -> Pmf:
    return tuple(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(n + 1))


@cache
def poisson(mean: float, most: int) -> Pmf:
    return tuple(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(most))


@cache
def clumped(clumps: float, mean: float, most: int) -> Pmf:
    """A Poisson number of clumps of geometric sizes, by Panjer's recursion."""
    sizes = [0.0, *(j * (1 - 1 / mean) ** (j - 1) / mean for j in range(1, most))]
    found = [math.exp(-clumps)]
    for n in range(1, most):
        found.append(clumps / n * sum(sizes[j] * found[n - j] for j in range(1, n + 1)))
    return tuple(found)


@cache
def factors(start: EProcess, nc: int, n_p: int, most: tuple[int, int], phi: float) -> Table:
    """What each pair of counts multiplies the bets by."""
    before = start.release(1.0)
    found: Table = {}
    for ec, ep in product(range(most[0]), range(most[1])):
        after = before.update(ec, nc, ep, n_p, phi).logv
        found[ec, ep] = [math.exp(v - v0) for v, v0 in zip(after, before.logv, strict=True)]
    return found


def expectations(start: EProcess, nc: int, n_p: int, *chances: Pmf, phi: float = 1.0) -> Pmf:
    """Each bet's exact expectation; the chances are those of the canary's and primary's counts."""
    canary, primary = chances
    found = [0.0] * len(start.bets)
    for (ec, ep), each in factors(start, nc, n_p, (len(canary), len(primary)), phi).items():
        chance = canary[ec] * primary[ep]
        found = [so_far + chance * factor for so_far, factor in zip(found, each, strict=True)]
    return tuple(found)


@pytest.mark.parametrize("process", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("phi", [1.0, 1.7, 20.0])
@pytest.mark.parametrize(("nc", "n_p"), [(1, 1), (1, 40), (5, 3), (12, 60), (40, 10), (30, 30)])
def test_a_healthy_canary_is_never_expected_to_gather_evidence(
    process: EProcess, nc: int, n_p: int, phi: float
) -> None:
    """Exact sums over both binomials, at the edge of what is tolerated."""
    for p in (0.0, 0.0001, 0.001, 0.01, 0.1, 0.45, 0.8, 1.0):
        edge = process.ratio * p + process.delta
        if edge <= 1 or process.bets == WORSE:
            canary, primary = binomial(nc, min(1.0, edge)), binomial(n_p, p)
            assert max(expectations(process, nc, n_p, canary, primary, phi=phi)) <= 1 + 1e-9


def test_against_rare_failures_no_evidence_is_given_away() -> None:
    """With Poisson counts every bet is exactly fair: nothing more careful is computed."""
    canary, primary = poisson(300 * (1.1 * 0.002 + 0.0005), 50), poisson(1500 * 0.002, 30)
    found = expectations(PRESETS["default"], 300, 1500, canary, primary)
    assert found == pytest.approx([1.0] * 5, abs=1e-9)


def test_bursts_of_one_size_are_fair_once_divided_by_that_size() -> None:
    canary, primary = (
        tuple(chance for x in poisson(mean, 40) for chance in (x, 0.0, 0.0, 0.0, 0.0))
        for mean in (0.4, 3.6)
    )
    found = expectations(EProcess(), 1000, 9000, canary, primary, phi=5.0)
    assert found == pytest.approx([1.0] * 5, abs=1e-9)


def test_bursts_of_unequal_sizes_need_the_cap() -> None:
    """Where the bound is not a theorem; the module's docstring says so, this says how far."""
    clumps = clumped(2 / 3, 3.0, 150), clumped(6.0, 3.0, 150)
    free = expectations(EProcess(), 1000, 9000, *clumps, phi=5.0)
    capped = expectations(EProcess(cap=CAP), 1000, 9000, *clumps, phi=5.0)
    assert sum(free) / 5 > 10
    assert sum(capped) / 5 < 1 < max(capped) < 1.03


@pytest.mark.parametrize(
    "process", [EProcess(1.1, 0.01), EProcess(0.0, 0.05), EProcess(2.0, 0.05, BETTER)], ids=str
)
def test_looking_at_every_answer_does_not_raise_false_alarms(process: EProcess) -> None:
    """Exact: every path of 40 looks; with an unchanging share, totals are the whole history."""
    nc, n_p, p, alpha = 1, 3, 0.1, 0.05
    start, crossed = process.release(1.0), 0.0
    canary, primary = binomial(nc, process.ratio * p + process.delta), binomial(n_p, p)
    alive = {(0, 0): 1.0}
    for look in range(1, 41):
        ahead: dict[tuple[int, int], float] = {}
        moves = product(alive.items(), enumerate(canary), enumerate(primary))
        for ((ec, ep), chance), (i, x), (j, y) in moves:
            at = ec + i, ep + j
            ahead[at] = ahead.get(at, 0.0) + chance * x * y
        evidence = {at: start.update(at[0], nc * look, at[1], n_p * look).log_e for at in ahead}
        alive = {at: x for at, x in ahead.items() if evidence[at] < -math.log(alpha)}
        crossed += sum(ahead.values()) - sum(alive.values())
    assert crossed + sum(alive.values()) == pytest.approx(1.0)
    assert 0 < crossed <= 0.8 * alpha


@pytest.mark.parametrize(("ratio", "delta"), [(1.0, 0.0), (1.1, 0.0005), (1.25, 0.001)])
def test_a_whole_rollout_at_the_tolerance_is_seldom_taken_back(ratio: float, delta: float) -> None:
    """Steps of 5, 25 and 50 % of 200 requests a look, an outage of both sides in the middle."""
    chance, alpha, rollouts, alarms = Random(11), 0.05, 500, 0
    for _ in range(rollouts):
        process, seen = EProcess(ratio, delta, WORSE, -math.log(alpha) / 2), False
        for step, nc in enumerate((10, 50, 100)):
            process = process.release(0.25 if step else 0.5)
            for p, looks in ((0.01, 10), (0.3 if step == 1 else 0.01, 10)):
                rates = ((nc, ratio * p + delta), (200 - nc, p))
                draws = [chance.choices(range(n + 1), binomial(n, q), k=looks) for n, q in rates]
                for ec, ep in zip(*draws, strict=True):
                    process = process.update(ec, nc, ep, 200 - nc)
                    seen = seen or process.log_e >= -math.log(alpha)
        alarms += seen
    assert alarms / rollouts <= 0.8 * alpha
