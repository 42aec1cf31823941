"""What statistics says beforehand: intervals of a proportion, and Wald's least of requests."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, exp, fsum, lgamma, log, log1p

from canaryd.model.gates import ALPHA, Tolerance

KNOWN = {(0.001, 0.01): 464, (0.01, 0.02): 1793, (0.01, 0.05): 132}
"""The design's figures for Wald's bound, for errors that rise from one rate to another."""


def clopper_pearson(hits: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval of a proportion."""
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else root(lambda p: 1 - at_most(hits - 1, of, p) > tail)
    high = 1.0 if hits == of else root(lambda p: at_most(hits, of, p) < tail)
    return low, high


def at_most(hits: int, of: int, p: float) -> float:
    """The probability of at most so many hits; in logarithms, for thousands are too many else."""
    if p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 1.0 if hits >= of else 0.0
    ways = (lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1) for k in range(hits + 1))
    chances = (k * log(p) + (of - k) * log1p(-p) for k in range(hits + 1))
    return min(1.0, fsum(exp(way + chance) for way, chance in zip(ways, chances, strict=True)))


def root(beyond: Callable[[float], bool]) -> float:
    """Where a condition on [0, 1] becomes true."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return high


def wald(healthy: float, bad: float, tolerance: Tolerance, alpha: float = ALPHA) -> float:
    """The mean number of canary requests of the sequential test of two known Poisson rates.

    It knows the primary's rate, and how bad the canary is; no test with this alpha needs less.
    """
    edge = tolerance.ratio * healthy + tolerance.delta
    return log(1 / alpha) / (bad * log(bad / edge) - (bad - edge))


def check(tolerance: Tolerance) -> None:
    """The formula gives the design's figures."""
    for (healthy, bad), known in KNOWN.items():
        found = wald(healthy, bad, tolerance)
        if known not in (int(found), ceil(found), round(found)):
            message = f"Wald's bound for {healthy} to {bad} is {found:.1f}, not {known}"
            raise AssertionError(message)
