"""What a release costs, and that nothing is lost for it: each write tells somebody something.

Two bounds stand here: status patches, and decisions.
"""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from click import unstyle

from canaryd.cli.next_words import Case
from canaryd.cli.screen import screen
from canaryd.model.answered import Answered
from canaryd.model.names import FIELD_MANAGER
from canaryd.model.snapshot import Problem
from canaryd.model.spec import SUCCESS_RATE
from canaryd.model.status import HoldReason, Phase, Status, Verdict
from canaryd.wire import watch
from tests.runtime.fakes import KEY
from tests.runtime.release import Play, beginning, plain

DURATION = "request-duration"


async def begun(play: Play) -> None:
    """Idle, as taken over; nothing counted yet."""
    await play.until(1)
    assert play.status.phase is Phase.IDLE
    play.history.written.clear()
    play.server.requests.clear()
    play.decisions = 0


async def at_first_step(play: Play) -> None:
    """Ten per cent, since just now."""
    await begun(play)
    await play.push()
    while play.status.step is None:
        await play.until(play.clock.seconds + 0.1)
    play.history.written.clear()
    play.server.requests.clear()
    play.decisions = 0


def told(play: Play) -> list[tuple[Phase, HoldReason | None, tuple[str, ...]]]:
    """What each status patch says: phase, hold, notices."""
    return [
        (status.phase, status.hold.reason if status.hold else None, notices)
        for status, notices in play.history.written
    ]


WALK = [
    (Phase.PROGRESSING, HoldReason.CANARY_NOT_READY, ("RolloutStarted",)),
    (Phase.PROGRESSING, None, ()),  # its pods are ready
    *[(Phase.PROGRESSING, None, ("StepEntered",))] * 5,
    (Phase.IDLE, None, ("Promoted",)),
]


@pytest.mark.parametrize("early", [False, True], ids=["answer first", "watch first"])
async def test_a_release_writes_what_happens_to_it_and_nothing_else(*, early: bool) -> None:
    async with TaskGroup() as tasks:
        play = Play(tasks)
        if early:  # the watch is often faster than the answer to the write itself
            play.server.before_the_answer = lambda _: play.see()
        await begun(play)
        await play.push()
        await play.until(80)
    assert told(play) == WALK
    assert play.server.requests == {"patch canaries": 8, "patch virtualservices": 6}
    assert play.decisions <= 14


async def test_in_the_middle_of_a_step_nobody_sees_the_last_steps_verdicts() -> None:
    async with TaskGroup() as tasks:
        play = Play(tasks)
        await at_first_step(play)
        while play.status.step is not None and play.status.step.index == 0:
            await play.until(play.clock.seconds + 0.1)
        await play.until(play.clock.seconds + 5)
        spec = play.store.canaries[KEY].spec
    assert not isinstance(spec, Problem)
    assert [gate.verdict for gate in play.status.gates] == [Verdict.UNDECIDED] * 2
    shown = unstyle(screen(Case(KEY, spec, play.status, play.clock.now())))
    assert "Undecided  request-success-rate: no sample yet whose whole window" in shown
    assert "Pass" not in shown


async def test_a_failed_check_and_what_follows_are_written_at_once() -> None:
    async with TaskGroup() as tasks:
        play = Play(tasks)
        await at_first_step(play)
        play.prometheus.values[SUCCESS_RATE] = 90.0
        await play.until(play.clock.seconds + 60)
    reasons = [notices for _, notices in play.history.written]
    assert reasons == [("CheckFailed",)] * 4 + [("RolledBack",)]
    last = play.history.written[-1][0]
    assert (last.phase, last.canary_weight) == (Phase.IDLE, 0)


async def test_a_hold_is_written_when_it_begins_and_when_it_ends() -> None:
    async with TaskGroup() as tasks:
        play = Play(tasks)
        await at_first_step(play)
        play.prometheus.answered[DURATION] = Answered.NO_DATA
        await play.until(play.clock.seconds + 35)
        play.prometheus.answered.clear()
        await play.until(play.clock.seconds + 11)
    assert told(play)[:2] == [
        (Phase.PROGRESSING, HoldReason.NO_CANARY_DATA, ("HoldStarted",)),
        (Phase.PROGRESSING, None, ("StepEntered",)),
    ]
    silent = play.history.written[0][0].gates
    assert {gate.name: gate.verdict for gate in silent}[DURATION] is Verdict.NO_DATA


async def test_a_value_that_is_good_is_written_within_a_minute_though_the_step_is_long() -> None:
    async with TaskGroup() as tasks:
        play = Play(tasks, steps=[{"weight": 10, "for": "1h"}])
        await at_first_step(play)
        await play.until(play.clock.seconds + 185)
    assert [status.gates[0].verdict for status, _ in play.history.written] == [Verdict.PASS] * 3


# --- what others do to the same objects ---


def other_spec(play: Play) -> None:
    spec = {"suspend": True}
    play.server.change(watch.CANARIES, "podinfo", spec=spec, metadata={"generation": 2})


def other_weights(play: Play) -> None:
    body = play.server.objects[watch.VIRTUALSERVICES, "podinfo"]
    route = plain(body["spec"]["http"][0])
    for destination, weight in zip(route["route"], (35, 65), strict=True):
        destination["weight"] = weight
    owner = {"manager": "argocd", "fieldsV1": {"f:spec": {"f:http": {}}}}
    play.server.change(
        watch.VIRTUALSERVICES,
        "podinfo",
        metadata={"managedFields": [owner]},
        spec={"http": [route]},
    )


