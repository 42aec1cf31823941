"""How many of so many: what is left to chance, from a source that can be repeated."""

from __future__ import annotations

from math import log, log1p
from random import Random

ONE_BY_ONE = 50
"""Up to so many arrivals are drawn one by one; above, their sum is drawn."""
NEARLY_NORMAL, HALF = 25.0, 0.5
"""Beyond this variance a binomial is drawn as a normal: below, rare failures would be far off."""


def drawn(count: float, chance: float, source: Random) -> float:
    """How many of so many come out, each with this chance (binomial)."""
    whole = round(count)
    if chance > HALF:
        return whole - drawn(whole, 1 - chance, source)
    mean = whole * chance
    if mean * (1 - chance) > NEARLY_NORMAL:
        value = round(source.gauss(mean, (mean * (1 - chance)) ** 0.5))
        return float(min(max(value, 0), whole))
    if not mean:
        return 0.0
    found, at = 0, 0  # from one that comes out to the next
    while (at := at + 1 + int(log(1 - source.random()) / log1p(-chance))) <= whole:
        found += 1
    return float(found)


def arrivals(mean: float, source: Random) -> float:
    """How many requests come, at a steady mean."""
    if mean > ONE_BY_ONE:
        return float(max(0, round(source.gauss(mean, mean**0.5))))
    count, passed = 0, source.expovariate(1.0)
    while passed < mean:
        count += 1
        passed += source.expovariate(1.0)
    return float(count)
