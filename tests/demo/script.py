"""What `make demo` plays: podinfo 6.7.2 is good, 6.7.3 is not."""

from __future__ import annotations

from tests.demo.play import PROMOTED, ROLLED_BACK, Release, Script

CHECKS = [
    {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "3s"},
    {"name": "request-duration", "thresholdRange": {"max": 200}, "interval": "3s"},
]
STEPS = [{"weight": weight, "for": "4s"} for weight in (10, 25, 50, 100)]
SCRIPT = Script(
    analysis={"interval": "3s", "threshold": 2, "steps": STEPS, "metrics": CHECKS},
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
