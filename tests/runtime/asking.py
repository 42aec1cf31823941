"""What tests of the collector ask for, and how their time passes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from canaryd.model.decision import Observe
from canaryd.model.names import Key, SlotName
from canaryd.model.snapshot import Snapshot
from canaryd.model.spec import Spec
from canaryd.model.status import Status
from canaryd.runtime.collector import Collector
from canaryd.runtime.store import Store
from canaryd.wire import watch
from canaryd.wire.canary import parse_spec
from tests.runtime.fakes import START, HandClock, canary

MINUTE = timedelta(minutes=1)
WISH = Observe("request-success-rate", None, MINUTE, START + MINUTE, SlotName("v2"))


def a_snapshot(known: Store, name: str = "podinfo") -> Snapshot:
    obj = canary(name=name)
    known.apply(watch.CANARIES, obj)
    spec = parse_spec(bytes(obj.spec), "demo")
    assert isinstance(spec, Spec)
    return Snapshot(Key("demo", name), "uid", 1, spec, Status(), {})


async def run(clock: HandClock, collector: Collector, until: float) -> None:
    """Let the time pass, second by second; answers arrive between two of them."""
    while clock.seconds < until:
        clock.seconds += 1
        collector.tick()
        for _ in range(3):
            await asyncio.sleep(0)
