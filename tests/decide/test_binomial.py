"""The interval of a fraction: table values, closed forms, and what more requests do to it."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaryd.decide.binomial import (
    FAR,
    MANY,
    TERMS,
    beta_below,
    clopper_pearson,
    continued,
    fraction_interval,
    wilson,
)

# Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17
# (1998), table I, the exact method of Clopper and Pearson at 95 %.
TABLE = [
    (81, 263, 0.2527, 0.3676),
    (15, 148, 0.0578, 0.1617),
    (0, 20, 0.0, 0.1684),
    (1, 29, 0.0009, 0.1776),
]


@pytest.mark.parametrize(("bad", "of", "low", "high"), TABLE)
def test_it_is_the_interval_of_the_table(bad: int, of: int, low: float, high: float) -> None:
    assert fraction_interval(bad, of, 0.95) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("of", [1, 10, 90, 3000])
def test_where_none_or_all_failed_it_has_a_closed_form(of: int) -> None:
    far = 1 - 0.005 ** (1 / of)
    assert fraction_interval(0, of) == pytest.approx((0.0, far), abs=1e-10)
    assert fraction_interval(of, of) == pytest.approx((1 - far, 1.0), abs=1e-10)


@given(of=st.integers(1, 60), data=st.data())
def test_at_its_ends_the_exact_binomial_tails_are_half_of_what_may_err(
    of: int, data: st.DataObject
) -> None:
    bad = data.draw(st.integers(0, of))
    low, high = fraction_interval(bad, of)

    def tail(numbers: range, rate: float) -> float:
        return math.fsum(math.comb(of, k) * rate**k * (1 - rate) ** (of - k) for k in numbers)

    if bad:
        assert tail(range(bad, of + 1), low) == pytest.approx(0.005, abs=1e-9)
    if bad < of:
        assert tail(range(bad + 1), high) == pytest.approx(0.005, abs=1e-9)


counts = st.tuples(st.floats(0, 1), st.floats(0.5, 1e7)).map(lambda c: (c[0] * c[1], c[1]))


@given(seen=counts, phi=st.floats(1, 60))
def test_it_contains_what_was_seen_and_mirrors_for_what_went_well(
    seen: tuple[float, float], phi: float
) -> None:
    bad, of = seen
    low, high = fraction_interval(bad, of, phi=phi)
    assert 0 <= low <= bad / of <= high <= 1
    mirrored = fraction_interval(of - bad, of, phi=phi)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-6)


@given(seen=counts, more=st.floats(1, 100), phi=st.floats(1, 20))
def test_it_shrinks_with_more_requests_and_widens_with_clumps(
    seen: tuple[float, float], more: float, phi: float
) -> None:
    bad, of = seen
    wide, narrow = fraction_interval(bad, of), fraction_interval(bad * more, of * more)
    assert narrow[0] >= wide[0] - 1e-6
    assert narrow[1] <= wide[1] + 1e-6
    clumped = fraction_interval(bad * phi, of * phi, phi=phi)
    assert clumped == pytest.approx(wide, abs=1e-6)


def test_ten_times_the_requests_bring_the_ends_together() -> None:
    widths = [high - low for low, high in (fraction_interval(n, 100 * n) for n in (1, 10, 100))]
    for before, after in pairwise(widths):
        assert after < before / 2


@pytest.mark.parametrize("of", [2 * MANY, 3 * MANY, 100 * MANY])
@pytest.mark.parametrize("mirrored", [False, True], ids=["failures", "successes"])
def test_where_the_closed_form_takes_over_nobody_sees_a_jump(of: float, *, mirrored: bool) -> None:
    bad = of - MANY if mirrored else MANY
    exact, closed = clopper_pearson(bad, of, 0.005), wilson(bad, of, -NormalDist().inv_cdf(0.005))
    assert closed == pytest.approx(exact, rel=2e-5)
    assert fraction_interval(bad, of) == pytest.approx(exact, rel=1e-9)
    more = fraction_interval(bad + (-1 if mirrored else 1), of)
    assert more == pytest.approx(exact, rel=3e-5)


@pytest.mark.parametrize("bad", [0, 1, 30, 1000, MANY])
def test_of_very_many_requests_only_the_failures_matter(bad: float) -> None:
    low, high = fraction_interval(bad, FAR)
    assert fraction_interval(bad, 2 * FAR) == pytest.approx((low / 2, high / 2), rel=1e-6)
    assert fraction_interval(bad, 1e16) == pytest.approx((low * FAR / 1e16, high * FAR / 1e16))
    assert fraction_interval(1e16 - bad, 1e16) == pytest.approx((1.0, 1.0))


def test_of_no_failure_in_very_many_the_rule_of_three_holds() -> None:
    assert fraction_interval(0, 1e16, 0.9)[1] == pytest.approx(-math.log(0.05) / 1e16, rel=1e-5)


ABSURD = [1e9, 1e14, 1.6e17, 1e18, 1e40, 1e160, 1.7e308]


@pytest.mark.parametrize("of", ABSURD)
@pytest.mark.parametrize("share", [0.0, 1e-300, 1e-12, 1e-6, 0.01, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("phi", [1.0, 10.0, 1e300])
def test_absurd_counts_have_an_interval_too(of: float, share: float, phi: float) -> None:
    low, high = fraction_interval(share * of, of, phi=phi)
    assert 0 <= low <= share * (1 + 1e-9)
    assert share * (1 - 1e-9) <= high <= 1
    if of / phi > 1e14:  # so many leave nothing open
        assert high - low < 1e-6


@given(bad=st.floats(0, 1e6), of=st.floats(0, 1e308), phi=st.floats(1, 1e308))
def test_no_counts_make_it_raise(bad: float, of: float, phi: float) -> None:
    for failed in (min(bad, of), of - min(bad, of), of / 2):
        low, high = fraction_interval(failed, of, phi=phi)
        assert 0 <= low <= high <= 1


def test_of_no_requests_nothing_is_known() -> None:
    assert fraction_interval(0, 0) == (0.0, 1.0)


def test_below_nothing_there_is_nothing_and_below_one_all() -> None:
    assert (beta_below(0.0, 3, 4), beta_below(1.0, 3, 4)) == (0.0, 1.0)
    assert beta_below(0.5, 4, 4) == pytest.approx(0.5)


def test_even_where_the_fraction_goes_on_for_too_long_it_ends() -> None:
    assert math.sqrt(1e12) > TERMS
    assert math.isfinite(continued(0.5, 1e12, 1e12))


@pytest.mark.parametrize(
    ("says", "bad", "of", "level", "phi"),
    [
        ("a fraction: 6 errors of 5", 6, 5, 0.99, 1.0),
        ("between 0 and 1: 1.0", 1, 5, 1.0, 1.0),
        ("at least 1: 0.5", 1, 5, 0.99, 0.5),
        ("at least 1: nan", 1, 5, 0.99, math.nan),
    ],
)
def test_counts_that_cannot_be_are_refused(
    says: str, bad: float, of: float, level: float, phi: float
) -> None:
    with pytest.raises(ValueError, match=says):
        fraction_interval(bad, of, level, phi=phi)
