"""What an hour of churn did, and what memory did meanwhile: figures of its samples and censuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.scale.census import MEMORY
from bench.scale.figures import Figures

WARMING = 1 / 6
"""This part of the time is warm-up: caches and pools fill."""
MEAN = 12
"""So many samples make a figure: one minute."""


@dataclass(slots=True)
class Tally:
    """What was done, and what memory did meanwhile: hours since the beginning, and MiB."""

    made: int = 0
    """And as many were deleted."""
    released: int = 0
    apart: set[str] = field(default_factory=set[str])
    """Canaries, "namespace/name", of which a release was not promoted."""
    samples: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    censuses: list[tuple[float, dict[str, int]]] = field(
        default_factory=list[tuple[float, dict[str, int]]]
    )


def summed(tally: Tally, minutes: float) -> Figures:
    """The figures of a churn that was to last so long."""
    warm = [each for each in tally.samples if each[0] >= WARMING * minutes / 60]
    return {
        "minutes": 60 * tally.samples[-1][0] if tally.samples else 0,
        "released": tally.released,
        "made and deleted": tally.made,
        "RSS after warm-up MiB": mean(warm[:MEAN]),
        "RSS at the end MiB": mean(warm[-MEAN:]),
        "RSS a line says, MiB per hour": slope(warm),
        **objects(tally.censuses),
    }


def mean(samples: Sequence[tuple[float, float]]) -> float:
    """Of the second numbers."""
    return sum(value for _, value in samples) / len(samples) if samples else 0.0


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Of the line with the least squares."""
    if len(samples) < 2:
        return 0.0
    middle, height = sum(x for x, _ in samples) / len(samples), mean(samples)
    square = sum((x - middle) ** 2 for x, _ in samples)
    return sum((x - middle) * (y - height) for x, y in samples) / square


def objects(censuses: Sequence[tuple[float, dict[str, int]]]) -> Figures:
    """Counts after warm-up and at the end, and what there is more of."""
    if not censuses:
        return {}
    warm, last = dict(censuses[min(1, len(censuses) - 1)][1]), dict(censuses[-1][1])
    apart = {name: (warm.pop(name, 0), last.pop(name, 0)) for name in MEMORY}
    more = {name: number - warm.get(name, 0) for name, number in last.items()}
    most = sorted(more.items(), key=lambda each: -each[1])[:5]
    return {
        "objects after warm-up": sum(warm.values()),
        "objects at the end": sum(last.values()),
        **{f"{name}, then and at the end": f"{a:,} {b:,}" for name, (a, b) in apart.items()},
        "more of": ", ".join(f"{name} {number:+,}" for name, number in most if number > 0),
    }
