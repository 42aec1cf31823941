"""The stage on the test world: a real API server, Envoy and Prometheus, canaryd as deployed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from canaryd.adapters.clock import SystemClock
from canaryd.model.status import Status
from canaryd.wire.status import parse_status
from tests.cluster.daemon import Daemon, install
from tests.cluster.release import IMAGE, canary
from tests.demo.play import Seen, Traffic
from tests.world.load import Load, Observation
from tests.world.world import World

SLOTS = ("v1", "v2")
RATE = 200
CONNECTIONS = 48
WINDOW = 3.0
"""So many seconds of traffic are looked back upon, but never past a change of the weights."""
SETTLES = 0.3
"""So long after it was written a change of the weights is on its way to every request."""
USUAL_DELAY = 40
BY = "podinfo-"

Say = Callable[[str], None]


class StageError(Exception):
    """The play cannot go on; the message says why."""


class WorldStage:
    """The podinfo 90/10 case on a world; leaving its `with` ends all that it began."""

    def __init__(
        self,
        world: World,
        folder: Path,
        say: Say,
        *,
        namespace: str = "demo",
        host: str = "*",
        install: bool = True,
    ) -> None:
        self._world, self._folder, self._say = world, folder, say
        self._namespace, self._host, self._install = namespace, host, install
        self._clock = SystemClock()
        self._behind = ExitStack()
        self._daemon: Daemon | None = None
        self._users: Load | None = None
        self._asked: dict[str, int] = {}
        self._asked_since = 0.0

    def __enter__(self) -> WorldStage:
        return self

    def __exit__(self, *_: object) -> None:
        self._behind.close()

    # --- what the play asks for -------------------------------------------------------------------

    def open(self, analysis: Mapping[str, Any]) -> Mapping[str, str]:
        """Install and start canaryd, deploy the case, let users come, apply the Canary."""
        world, namespace = self._world, self._namespace
        if self._install:
            self._say("installing canaryd from deploy/base: CRDs, RBAC, admission policy")
            install(world)
        self._say("starting canaryd under its own service account")
        self._daemon = self._start_daemon()
        self._say("deploying podinfo-v1 and podinfo-v2, split 100/0 by a VirtualService")
        world.podinfo(namespace, host=self._host, weights=(100, 0))
        world.behave(namespace, delay_ms=USUAL_DELAY)
        self._say(f"users come: {RATE} requests a second through Envoy")
        host = "podinfo" if self._host == "*" else self._host
        load = world.load(RATE, host=host, connections=CONNECTIONS)
        self._users = self._behind.enter_context(load)
        self._say("applying the Canary")
        world.apply(canary(namespace, analysis=analysis))
        world.wait_for(lambda: self.status().primary_slot, "canaryd to take the Canary over")
        return {slot: self._version(slot) for slot in SLOTS}

    def push(self, slot: str, version: str, *, error_rate: float, delay_ms: float) -> None:
        """Set the image of the slot's Deployment, as a pipeline does."""
        self._world.set_image(
            self._namespace, BY + slot, IMAGE + version, error_rate=error_rate, delay_ms=delay_ms
        )

    def status(self) -> Status:
        """The Canary's status."""
        self._check()
        found = self._world.get("canaries", self._namespace, "podinfo")
        return parse_status(orjson.dumps(found.get("status", {})))

    def asked(self) -> Mapping[str, int]:
        """The two weights in the VirtualService."""
        found = self._world.get("virtualservices", self._namespace, "podinfo")
        asked = {
            route["destination"]["subset"]: route.get("weight", 0)
            for route in found["spec"]["http"][-1]["route"]
        }
        if asked != self._asked:
            self._asked, self._asked_since = asked, time.monotonic() + SETTLES
        return asked

    def traffic(self) -> Traffic:
        """What the load generator has counted."""
        if self._users is None:
            raise StageError("nobody has come yet")
        since = max(time.monotonic() - WINDOW, self._asked_since)
        recent = [one for one in self._users.history if one.sent >= since]
        counts = self._users.counts
        return Traffic(
            recent={slot: seen(recent, BY + slot) for slot in SLOTS},
            in_all={slot: Seen(counts.of(BY + slot)) for slot in SLOTS},
            sent=counts.total(),
            failed=counts.failures,
        )

    def now(self) -> datetime:
        """The wall clock, as canaryd's notices have it."""
        return self._clock.now()

    def rest(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    # --- what a person may want to know -----------------------------------------------------------

    def account(self) -> str:
        """The end of canaryd's log."""
        return self._daemon.tail() if self._daemon else ""

    def _start_daemon(self) -> Daemon:
        api = self._behind.enter_context(self._world.api_proxy())
        metrics = self._behind.enter_context(self._world.prometheus_proxy())
        daemon = self._behind.enter_context(
            Daemon(self._world, self._folder, api=api, metrics=metrics)
        )
        self._behind.callback(daemon.terminate)
        daemon.start()
        return daemon

    def _version(self, slot: str) -> str:
        found = self._world.get("deployments", self._namespace, BY + slot)
        image: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
        return image.rpartition(":")[2]

    def _check(self) -> None:
        self._world.check()
        if self._daemon and not self._daemon.running:
            raise StageError("canaryd has ended")


def seen(observations: Sequence[Observation], workload: str) -> Seen:
    """What users saw of one workload."""
    mine = [one for one in observations if one.answer.workload == workload]
    if not mine:
        return Seen()
    took = sorted(one.answered - one.sent for one in mine)
    failed = sum(one.answer.outcome[0] not in "23" for one in mine)
    return Seen(len(mine), failed, 1000 * took[int(0.99 * (len(took) - 1))])
