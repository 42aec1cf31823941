"""One wait of `canaryd wait`: finds out what to follow, follows it, says how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import assert_never

import click

from canaryd.cli.cluster import Cluster
from canaryd.cli.exits import Code
from canaryd.cli.follow import Back, Lost, Missing, Seen, Update, follow
from canaryd.cli.next_words import position
from canaryd.cli.release import Ending, NotYet, Release, Wanted, choose, choose_unseen, ending
from canaryd.cli.standing import problem
from canaryd.cli.teller import Teller
from canaryd.cli.transitions import Transitions
from canaryd.cli.words import short_images
from canaryd.cli.workloads import Holding, holdings
from canaryd.decide.engine import PERSONS
from canaryd.decide.narrate import span
from canaryd.model.errors import ForbiddenError, TransientError
from canaryd.model.names import SlotName
from canaryd.model.snapshot import Problem
from canaryd.model.status import Status
from canaryd.runtime.view import CanaryView, view
from canaryd.wire.watch import CANARIES

FIRST_PAUSE = timedelta(seconds=0.25)
LAST_PAUSE = timedelta(seconds=5)
"""Between two looks at what the slots hold; only until it is known what to follow."""


class Waiting:
    """One wait, from finding out what to follow to the end."""

    def __init__(
        self, cluster: Cluster, name: str, wanted: Wanted, teller: Teller, *, holds_end: bool
    ) -> None:
        self._cluster = cluster
        self._name = name
        self._key = cluster.key(name)
        self._wanted = wanted
        self._teller = teller
        self._holds_end = holds_end
        self._release: Release | None = None
        self._pinned: NotYet | None = None
        self._told: str | None = None
        self._pause = FIRST_PAUSE
        self._ran = False
        self._uid = ""
        self._status = Status()
        self._transitions = Transitions(self._status)

    async def run(self, timeout: timedelta) -> int:  # noqa: ASYNC109 - what the person asked for
        """Wait; return the exit code."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                end = await self._run()
        except TimeoutError:
            at = f"after {span(timeout)} {self._key} is at: {position(self._status)}"
            end = Ending(Code.TIMED_OUT, at)
        self._teller.end(end, self._release)
        return int(end.code)

    async def _run(self) -> Ending:
        self._take_anew(await self._cluster.canary(self._name))
        while (found := await self._choose()) is None:
            await self._sleep()
            self._take_anew(await self._look())
        if isinstance(found, Ending):
            return found
        self._release = found
        if (end := self._end()) is not None:
            return end
        self._say_beginning(found)
        return await follow(self._cluster, CANARIES, self._name, self._read)

    async def _look(self) -> CanaryView:
        while True:
            try:
                return await self._cluster.canary(self._name)
            except TransientError as error:
                self._tell_once(f"{error}; trying again")
                await self._sleep()

    async def _sleep(self) -> None:
        await asyncio.sleep(self._pause.total_seconds())
        self._pause = min(self._pause * 2, LAST_PAUSE)

    def _take_anew(self, canary: CanaryView) -> None:
        """Take in a Canary of which nothing needs to be told."""
        self._uid = canary.uid
        self._status = _status(canary)
        self._transitions = Transitions(self._status)
        slots = (
            [] if isinstance(canary.spec, Problem) else [slot.name for slot in canary.spec.slots]
        )
        if self._wanted.slot is not None and slots and self._wanted.slot not in slots:
            message = f"{self._key} has no slot {self._wanted.slot}; it has {', '.join(slots)}"
            raise click.UsageError(message)
        self._canary = canary

    async def _choose(self) -> Release | Ending | None:
        """Find out what to follow; None when that cannot be told yet."""
        found = await self._find()
        if not isinstance(found, NotYet):
            return found
        stalled = problem(self._status)
        if stalled is not None and self._holds_end:
            return Ending(Code.HELD, f"{stalled.reason}: {stalled.message}")
        because = f" ({stalled.message})" if stalled is not None else ""
        self._tell_once(f"{found.message}{because}; waiting for it")
        return None

    async def _find(self) -> Release | Ending | NotYet:
        if isinstance(self._canary.spec, Problem):
            return NotYet(self._canary.spec.message)
        try:
            held = await holdings(self._cluster, self._canary.spec)
        except ForbiddenError as error:
            self._tell_once(f"{error}; following what canaryd has seen")
            if self._wanted == Wanted():
                return choose_unseen(self._status)
            held = {}
        except TransientError as error:
            return NotYet(str(error))
        if self._moved_on(held):
            return Ending(Code.SUPERSEDED, "it was changed again before it had a revision")
        found = choose(self._status, held, self._wanted)
        if isinstance(found, NotYet) and found.slot is not None and self._pinned is None:
            self._pinned = found
        return found

    def _moved_on(self, held: Mapping[SlotName, Holding]) -> bool:
        """Whether the push that is waited for was replaced before Kubernetes named it."""
        pinned = self._pinned
        if pinned is None or pinned.slot is None or pinned.slot not in held:
            return False
        return held[pinned.slot].digest != pinned.digest

    def _say_beginning(self, release: Release) -> None:
        rollout = self._status.rollout
        running = rollout is not None and rollout.revision == release.revision
        images = f" ({short_images(rollout.images)})" if rollout and running else ""
        where = f" in slot {release.slot}" if release.slot else ""
        at = position(self._status) if running else "canaryd has not seen it yet"
        self._teller.note(f"{self._key}: following {release.revision}{images}{where}; {at}")
        for line in self._transitions.begin(self._status):
            self._teller.line(line)

    def _read(self, update: Update) -> Ending | None:
        match update:
            case Lost(message):
                self._teller.note(f"{message}; trying again")
            case Back():
                self._teller.note("the API server answers again")
            case Missing():
                return Ending(Code.NO_CANARY, f"Canary {self._key} was deleted")
            case Seen(obj):
                return self._take(view(obj, None))
            case _:
                assert_never(update)
        return None

    def _take(self, canary: CanaryView) -> Ending | None:
        release = self._release
        if canary.uid != self._uid and release is not None:
            self._uid = canary.uid
            self._release = Release(release.revision, release.slot, since=0, known=None)
            self._transitions.anew()
            self._teller.note(f"Canary {self._key} was created anew")
        self._status = _status(canary, self._status)
        for line in self._transitions.take(self._status):
            self._teller.line(line)
        return self._end()

    def _end(self) -> Ending | None:
        release, status = self._release, self._status
        if release is None:
            return None
        end = ending(status, release, ran=self._ran)
        runs = status.rollout is not None and status.rollout.revision == release.revision
        self._ran = self._ran or runs
        if end is None and self._holds_end:
            return _held(status, runs=runs)
        return end

    def _tell_once(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._teller.note(text)


def _held(status: Status, *, runs: bool) -> Ending | None:
    """Whether only a person can help it on.

    DispersionUnknown and EvidenceAgainst are no such holds: a person may decide, but more of the
    primary's pods, or more requests, decide as well, and Environment ends with what both suffer.
    """
    hold, stalled = status.hold, problem(status)
    if runs and hold is not None and hold.reason in PERSONS:
        return Ending(Code.HELD, f"{hold.reason.value}: {hold.message}")
    if stalled is not None:
        return Ending(Code.HELD, f"{stalled.reason}: {stalled.message}")
    return None


def _status(canary: CanaryView, before: Status | None = None) -> Status:
    """The status; of one that cannot be read, the last that could."""
    if isinstance(canary.status, Status):
        return canary.status
    return before or Status()