def other_ready(play: Play) -> None:
    play.server.change(watch.REPLICASETS, "podinfo-v2-v2b", status={"readyReplicas": 0})


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (other_spec, lambda status: status.hold.reason is HoldReason.SUSPENDED),
        (other_weights, lambda status: status.contest.writer == "argocd"),
        (other_ready, lambda status: status.canary_weight == 0),
    ],
    ids=["the spec", "the weights", "the pods"],
)
@pytest.mark.parametrize("write", [watch.VIRTUALSERVICES, watch.CANARIES])
async def test_what_changes_while_a_step_is_written_is_decided_at_once(
    change: Callable[[Play], None], seen: Callable[[Status], bool], write: str
) -> None:
    async with TaskGroup() as tasks:
        play = Play(tasks)
        await begun(play)
        written: list[str] = []

        def meanwhile(kind: str) -> None:
            written.append(kind)
            if kind == write and watch.VIRTUALSERVICES in written and change not in done:
                done.append(change)
                change(play)
                play.see()

        done: list[Callable[[Play], None]] = []
        play.server.before_the_answer = meanwhile
        await play.push()
        await play.until(play.clock.seconds + 0.3)
        assert done == [change]
        assert seen(play.status), play.status


async def test_counts_of_pods_and_notes_of_who_wrote_what_wake_nobody() -> None:
    async with TaskGroup() as tasks:
        play = Play(tasks)
        await at_first_step(play)
        change, decided = play.server.change, play.decisions
        owner = {"manager": FIELD_MANAGER, "time": "2030-01-01T00:00:00Z"}
        change(watch.VIRTUALSERVICES, "podinfo", metadata={"managedFields": [owner]})
        change(watch.DEPLOYMENTS, "podinfo-v2", status={"availableReplicas": 1})
        change(watch.REPLICASETS, "podinfo-v2-v2b", status={"replicas": 3})
        change(watch.DESTINATIONRULES, "podinfo", metadata={"annotations": {"seen": "by istiod"}})
        change(watch.CANARIES, "podinfo", metadata={"annotations": {"seen": "by argocd"}})
        await play.settle()
        assert play.decisions == decided
        await play.until(play.clock.seconds + 12)
        assert play.status.step is not None
        assert play.status.step.index == 1, "the next writes know the newest versions"


# --- what is asked ---


async def test_answers_to_one_instant_are_one_decision_and_a_bad_one_waits_for_nobody() -> None:
    async with TaskGroup() as tasks:
        play = Play(tasks)
        await at_first_step(play)
        entered = play.entered
        slow = play.prometheus.open[DURATION] = asyncio.Event()
        await play.until(entered + 10.3)
        assert play.decisions == 0, "a good value waits for the other one"
        await play.until(entered + 11)
        assert play.decisions == 1, "but not for long"
        slow.set()
        await play.until(entered + 12)
        assert play.status.step is not None
        assert play.status.step.index == 1
        slow.clear()
        play.prometheus.values[SUCCESS_RATE] = 90.0
        entered, play.decisions = play.clock.seconds, 0
        while not play.decisions:
            await play.until(play.clock.seconds + 0.1)
        assert play.status.rollout is not None
        assert play.status.rollout.failed_checks == 1
        slow.set()


EDITS: Mapping[str, Mapping[str, Any]] = {
    "query": {"query": "sum(rate(fixed[1m]))"},
    "bounds": {"thresholdRange": {"min": 50}},
    "server": {},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_an_edited_metric_is_not_judged_by_what_was_asked_before(
    edit: Mapping[str, Any],
) -> None:
    first = {"name": "queue", "query": "sum(rate(wrong[1m]))", "thresholdRange": {"min": 99}}
    other = {"name": DURATION, "thresholdRange": {"max": 500}, "interval": "10s"}
    async with TaskGroup() as tasks:
        play = Play(tasks, metrics=[{**first, "interval": "10s"}, other], threshold=2)
        play.prometheus.values["queue"] = 90.0
        await at_first_step(play)
        await play.until(play.clock.seconds + 15)
        assert play.status.rollout is not None
        assert play.status.rollout.failed_checks == 1
        asked = len(play.prometheus.asked)
        slow = play.prometheus.open["queue"] = asyncio.Event()
        body = dict(beginning({"metrics": [{**first, "interval": "10s", **edit}, other]}))
        spec = {**body[watch.CANARIES]["spec"]}
        spec["analysis"]["threshold"] = 2
        if not edit:
            spec["analysis"]["metricsServer"] = {"address": "http://other:9090"}
        play.server.change(watch.CANARIES, "podinfo", spec=spec, metadata={"generation": 2})
        await play.settle()
        assert "queue" not in play.store.answers(KEY, complete(play))
        play.prometheus.values["queue"] = 99.5
        await play.until(play.clock.seconds + 9)
        slow.set()
        await play.until(play.clock.seconds + 2)
        assert len(play.prometheus.asked) > asked
        assert play.status.step is not None
        assert play.status.step.index == 1, "one good answer to the new question is enough"


def complete(play: Play) -> Any:
    spec = play.store.canaries[KEY].spec
    assert not isinstance(spec, Problem)
    return spec


async def test_after_a_release_no_text_of_a_pod_template_is_left_in_memory() -> None:
    text = "a long value " * 1600
    async with TaskGroup() as tasks:
        play = Play(tasks)
        await begun(play)
        await play.push(env=text)
        await play.until(play.clock.seconds + 90)
    assert play.status.primary_slot == "v2"
    told = [msgspec.json.encode(body) for body in play.server.objects.values()]
    assert sum(text.encode() in body for body in told) == 2  # the Deployment and its ReplicaSet
    for kind in watch.OBJECTS:
        held = msgspec.json.encode(list(play.store.all(kind)), enc_hook=dict)
        assert b"a long value" not in held
        assert b"podinfo:2" in held or kind not in {watch.DEPLOYMENTS, watch.REPLICASETS}
