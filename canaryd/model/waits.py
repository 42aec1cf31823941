"""Every wait of a rollout in one place, with its default; tests on real parts shorten them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Waits:
    """How long canaryd waits for what; all are settings."""

    readiness_return: timedelta = timedelta(seconds=30)
    """Unbroken readiness before traffic returns to a canary that was lost; doubles per loss."""
    contest_window: timedelta = timedelta(minutes=10)
    """A second foreign edit of the weights within this time is a contest; it ends after as long."""
    stale_watch: timedelta = timedelta(minutes=2)
    """Nothing rises when the watches have been silent for longer than this."""
    evidence_write: timedelta = timedelta(seconds=60)
    """At most this often is the status written when only gate sentences moved."""
    warm_up: timedelta = timedelta(seconds=30)
    """Each pod's first time is left out of the evidence, on both sides."""
    weight_settles: timedelta = timedelta(seconds=5)
    """A tile this close to a change of weight counts for nothing."""
    share_settles: timedelta = timedelta(seconds=30)
    """So long after a change of weight is the observed share looked at."""
