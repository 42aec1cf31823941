"""An hour of churn: Canaries are made, released and deleted, and memory is to stay flat.

A pace-maker hands out one release after the other, so that ten thousand fit into an hour; where the
machine cannot keep up there are fewer, and the result says how many.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from typing_extensions import override

from bench.scale import processes
from bench.scale.census import MEMORY
from bench.scale.crowd import HANDS, SLOTS, Member
from bench.scale.figures import Result, result
from bench.scale.growth import WARMING, Tally, summed
from bench.scale.processes import until
from bench.scale.rollout import TICKS
from bench.scale.scene import Scene
from bench.scale.window import Window

AN_HOUR = 10_000
"""Releases."""
RELEASES = 4
"""So many does each Canary have before it is deleted."""
CROWD = 300
"""Canaries at a time: a release takes about a minute, and making and deleting some seconds."""
PAUSE = 0.2
EVERY = 5.0
TOLD = 30.0


@dataclass(slots=True)
class Life:
    """One Canary of the churn."""

    member: Member
    left: int = RELEASES
    slot: str = ""
    """That was pushed to last; it serves when it was promoted."""
    pushed: float = 0.0
    """When it was pushed to, on the monotonic clock; 0 while nothing goes on."""


class Churn:
    """Everything of one run; `play` blocks."""

    def __init__(self, scene: Scene, seconds: float) -> None:
        self._scene = scene
        self._seconds = seconds
        self._names = count(len(scene.crowd.everyone))
        self._pushes = count(1_000_000)
        # The first have had some already, so that deleting begins at once, and is spread.
        self._idle = deque(
            Life(one, 1 + number % RELEASES) for number, one in enumerate(scene.crowd.everyone)
        )
        self._busy: list[Life] = []
        self._coming: list[Life] = []
        self._began = 0.0
        self._hands = ThreadPoolExecutor(HANDS)
        self.tally = Tally()

    def play(self) -> None:
        """Churn for so long; what is under way at the end is waited for."""
        self._began = looked = told = time.monotonic()
        started = 0
        self.count_objects()
        with self._hands:
            while (passed := time.monotonic() - self._began) < self._seconds:
                started += self._release(int(passed / 3600 * AN_HOUR) - started)
                self._collect()
                if time.monotonic() - looked >= EVERY:
                    looked = time.monotonic()
                    self._sample()
                if time.monotonic() - told >= TOLD:
                    told = time.monotonic()
                    self._tell(passed)
                time.sleep(PAUSE)
            until(self._over, "what is under way to end", self._scene.patience, 1)
        self._sample()

    def _release(self, due: int) -> int:
        """Push to as many as are due and idle; returns how many were."""
        now = max(0, min(due, len(self._idle)))
        for _ in range(now):
            life = self._idle.popleft()
            life.slot = slot = self._scene.watching.canaries[life.member].idle_slot
            life.pushed, life.left = time.monotonic(), life.left - 1
            self._busy.append(life)
            self._hands.submit(
                self._scene.crowd.push_one, life.member, slot, next(self._pushes)
            ).add_done_callback(done)
        return now

    def _collect(self) -> None:
        """Take back those whose rollout has ended; new ones come for those whose last it was."""
        watching = self._scene.watching
        ended = [it for it in self._busy if watching.canaries[it.member].ended(it.pushed)]
        self._busy = [life for life in self._busy if life not in ended]
        self.tally.released += len(ended)
        self.tally.apart |= {
            it.member.path for it in ended if watching.canaries[it.member].primary != it.slot
        }
        for life in ended:
            if life.left:
                self._idle.append(life)
            else:
                self._replace(life.member)
        there = [it for it in self._coming if watching.canaries[it.member].phase == "Idle"]
        self._coming = [life for life in self._coming if life not in there]
        self._idle += there

    def _replace(self, old: Member) -> None:
        new = Member(old.namespace, f"app{next(self._names):05d}")
        scene = self._scene
        scene.watching.forget(old)
        scene.watching.add(new)
        scene.standin.places({new.workload(slot): new.namespace for slot in SLOTS})
        self._coming.append(Life(new))
        self.tally.made += 1
        for work, member in ((scene.crowd.unmake, old), (scene.crowd.make, new)):
            self._hands.submit(work, member).add_done_callback(done)

    def _over(self) -> bool:
        self._collect()
        return not self._busy

    def _sample(self) -> None:
        hours = (time.monotonic() - self._began) / 3600
        self.tally.samples.append((hours, processes.memory(self._scene.daemon.pid)[0]))
        last = self.tally.censuses[-1][0]
        if hours - last >= WARMING * self._seconds / 3600:
            self.count_objects()

    def count_objects(self) -> None:
        """Take a census."""
        hours = (time.monotonic() - self._began) / 3600
        found = self._scene.daemon.count_objects()
        self.tally.censuses.append((hours, found))
        self._scene.say(", ".join(f"{name} {found[name]:,}" for name in MEMORY))

    def _tell(self, passed: float) -> None:
        tally = self.tally
        self._scene.say(
            f"{passed / 60:.0f} of {self._seconds / 60:.0f} minutes: {tally.released} released, "
            f"{tally.made} made and deleted, {len(self._busy)} under way, "
            f"{tally.samples[-1][1] if tally.samples else 0:.0f} MiB"
        )


def done(future: object) -> None:
    """Raise in the thread's log what a request of the driver met."""
    error = getattr(future, "exception", lambda: None)()
    if error is not None:
        raise error


