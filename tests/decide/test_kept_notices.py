"""Which notices stay in the status: the last rollout's, what is unheard, a few from before."""

from __future__ import annotations

from dataclasses import replace

from canaryd.adapters.history.rows import ENDINGS
from canaryd.cli.release import DECIDED, LAST
from canaryd.decide.outcome import next_status
from canaryd.model.decision import Decision
from canaryd.model.names import Key, Weight
from canaryd.model.notice import ENDS, OUTLIVES, Notice, Tidings
from canaryd.model.spec import Alert, Severity
from tests.decide.build import MINUTE, T0, a_spec, at_step

TOLD = Notice(41, "StepEntered", "…", Severity.INFO, T0, "Progressing", Weight(10))


def standing(*facts: tuple[str, str | None]) -> tuple[Notice, ...]:
    """Notices of these reasons and rollouts."""
    return tuple(
        replace(TOLD, seq=seq, reason=reason, rollout=rollout)
        for seq, (reason, rollout) in enumerate(facts, 1)
    )


def left(earlier: tuple[Notice, ...], news: Tidings | None = None, **delivered: int) -> list[int]:
    """The numbers of the notices that stand after these."""
    alerts = (Alert("ops", Severity.INFO, Key("demo", "slack")),)
    snap = at_step(spec=a_spec(alerts=alerts), status={"notices": earlier})
    decision = Decision(status=snap.status, tidings=(news,) if news is not None else ())
    status = next_status(snap, decision, T0 + MINUTE, problems=(), delivered=delivered)
    return [notice.seq for notice in status.notices]


NEXT = Tidings("RolloutStarted", "…", rollout="new")


def test_of_earlier_rollouts_only_the_ends_stay_once_everybody_has_heard() -> None:
    of_one = ("RolloutStarted", "StepEntered", "CheckFailed", "RolledBack")
    earlier = standing(("TakenOver", None), *((reason, "old") for reason in of_one))
    assert left(earlier, NEXT, events=5, ops=5) == [1, 5, 6]
    assert left(earlier, NEXT, events=5, ops=3) == [1, 4, 5, 6]
    assert left(earlier, NEXT, events=1, ops=5) == [1, 2, 3, 4, 5, 6]
    assert left(earlier, events=5, ops=5) == [1, 2, 3, 4, 5]
    assert left(earlier, Tidings("Stalled", "…"), events=5, ops=5) == [1, 2, 3, 4, 5, 6]


def test_a_status_does_not_grow_with_the_number_of_rollouts() -> None:
    ends = standing(*(("Promoted", f"old-{number}") for number in range(12)))
    assert left(ends, NEXT, events=12, ops=12) == [8, 9, 10, 11, 12, 13]
    assert left(ends, NEXT, events=12, ops=4) == [1, 2, 3, 4, *range(5, 14)]


def test_that_another_slot_serves_is_remembered_when_the_next_rollout_has_begun() -> None:
    earlier = standing(
        ("RolloutStarted", "old"), ("ServingSlotChanged", "old"), ("Superseded", "old")
    )
    assert left(earlier, NEXT, events=3, ops=3) == [2, 3, 4]
    assert LAST.keys() <= OUTLIVES
    assert ENDINGS.keys() == DECIDED.keys() == ENDS
