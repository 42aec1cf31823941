"""One measured world: the parts, the crowd, the daemon and who looks at them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.scale.crowd import SLOTS, Crowd, Member, Way, members
from bench.scale.processes import Daemon, Standin, until
from bench.scale.requests import Requests, writes
from bench.scale.telling import Telling
from bench.scale.watching import Watching
from bench.scale.window import Meter
from tests.world.api import path_of
from tests.world.cluster import Cluster

PARTS = ("etcd", "apiserver", "controllers", "scheduler", "kwok")
"""No mesh, no Envoy, no pods that answer, no Prometheus: they are played or not looked at."""
QUIET = 6.0
"""So long without a write means that all is told."""

_begun = time.monotonic()


def say(words: str) -> None:
    """Tell a person how far it is."""
    print(f"[{time.monotonic() - _begun:6.0f} s] {words}", file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What scenarios work with."""

    cluster: Cluster
    crowd: Crowd
    standin: Standin
    daemon: Daemon
    requests: Requests
    watching: Watching
    meter: Meter
    interval: float
    patience: float
    """Seconds that anything may take."""
    say: Callable[[str], None]

    @property
    def count(self) -> int:
        """N."""
        return len(self.crowd.everyone)

    @property
    def way(self) -> Way:
        """How its Canaries are judged."""
        return self.crowd.way

    def idle_slots(self) -> dict[Member, str]:
        """The slot of each Canary that is to be pushed to."""
        return {one: self.watching.canaries[one].idle_slot for one in self.crowd.everyone}

    def wait_phase(self, phase: str, seconds: float) -> float:
        """Wait until every Canary is in it; returns when that was seen."""
        told = 0.0

        def all_there() -> bool:
            nonlocal told
            phases = self.watching.phases(self.crowd.everyone)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self.say(", ".join(f"{n} {name}" for name, n in sorted(phases.items())))
            return phases == {phase: self.count}

        return until(all_there, f"all Canaries to be {phase}", seconds, 0.2)

    def settle(self, seconds: float = 180) -> None:
        """Wait until the daemon has nothing more to write."""
        last, since = -1, time.monotonic()
        deadline = since + seconds
        while time.monotonic() - since < QUIET:
            if time.monotonic() > deadline:
                self.say("the daemon does not become quiet")
                return
            now = writes(self.requests.counts())
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(0.5)

    def start(self) -> None:
        """Start the daemon and wait until it is ready."""
        self.daemon.start()
        until(self.daemon.ready, "canaryd to be ready", min(300, self.patience))

    def events(self) -> int:
        """How many Events of Canaries there are."""
        found = 0
        for name in self.crowd.namespaces:
            query: dict[str, str | int] = {"limit": 500}
            query["fieldSelector"] = "involvedObject.kind=Canary"
            page = self.cluster.api.get(path_of("events", name), **query)
            while True:
                found += len(page["items"])
                token = page["metadata"].get("continue")
                if not token:
                    break
                page = self.cluster.api.get(path_of("events", name), **query, **{"continue": token})
        return found

    def notices(self) -> int:
        """How many notices were told in the statuses, ever."""
        return sum(self.watching.canaries[one].notices for one in self.crowd.everyone)


@contextmanager
def scene(
    cluster: Cluster,
    folder: Path,
    count: int,
    *,
    interval: int = 10,
    spare: int = 1,
    way: Way = Way.THRESHOLDS,
    environment: Mapping[str, str] | None = None,
    census: bool = False,
    patience: float | None = None,
    say: Callable[[str], None] = say,
) -> Iterator[Scene]:
    """Make the crowd in a cluster where canaryd is installed; the daemon is not yet started.

    `spare` is how many pods an idle slot begins with; a push gives it one. `environment` is the
    daemon's besides what it has; `census` lets it count its objects when it is asked to;
    `patience` is how many seconds the pods, the first start and a release may take, each.
    """
    patient = 900 + count / 2 if patience is None else patience
    first = min(300, patient)
    with ExitStack() as stack:
        standin = stack.enter_context(Standin(folder))
        crowd = Crowd(
            cluster,
            members(count),
            interval=f"{interval}s",
            spare=spare,
            way=way,
            patience=patient,
            say=say,
        )
        crowd.create()
        everyone = crowd.everyone
        standin.places({one.workload(slot): one.namespace for one in everyone for slot in SLOTS})
        requests = Requests(cluster, crowd.namespaces)
        stack.callback(requests.close)
        telling = None
        if way is Way.EVIDENCE:
            telling = Telling(standin.facts)
            stack.callback(telling.close)
        watching = Watching(cluster, everyone, telling)
        stack.callback(watching.close)
        until(lambda: len(watching.canaries) == count, "the driver's watches", first)
        if telling is not None:
            told = telling
            until(lambda: told.pods >= count * (1 + spare), "the driver to see the pods", first)
            told.settle()
        daemon = Daemon(
            cluster, folder, metrics=standin.url, environment=environment, census=census
        )
        stack.callback(daemon.kill)
        yield Scene(
            cluster=cluster,
            crowd=crowd,
            standin=standin,
            daemon=daemon,
            requests=requests,
            watching=watching,
            meter=Meter(cluster, requests, standin, daemon),
            interval=interval,
            patience=patient,
            say=say,
        )
