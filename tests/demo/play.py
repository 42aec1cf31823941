"""The play: releases, pushed one after the other, and what is seen of them until each has ended.

Knows a stage only by what it can do: the test world today, an embedded world another day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from canaryd.decide.narrate import step_name
from canaryd.model.notice import Notice
from canaryd.model.spec import Severity
from canaryd.model.status import Phase, Status, Verdict
from tests.demo.scene import Ending, Limits, Line, Mood, Scene, Side, Summary, Told

PROMOTED, ROLLED_BACK = "Promoted", "RolledBack"
NO_END = frozenset({"RolloutStarted", "StepEntered", "CheckFailed"})
"""What is told on the way; anything else that leaves the Canary idle is an end."""
MOODS = {Severity.INFO: Mood.PLAIN, Severity.WARN: Mood.WARN, Severity.ERROR: Mood.BAD}
VERDICTS = {
    Verdict.PASS: Mood.GOOD,
    Verdict.FAIL: Mood.BAD,
    Verdict.UNDECIDED: Mood.PLAIN,
    Verdict.NO_DATA: Mood.WARN,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What users saw of one slot: how many requests, how many failed, the 99th percentile."""

    requests: int = 0
    failed: int = 0
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What users saw: of each slot lately, and in all since users came."""

    recent: Mapping[str, Seen]
    in_all: Mapping[str, Seen]
    sent: int
    failed: int

    def share(self, slot: str) -> float | None:
        """How many per cent of the recent requests a slot answered."""
        total = sum(seen.requests for seen in self.recent.values())
        return 100 * self.recent[slot].requests / total if total else None


class Stage(Protocol):
    """Where the play is played: two slots behind one split, users, and canaryd."""

    def open(self, analysis: Mapping[str, Any]) -> Mapping[str, str]:
        """Set everything up for this analysis; returns once canaryd has it: slot -> version."""
        ...

    def push(self, slot: str, version: str, *, error_rate: float, delay_ms: float) -> None:
        """Push a version that behaves so."""
        ...

    def status(self) -> Status:
        """What canaryd says of the Canary."""
        ...

    def asked(self) -> Mapping[str, int]:
        """The weights that the split has now, by slot."""
        ...

    def traffic(self) -> Traffic:
        """What users saw until now."""
        ...

    def now(self) -> datetime:
        """The stage's clock."""
        ...

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        ...


@dataclass(frozen=True, slots=True)
class Release:
    """A version that is pushed, how it behaves, and how its release should end."""

    version: str
    story: str
    ends: str
    error_rate: float = 0
    delay_ms: float = 40


