"""Which pods a tile is about, by their names."""

from __future__ import annotations

from canaryd.adapters.prometheus.queries import LONGEST_BASE
from canaryd.model.gates import Reporter
from canaryd.model.question import TileQuestion

SUFFIX = 5
"""So many characters Kubernetes appends to the name of what owns a pod."""


def belongs(asked: TileQuestion, workload: str, pod: str) -> bool:
    """Whether a pod's requests are one side's: the judged revision's, or any of the primary's.

    Series without a pod are kept, so that somebody can say so. Where clients (or waypoints) count,
    `pod` is theirs and tells nothing of the revision: there all requests to a workload count.
    """
    if not pod or asked.reporter is not Reporter.DESTINATION:
        return True
    if workload == asked.canary:
        return _made_by(f"{workload}-{asked.revision}-", pod)
    return _made_by(f"{workload}-", pod)


def _made_by(base: str, pod: str) -> bool:
    """Whether Kubernetes made this pod's name of that base, which it cuts when it is long."""
    if len(base) <= LONGEST_BASE:
        return pod.startswith(base) and len(pod) > len(base)
    return pod.startswith(base[:LONGEST_BASE]) and len(pod) == LONGEST_BASE + SUFFIX
