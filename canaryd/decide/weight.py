"""The weight that is wanted: a function of phase, step, caps and what comes next."""

from __future__ import annotations

from typing import assert_never

from canaryd.decide.draft import Draft, EnterStep, Promote
from canaryd.model.names import ALL_TRAFFIC, NO_TRAFFIC, Weight
from canaryd.model.status import Phase


def wanted(draft: Draft) -> Weight:
    """The weight is a function of phase, step and caps; what is observed only bounds it."""
    match draft.advance:
        case EnterStep(index=index):
            weight = draft.snap.spec.analysis.steps[index].weight
        case Promote():
            weight = ALL_TRAFFIC
        case None:
            weight = unchanged(draft)
        case _:
            assert_never(draft.advance)
    return max(min(weight, draft.ceiling), draft.floor)


def unchanged(draft: Draft) -> Weight:
    """The weight when nothing advances."""
    status = draft.status
    match status.phase:
        case Phase.INITIALIZING | Phase.IDLE | Phase.ROLLING_BACK:
            return NO_TRAFFIC
        case Phase.PROGRESSING:
            return NO_TRAFFIC if status.cap or status.step is None else status.step.weight
        case Phase.PROMOTING:
            return NO_TRAFFIC if status.cap else ALL_TRAFFIC
        case _:
            assert_never(status.phase)
