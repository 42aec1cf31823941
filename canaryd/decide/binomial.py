"""Between which fractions a fraction lies of which some requests are a sample; pure Python.

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934): the ends are the fractions at which as many failures or more, and
as many or fewer, would have half of 1 - level. With the binomial's tails as incomplete beta
functions (NIST Digital Library of Mathematical Functions, 8.17.5) they are quantiles of beta
distributions: of (k, n - k + 1) the lower one, of (k + 1, n - k) the upper one. That form needs no
whole numbers.

It is worked out in logarithms of factorials, which have lost all their digits at 10^14 requests and
overflow at 10^305. So where both failures and successes are very many a closed form is taken, the
score interval of Wilson, "Probable inference, the law of succession, and statistical inference",
Journal of the American Statistical Association 22 (1927); where only one of them is, Poisson's
limit: then the number of the rare ones tells all, and n is but the scale.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from canaryd.decide.evidence import refuse_counts

MANY = 1e5
"""Where more than so many failed, and as many did not, the closed form differs by 2 in 100,000."""
FAR = 1e8
"""Of more requests than these only the number of the rarer ones matters, to 1 in 1,000,000."""
HALVINGS = 40
TINY = 1e-300
"""Stands for a zero that would be divided by."""
EXACT = 1e-12
TERMS = 1000
"""Terms of the continued fraction at most; up to MANY of FAR it takes about 600."""


def fraction_interval(
    bad: float, of: float, level: float = 0.99, *, phi: float = 1.0
) -> tuple[float, float]:
    """Ends of the Clopper-Pearson interval for the fraction of which `bad` `of` are a sample.

    Clumps of `phi` failures are counted as one each, as evidence does: both counts are divided by
    it. It covers at `level` at one look, not at all looks together: it is for showing to people.
    Of no requests nothing is known: 0 to 1. Any finite counts have one, at about the same cost.
    """
    refuse_counts(bad, of, "a fraction")
    if not 0 < level < 1:
        message = f"a confidence level lies between 0 and 1: {level}"
        raise ValueError(message)
    if not 1 <= phi < math.inf:
        message = f"a dispersion must be finite and at least 1: {phi}"
        raise ValueError(message)
    k, n, rest = bad / phi, of / phi, (of - bad) / phi
    tail = (1 - level) / 2
    if rest < k:
        low, high = rare_interval(rest, n, tail)
        return 1 - high, 1 - low
    return rare_interval(k, n, tail)


def rare_interval(k: float, n: float, tail: float) -> tuple[float, float]:
    """The interval by the way that suits the counts; k is at most half of n."""
    if k > MANY:
        return wilson(k, n, -NormalDist().inv_cdf(tail))
    if n > FAR:
        low, high = clopper_pearson(k, FAR, tail)
        return low * (FAR / n), high * (FAR / n)
    return clopper_pearson(k, n, tail)


def wilson(k: float, n: float, z: float) -> tuple[float, float]:
    """The score interval, `z` standard deviations to each side: no term of it overflows."""
    middle, half = k + z * z / 2, z * math.sqrt(k * (1 - k / n) + z * z / 4)
    return (middle - half) / (n + z * z), (middle + half) / (n + z * z)


def clopper_pearson(k: float, n: float, tail: float) -> tuple[float, float]:
    """The exact interval, up to about FAR requests."""
    rest, share = n - k, k / n if n else 0.0
    low = quantile(tail, k, rest + 1, between=(0.0, share)) if k else 0.0
    high = quantile(1 - tail, k + 1, rest, between=(share, 1.0)) if rest else 1.0
    return low, high


def quantile(chance: float, a: float, b: float, *, between: tuple[float, float]) -> float:
    """Where the beta distribution's share below reaches `chance`, in so many halvings."""
    low, high = between
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if beta_below(middle, a, b) < chance:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_below(x: float, a: float, b: float) -> float:
    """Share of a beta distribution below x: the regularised incomplete beta function.

    By the continued fraction of DLMF 8.17.22, on the side of the mean where it converges fast.
    """
    if not 0 < x < 1:
        return 0.0 if x <= 0 else 1.0
    above = x > (a + 1) / (a + b + 2)
    if above:
        x, a, b = 1 - x, b, a
    whole = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(whole + a * math.log(x) + b * math.log1p(-x))
    share = front * continued(x, a, b) / a
    return 1 - share if above else share


def continued(x: float, a: float, b: float) -> float:
    """The continued fraction's value, by Lentz's method as Thompson and Barnett have it (1986)."""
    value, c, d = 1.0, math.inf, 1.0
    for term in range(1, TERMS):
        m = term // 2
        if term % 2:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + numerator * d or TINY)
        c = 1 + numerator / c or TINY
        value *= c * d
        if abs(c * d - 1) < EXACT:
            return value
    return value
