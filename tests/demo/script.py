"""What `make demo` plays: podinfo 6.7.2 is good, 6.7.3 is not."""

from __future__ import annotations

from tests.demo.play import PROMOTED, ROLLED_BACK, Release, Script
from tests.demo.scene import Limits

INTERVAL = "8s"
"""Prometheus finds a new pod up to six seconds late; by then the first check has its numbers."""
LIMITS = Limits(error_rate=1, p99_ms=150)
CHECKS = [
    {
        "name": "request-success-rate",
        "thresholdRange": {"min": 100 - LIMITS.error_rate},
        "interval": INTERVAL,
    },
    {"name": "request-duration", "thresholdRange": {"max": LIMITS.p99_ms}, "interval": INTERVAL},
]
STEPS = [{"weight": weight, "for": INTERVAL} for weight in (10, 50, 100)]
SCRIPT = Script(
    analysis={"interval": INTERVAL, "threshold": 2, "steps": STEPS, "metrics": CHECKS},
    limits=LIMITS,
    releases=(
        Release("6.7.2", "A good release: podinfo 6.7.2", PROMOTED),
        Release(
            "6.7.3",
            "A bad release: podinfo 6.7.3, with 5 % errors and four times slower",
            ROLLED_BACK,
            error_rate=0.05,
            delay_ms=160,
        ),
    ),
)
