"""The play on a stage of paper: what it waits for, and when it says that all went as it should."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canaryd.model.names import SlotName, Weight
from canaryd.model.notice import Notice
from canaryd.model.spec import Severity
from canaryd.model.status import Phase, Status
from tests.demo.play import PROMOTED, ROLLED_BACK, Release, Script, Seen, Stage, Traffic, play
from tests.demo.scene import Limits, Scene

START = datetime(2026, 1, 1, tzinfo=UTC)
SCRIPT = Script(
    analysis={},
    releases=(Release("2", "good", PROMOTED), Release("3", "bad", ROLLED_BACK)),
    limits=Limits(1, 150),
)
Judge = Callable[[str], str]


class PaperStage:
    """Time passes by resting; ten seconds after a push the release ends as `judge` says."""

    def __init__(self, judge: Judge, *, users_follow: bool = True) -> None:
        self._judge, self._users_follow = judge, users_follow
        self._at = START
        self._status = Status(
            phase=Phase.IDLE, primary_slot=SlotName("v1"), idle_slot=SlotName("v2")
        )
        self._ends: tuple[datetime, str, str] | None = None

    def open(self, analysis: Mapping[str, Any]) -> Mapping[str, str]:
        return {"v1": "1", "v2": "1"}

    def push(self, slot: str, version: str, *, error_rate: float, delay_ms: float) -> None:
        self._ends = self._at + timedelta(seconds=10), slot, self._judge(version)
        self._tell("RolloutStarted", Phase.PROGRESSING)

    def status(self) -> Status:
        if self._ends and self._at >= self._ends[0]:
            _, slot, reason = self._ends
            self._ends = None
            if reason == PROMOTED:
                swapped = {"primary_slot": SlotName(slot), "idle_slot": self._status.primary_slot}
                self._status = replace(self._status, **swapped)  # type: ignore[arg-type]
            if reason:
                self._tell(reason, Phase.IDLE)
        return self._status

    def asked(self) -> Mapping[str, int]:
        return {slot: 100 * (slot == self._status.primary_slot) for slot in ("v1", "v2")}

    def traffic(self) -> Traffic:
        reached = self.asked() if self._users_follow else {"v1": 50, "v2": 50}
        recent = {slot: Seen(count) for slot, count in reached.items()}
        sent = int((self._at - START).total_seconds()) * 100
        return Traffic(recent, {"v1": Seen(sent), "v2": Seen(sent)}, sent, 0)

    def now(self) -> datetime:
        return self._at

    def rest(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)

    def _tell(self, reason: str, phase: Phase) -> None:
        notices, weight = self._status.notices, Weight(0)
        told = Notice(
            len(notices) + 1, reason, reason, Severity.INFO, self._at, phase.value, weight
        )
        self._status = replace(self._status, phase=phase, notices=(*notices, told))


def as_hoped(version: str) -> str:
    return {"2": PROMOTED, "3": ROLLED_BACK}[version]


def test_each_release_goes_to_the_slot_that_is_idle_then() -> None:
    scenes: list[Scene] = []
    stage: Stage = PaperStage(as_hoped)
    end = play(stage, SCRIPT, scenes.append)
    assert end.as_hoped
    assert [ending.sentence for ending in end.endings] == [PROMOTED, ROLLED_BACK]
    assert [(side.slot, side.version, side.role) for side in scenes[-1].sides] == [
        ("v1", "3", "idle"),
        ("v2", "2", "serves"),
    ]


@pytest.mark.parametrize(
    ("judge", "hopes", "why"),
    [
        (lambda _: PROMOTED, [True, False], "the bad one was promoted"),
        (lambda _: ROLLED_BACK, [False, True], "the good one was taken back"),
        (lambda _: "Aborted", [False, False], "somebody aborted"),
        (lambda _: "", [False, False], "they never end"),
    ],
)
def test_a_release_that_ends_otherwise_fails_the_demo(
    judge: Judge, hopes: list[bool], why: str
) -> None:
    end = play(PaperStage(judge), SCRIPT, lambda _: None)
    assert [ending.as_hoped for ending in end.endings] == hopes, why
    assert not end.as_hoped


def test_a_promotion_that_users_do_not_see_fails_the_demo() -> None:
    end = play(PaperStage(as_hoped, users_follow=False), SCRIPT, lambda _: None)
    assert not end.as_hoped


def test_the_demo_gives_up_on_a_release_that_never_ends() -> None:
    end = play(PaperStage(lambda _: ""), SCRIPT, lambda _: None)
    assert end.endings[0].sentence == "no end within 120 s"
    assert end.seconds < 2 * (SCRIPT.patience + 3 * SCRIPT.pause)