def churn(scene: Scene, minutes: float, keep: Callable[[Result], None]) -> None:
    """Play it, and sum up, also when it is interrupted or fails: what was measured is kept.

    The scene's daemon runs, with a census, and its Canaries are idle. Each further Ctrl-C ends what
    is waited for then, and nothing else; once all is kept, the first is raised.
    """
    end = scene.meter.begin()
    run, failures = Churn(scene, minutes * 60), list[Failure]()
    window: Window | None = None
    say = scene.say
    try:
        attempt(ITSELF, run.play, failures, say)
        attempt("waiting until all is written", scene.settle, failures, say)
        attempt("the last census", run.count_objects, failures, say)
        window = attempt("the counters at the end", end, failures, say)
    except KeyboardInterrupt as error:  # between two of them
        failures.append(Failure("summing up", error))
    keep(told(scene, run.tally, minutes, window, failures))
    give_up(failures)


ITSELF = "the churn itself"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Failure:
    """What did not come to its end, and why."""

    what: str
    error: BaseException

    @override
    def __str__(self) -> str:
        if isinstance(self.error, KeyboardInterrupt):
            return f"{self.what} was interrupted"
        return f"{self.what} failed ({type(self.error).__name__}: {self.error})"


def attempt(
    what: str, work: Callable[[], _T], failures: list[Failure], say: Callable[[str], None]
) -> _T | None:
    """Do it; when it fails or is interrupted, note and say that, and give back None."""
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 - an hour's figures are not to be lost
        failures.append(failed := Failure(what, error))
        say(f"{failed}: going on with what was measured; Ctrl-C ends what is waited for")
        return None


def give_up(failures: Sequence[Failure]) -> None:
    """Raise what ends the whole run, an interruption; else what ended the churn before its time."""
    ends = [one for one in failures if not isinstance(one.error, Exception)]
    for one in (*ends, *(one for one in failures if one.what == ITSELF)):
        raise one.error


def told(
    scene: Scene,
    tally: Tally,
    minutes: float,
    window: Window | None,
    failures: Sequence[Failure],
) -> Result:
    """The result; without a window there is no more in it than the tally."""
    facts = summed(tally, minutes)
    if failures:
        facts["failed"] = "; ".join(map(str, failures))
    if window is None:
        return Result(
            "churn", scene.count, facts, way=scene.way, interval=scene.interval, releases=0
        )
    released = max(tally.released, 1)
    return result(
        "churn",
        scene.count,
        window,
        way=scene.way,
        interval=scene.interval,
        ticks=TICKS * released,
        more=facts,
        releases=released,
        apart=tally.apart,
    )