@dataclass(frozen=True, slots=True)
class Script:
    """What is played."""

    analysis: Mapping[str, Any]
    releases: tuple[Release, ...]
    limits: Limits
    """What the analysis allows."""
    glance: float = 0.5
    """How often is looked."""
    pause: float = 4
    """How long a person may read before a push and after an end."""
    patience: float = 120
    """How long a release may take."""


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that can be seen at one moment."""

    at: datetime
    status: Status
    asked: Mapping[str, int]
    traffic: Traffic


Show = Callable[[Scene], None]


def play(stage: Stage, script: Script, show: Show) -> Summary:
    """Play it all; every look is shown."""
    versions = dict(stage.open(script.analysis))
    begun, first = stage.now(), stage.traffic()
    endings: list[Ending] = []
    for number, release in enumerate(script.releases, start=1):
        act = Act(stage, script, show, release, number, versions, begun)
        endings.append(act.play())
        versions[act.slot] = release.version
    last = stage.traffic()
    return Summary(
        endings=tuple(endings),
        seconds=(stage.now() - begun).total_seconds(),
        sent=last.sent - first.sent,
        failed=last.failed - first.failed,
    )


class Act:
    """One release, from before its push until its users are where they should be."""

    def __init__(
        self,
        stage: Stage,
        script: Script,
        show: Show,
        release: Release,
        number: int,
        versions: Mapping[str, str],
        begun: datetime,
    ) -> None:
        self._stage, self._script, self._show = stage, script, show
        self._release, self._number, self._begun = release, number, begun
        self._versions = dict(versions)
        self._verdict: Line | None = None
        status = stage.status()
        self._serving, self.slot = str(status.primary_slot), str(status.idle_slot)
        self._told = max((notice.seq for notice in status.notices), default=0)

    def play(self) -> Ending:
        release, before = self._release, self._stage.traffic()
        list(self._watch(self._script.pause))
        pushed = self._stage.now()
        self._versions[self.slot] = release.version
        self._stage.push(
            self.slot, release.version, error_rate=release.error_rate, delay_ms=release.delay_ms
        )
        end = self._until_told()
        ended = self._stage.now()
        as_hoped = end is not None and end.reason == release.ends and self._until_followed()
        for look in self._watch(self._script.pause):
            as_hoped = as_hoped and self._followed(look)  # and so it stays
        after = self._stage.traffic()
        return Ending(
            version=release.version,
            story=release.story,
            as_hoped=as_hoped,
            sentence=end.sentence if end else f"no end within {self._script.patience:g} s",
            seconds=(ended - pushed).total_seconds(),
            sent=after.sent - before.sent,
            failed=after.failed - before.failed,
            reached=after.in_all[self.slot].requests - before.in_all[self.slot].requests,
        )

    def _until_told(self) -> Notice | None:
        """Look until canaryd has told how the release ended."""
        for look in self._watch(self._script.patience):
            end = self._end(look.status)
            if end is not None:
                self._verdict = spoken(end)
                return end
        return None

    def _end(self, status: Status) -> Notice | None:
        new = (n for n in status.notices if n.seq > self._told and n.reason not in NO_END)
        ends = [n for n in new if n.reason in {PROMOTED, ROLLED_BACK} or n.phase == "Idle"]
        return ends[-1] if ends and status.phase is Phase.IDLE else None

    def _until_followed(self) -> bool:
        """Look until the split is as it should be, and every user has followed it."""
        return any(map(self._followed, self._watch(self._script.patience)))

    def _followed(self, look: Look) -> bool:
        serves = self.slot if self._release.ends == PROMOTED else self._serving
        wanted = {slot: 100 if slot == serves else 0 for slot in self._versions}
        return look.asked == wanted and look.traffic.share(serves) == wanted[serves]

    def _watch(self, seconds: float) -> Iterator[Look]:
        """Look, show, and rest a little, for so long."""
        start = self._stage.now()
        while (self._stage.now() - start).total_seconds() < seconds:
            stage = self._stage
            look = Look(stage.now(), stage.status(), stage.asked(), stage.traffic())
            self._show(self._scene(look))
            yield look
            stage.rest(self._script.glance)

    def _scene(self, look: Look) -> Scene:
        status = look.status
        first, second = (self._side(slot, look) for slot in sorted(self._versions))
        return Scene(
            act=self._number,
            acts=len(self._script.releases),
            title=self._release.story,
            elapsed=(look.at - self._begun).total_seconds(),
            phase=status.phase.value,
            step=step_words(status, look.at),
            sides=(first, second),
            limits=self._script.limits,
            hold=f"{status.hold.reason.value}: {status.hold.message}" if status.hold else "",
            checks=tuple(Line(gate.message, VERDICTS[gate.verdict]) for gate in status.gates),
            told=tuple(
                Told(
                    n.seq, (n.at - self._begun).total_seconds(), Line(n.sentence, MOODS[n.severity])
                )
                for n in status.notices
            ),
            verdict=self._verdict,
            sent=look.traffic.sent,
            failed=look.traffic.failed,
        )

    def _side(self, slot: str, look: Look) -> Side:
        seen = look.traffic.recent[slot]
        role = "serves" if slot == look.status.primary_slot else "idle"
        if role == "idle" and look.status.phase is not Phase.IDLE:
            role = "canary"
        return Side(
            slot=slot,
            version=self._versions[slot],
            role=role,
            asked=look.asked[slot],
            observed=look.traffic.share(slot),
            error_rate=100 * seen.failed / seen.requests if seen.requests else None,
            p99_ms=seen.p99_ms,
        )


def spoken(notice: Notice) -> Line:
    """A notice's sentence, and how it is meant."""
    mood = Mood.GOOD if notice.reason == PROMOTED else MOODS[notice.severity]
    return Line(notice.sentence, mood)


def step_words(status: Status, now: datetime) -> str:
    """Say the running step as people count, and for how long its clock has run."""
    step = status.step
    if step is None or status.phase is Phase.IDLE:
        return ""
    if step.index < 0:
        return "before the first step"
    ran = round(step.elapsed(now).total_seconds())
    return f"{step_name(step)}, {ran}s" if ran else step_name(step)
