"""Killed after any write, at every phase, canaryd resumes: nothing skipped, nothing said twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cluster.release import ANALYSIS, Release
from tests.world.faults import Request

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


class Assassin:
    """Kills the daemon after each write it makes, once per kind of write and stage.

    The killing is done in threads of the proxy, the reviving by the test: one at a time.
    """

    def __init__(self, release: Release) -> None:
        self._release = release
        self._struck: set[tuple[str, str, str]] = set()
        self._turn = threading.RLock()
        self._killed = False
        self._over = False
        self._lives = 1
        self.kills = 0
        self.notices: dict[int, dict[str, Any]] = {}
        self.changed: list[str] = []
        self.weights: list[int] = []

    def after_write(self, request: Request) -> None:
        """Called between the API server's answer and the daemon's hearing of it."""
        if "/leases/" in request.path:
            return
        life = self._lives
        with self._turn:
            if self._over or self._killed or life != self._lives:
                return
            self.look()
            if self._is_new(request):
                self._release.daemon.kill()
                self.kills += 1
                self._killed = True

    def _is_new(self, request: Request) -> bool:
        status = self._release.status
        stage = f"{status.get('phase')} {status.get('step', {}).get('index')} {len(self.notices)}"
        mark = (request.method, request.path.rpartition("/")[0], stage)
        known = mark in self._struck
        self._struck.add(mark)
        return not known

    def look(self) -> None:
        """Note the weight, and every notice; one that was said before with other words is a lie."""
        with self._turn:
            self.weights.append(self._release.weights[1])
            for notice in self._release.status.get("notices", []):
                known = self.notices.setdefault(notice["seq"], notice)
                if known != notice:
                    self.changed.append(f"{known} became {notice}")

    def revive(self) -> None:
        """Start the daemon again, if it was killed; one that ended by itself is an error."""
        with self._turn:
            if self._killed:
                self._release.daemon.start(wait=False)
                self._lives += 1
                self._killed = False
            self._release.daemon.check()

    def rest(self) -> None:
        """Kill no more; returns when no kill is under way."""
        with self._turn:
            self._over = True


@contextmanager
def hunted(release: Release) -> Iterator[Assassin]:
    """While this lasts, the daemon dies after each new kind of write."""
    assassin = Assassin(release)
    with release.daemon.api.on_write(assassin.after_write):
        try:
            yield assassin
        finally:
            assassin.rest()


def until(release: Release, assassin: Assassin, done: Callable[[dict[str, Any]], Any]) -> None:
    """Keep the daemon alive until the status is so."""

    def looked() -> bool:
        assassin.revive()
        assassin.look()
        return bool(done(release.status))

    try:
        release.world.wait_for(looked, "the rollout to end", 400)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{release.account()}") from None


def steps_up(weights: list[int]) -> list[int]:
    """The distinct weights in the order in which they first appeared."""
    return list(dict.fromkeys(weights))


def test_a_good_release_survives_a_kill_after_every_write(release: Release) -> None:
    release.begin()
    with release.world.load(rate=60, host=release.host) as load:
        with hunted(release) as assassin:
            release.push("6.7.2")
            until(release, assassin, lambda status: status.get("primarySlot") == "v2")
        failures = load.counts.failures
    assert assassin.kills >= 8
    assert not assassin.changed
    assert not failures
    assert steps_up(assassin.weights) == [0, 10, 50, 100], "no step was skipped"
    reasons = [notice["reason"] for notice in assassin.notices.values()]
    assert reasons.count("RolloutStarted") == 1
    assert reasons.count("StepEntered") == 3
    assert reasons.count("Promoted") == 1


def test_a_bad_release_survives_a_kill_after_every_write(release: Release) -> None:
    release.begin(analysis={**ANALYSIS, "threshold": 1})
    with release.world.load(rate=100, host=release.host), hunted(release) as assassin:
        release.push("6.7.1-bad", error_rate=0.3)
        until(release, assassin, lambda status: status.get("rejected"))
    assert assassin.kills >= 4
    assert not assassin.changed
    assert max(assassin.weights) == 10, "a bad revision never got more than the first step"
    assert release.weights == (100, 0)


def test_an_aborted_release_survives_a_kill_after_every_write(release: Release) -> None:
    steps = [{"weight": 50, "for": "1s", "approval": True}]
    analysis = {key: value for key, value in ANALYSIS.items() if key != "stepWeights"}
    release.begin(analysis={**analysis, "steps": steps})
    with release.world.load(rate=60, host=release.host), hunted(release) as assassin:
        release.push("6.7.2")
        until(
            release,
            assassin,
            lambda status: status.get("hold", {}).get("reason") == "ApprovalNeeded",
        )
        release.ask("abort")
        until(release, assassin, lambda status: status.get("rejected"))
        until(release, assassin, lambda _: release.answers().get("abort") == "Done")
    assert assassin.kills >= 4
    assert not assassin.changed
    assert release.weights == (100, 0)
    assert release.status["rejected"]["reason"] == "Aborted"


def test_a_superseded_release_survives_a_kill_after_every_write(release: Release) -> None:
    steps = [{"weight": 50, "for": "1s", "approval": True}]
    analysis = {key: value for key, value in ANALYSIS.items() if key != "stepWeights"}
    release.begin(analysis={**analysis, "steps": steps})
    with release.world.load(rate=60, host=release.host):
        release.push("6.7.2")
        first = release.wait_hold("ApprovalNeeded")["rollout"]["revision"]
        with hunted(release) as assassin:
            release.push("6.7.3")
            until(
                release,
                assassin,
                lambda status: (
                    status.get("rollout", {}).get("revision") not in {None, first}
                    and status.get("hold", {}).get("reason") == "ApprovalNeeded"
                ),
            )
    assert assassin.kills >= 3
    assert not assassin.changed
    reasons = [notice["reason"] for notice in assassin.notices.values()]
    assert reasons.count("Superseded") == 1
    assert 0 in assassin.weights, "the second push got no traffic before it was judged ready"
