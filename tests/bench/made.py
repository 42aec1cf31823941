"""Made-up windows and results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench.scale.figures import Figures, Result
from bench.scale.requests import Sent
from bench.scale.strain import Strain
from bench.scale.window import Window

WEIGHT, STATUS, EVENT = "patch virtualservices", "patch canaries/status", "create events"


def released(canary: str, *, at: float, step: float = 10.0) -> list[Sent]:
    """A release as canaryd writes it: each weight, then its status and Event; then the end."""
    sent = [Sent(at - 1, STATUS, canary), Sent(at - 0.9, EVENT, canary)]
    for number in range(6):
        begun = at + step * number
        sent += [
            Sent(begun, WEIGHT, canary),
            Sent(begun + 0.1, STATUS, canary),
            Sent(begun + 0.2, EVENT, canary),
        ]
    return [*sent, Sent(at + 6 * step, STATUS, canary)]


def window(sent: Sequence[Sent] = (), **given: Any) -> Window:
    """A window of 100 s; requests are those that were sent, and the lease."""
    usual: dict[str, Any] = {
        "seconds": 100.0,
        "requests": Counter([one.name for one in sent]) + Counter({"update leases": 20}),
        "cpu": 3.0,
        "decisions": 56.0,
        "threads": {"MainThread": 2.5, "writer": 0.5},
        "memory": 90.0,
        "most_memory": 95.0,
        "control_plane": 0.4,
        "others": 0.05,
        "queries": Counter({"success": 30, "latency": 20}),
        "asked": Counter({"success": 40, "latency": 60}),
        "sent": tuple(sent),
        "strain": Strain(
            cores={"etcd": 0.1},
            memory={"etcd": 150.0},
            reads=(1.0, 3.0),
            writes=(2.0, 8.0),
            busy=0.5,
            free=1000.0,
        ),
    }
    return Window(**{**usual, **given})


def a_result(scenario: str = "release", count: int = 200, **given: Any) -> Result:
    """A result with a few figures."""
    figures: Figures = {"requests each": 21.0, "CPU ms per tick": 6.5, "others CPU %": 3.0}
    usual: dict[str, Any] = {"figures": figures, "requests": {}, "queries": {"success": 7}}
    return Result(scenario, count, **{**usual, **given})
