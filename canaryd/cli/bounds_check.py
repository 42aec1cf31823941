"""What `canaryd lint` says of built-in thresholds that look like another unit than theirs."""

from __future__ import annotations

from collections.abc import Iterator

from canaryd.cli.manifest import Manifest
from canaryd.cli.query_check import Remark, remark
from canaryd.decide.narrate import number
from canaryd.model.spec import DURATION, SUCCESS_RATE

WHOLE = 1.0
"""As a fraction this would be all; nobody means a gate at 1 % or less, or of a millisecond."""


def look_at_bounds(manifest: Manifest) -> Iterator[Remark]:
    """Doubt a success rate that looks like a fraction, and a duration that looks like seconds."""
    analysis = manifest.document["spec"].get("analysis") or {}
    for index, metric in enumerate(analysis.get("metrics") or ()):
        bounds = metric.get("thresholdRange") or {}
        for end in ("min", "max"):
            value = bounds.get(end)
            if value is not None and 0 < value <= WHOLE and (said := _doubt(metric["name"], value)):
                path = ("spec", "analysis", "metrics", index, "thresholdRange", end)
                yield remark(manifest, path, said)


def _doubt(name: str, value: float) -> str | None:
    if name == SUCCESS_RATE:
        meant = number(100 * value, 6)
        return f"is {number(value, 6)} %, for the rate is in per cent: write {meant} for {meant} %"
    if name == DURATION:
        meant = number(1000 * value, 6)
        return f"is {number(value, 6)} ms: write {meant} for {number(value, 6)} s"
    return None
