"""Findings of a review, each told as its user would notice it."""

from __future__ import annotations

from typing import Any

import pytest
from typing_extensions import override

from canaryd.model.errors import UnreachableError
from canaryd.model.names import SlotName
from canaryd.model.snapshot import Problem
from canaryd.runtime.owed import Owed
from canaryd.runtime.unusable import Unusable
from canaryd.wire import watch
from tests.runtime.fakes import KEY, HandClock, canary, deployment, replica_set, store
from tests.runtime.reconciling import StatusWriter
from tests.runtime.test_gather import gather


async def test_a_status_that_nobody_can_read_is_complained_of_once() -> None:
    known, writer = store(HandClock()), StatusWriter()
    broken = canary()
    broken.status = type(broken.status)(b'{"phase": "Dancing"}')
    known.apply(watch.CANARIES, broken)
    problem = known.canaries[KEY].status
    assert isinstance(problem, Problem)
    unusable = Unusable(store=known, writer=writer, owed=Owed(), clock=HandClock())
    for _ in range(5):
        await unusable(KEY, problem)
    assert len(writer.patches) == 1


def test_a_deleted_canary_is_not_brought_back_by_the_late_answer_to_a_write() -> None:
    known = store(HandClock())
    known.apply(watch.CANARIES, canary(version=5))
    known.remove(watch.CANARIES, *KEY)
    known.apply(watch.CANARIES, canary(version=6))
    assert known.canaries == {}
    known.apply(watch.CANARIES, canary(version=9, uid="another"))
    assert KEY in known.canaries


def test_a_canary_that_could_not_be_understood_is_back_as_soon_as_it_is_mended() -> None:
    known = store(HandClock())
    known.apply(watch.CANARIES, canary(version=5))
    known.remove(watch.CANARIES, *KEY, unclear="6")
    known.apply(watch.CANARIES, canary(version=6))  # the late answer to a write of ours
    assert known.canaries == {}
    known.apply(watch.CANARIES, canary(version=7))
    assert KEY in known.canaries


def test_a_replica_set_that_lost_its_owner_does_not_break_the_canary_when_it_goes() -> None:
    known = store(HandClock())
    known.apply(watch.CANARIES, canary())
    for slot in ("v1", "v2"):
        known.apply(watch.DEPLOYMENTS, deployment(slot, "podinfo:1"))
    known.apply(watch.REPLICASETS, replica_set("v2", "podinfo:1", revision="r1"))
    orphan = replica_set("v2", "podinfo:1", revision="r1", version=2)
    orphan.metadata.owner_references = []
    known.apply(watch.REPLICASETS, orphan)
    known.remove(watch.REPLICASETS, KEY.namespace, orphan.metadata.name)
    assert gather(known).workloads[SlotName("v2")].ready == 0


def test_a_serving_slot_in_a_rolling_update_still_serves() -> None:
    known = store(HandClock())
    known.apply(watch.CANARIES, canary())
    known.apply(watch.DEPLOYMENTS, deployment("v1", "podinfo:2", generation=2, observed=2))
    known.apply(watch.REPLICASETS, replica_set("v1", "podinfo:1", revision="r1", ready=3))
    new = replica_set("v1", "podinfo:2", revision="r2", number=2, ready=0)
    known.apply(watch.REPLICASETS, new)
    work = gather(known).workloads[SlotName("v1")]
    assert (work.revision, work.ready, work.serving) == ("r2", 0, 3)
    assert work.serves


async def test_a_status_that_nobody_can_read_is_complained_of_until_that_was_written() -> None:
    class Away(StatusWriter):
        tries = 0

        @override
        async def patch_status(self, *written: Any, **conditions: Any) -> None:
            self.tries += 1
            if self.tries == 1:
                raise UnreachableError("nobody there")
            await super().patch_status(*written, **conditions)

    known, writer = store(HandClock()), Away()
    broken = canary()
    broken.status = type(broken.status)(b'{"phase": "Dancing"}')
    known.apply(watch.CANARIES, broken)
    problem = known.canaries[KEY].status
    assert isinstance(problem, Problem)
    unusable = Unusable(store=known, writer=writer, owed=Owed(), clock=HandClock())
    with pytest.raises(UnreachableError):
        await unusable(KEY, problem)
    for _ in range(3):
        await unusable(KEY, problem)
    assert (writer.tries, len(writer.patches)) == (2, 1)
