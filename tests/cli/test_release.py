"""Which release is waited for, and how it ended: states in, one answer out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.cli.exits import Code
from canaryd.cli.release import Ending, NotYet, Release, Wanted, choose, choose_unseen, ending
from canaryd.cli.workloads import Holding
from canaryd.model.names import Revision, SlotName
from canaryd.model.status import Phase, Status
from tests.cli.situations import (
    IDLE,
    NEW_IMAGE,
    NEWER,
    OLD_IMAGE,
    PROMOTED,
    PUSHED,
    PUT_BACK,
    REJECTED,
    SEEN,
    SERVING,
    SERVING_CHANGED,
    STARTED,
    STEPPING,
    SUPERSEDED,
    V1,
    V2,
    notice,
)


def holding(
    slot: SlotName, revision: Revision | None, image: str = OLD_IMAGE, *, paused: bool = False
) -> Holding:
    return Holding(slot, f"podinfo-{slot}", f"digest of {image}", revision, {"a": image}, paused)


def held(*holdings: Holding) -> dict[SlotName, Holding]:
    return {each.slot: each for each in holdings}


QUIET = held(holding(V1, SERVING), holding(V2, SEEN))
PUSH = held(holding(V1, SERVING), holding(V2, PUSHED, NEW_IMAGE))


@pytest.mark.parametrize(
    ("status", "holdings", "wanted", "found"),
    [
        (IDLE, PUSH, Wanted(), Release(PUSHED, V2, 1, SEEN)),
        (STEPPING, PUSH, Wanted(), Release(PUSHED, V2, 0, PUSHED)),
        (
            STEPPING,
            held(holding(V1, SERVING), holding(V2, NEWER)),
            Wanted(),
            Release(NEWER, V2, 3, PUSHED),
        ),
        (STEPPING, held(holding(V1, SERVING)), Wanted(), Release(PUSHED, V2, 0, PUSHED)),
        (
            IDLE,
            held(holding(V1, NEWER), holding(V2, SEEN)),
            Wanted(),
            Release(NEWER, V1, 1, SEEN),
        ),
        (IDLE, QUIET, Wanted(slot=V2), Release(SEEN, V2, 0, SEEN)),
        (IDLE, QUIET, Wanted(slot=V1), Release(SERVING, V1, 0, SEEN)),
        (IDLE, QUIET, Wanted(revision=NEWER), Release(NEWER, None, 1, SEEN)),
        (IDLE, PUSH, Wanted(image="podinfo:6.8.0"), Release(PUSHED, V2, 1, SEEN)),
        (IDLE, PUSH, Wanted(image=":6.7.1"), Release(SERVING, V1, 0, SEEN)),
        (IDLE, QUIET, Wanted(image=OLD_IMAGE), Release(SERVING, V1, 0, SEEN)),
        (STEPPING, PUSH, Wanted(image=NEW_IMAGE), Release(PUSHED, V2, 0, PUSHED)),
    ],
)
def test_what_is_followed(
    status: Status, holdings: dict[SlotName, Holding], wanted: Wanted, found: Release
) -> None:
    assert choose(status, holdings, wanted) == found


@pytest.mark.parametrize(
    ("status", "holdings", "wanted", "words"),
    [
        (Status(), QUIET, Wanted(), "not taken over"),
        (IDLE, held(holding(V1, SERVING), holding(V2, None)), Wanted(), "podinfo-v2"),
        (IDLE, held(holding(V1, None), holding(V2, SEEN)), Wanted(), "podinfo-v1"),
        (IDLE, held(holding(V2, None, paused=True)), Wanted(), "kubectl rollout resume"),
        (IDLE, QUIET, Wanted(image="podinfo:9"), "podinfo:9"),
        (IDLE, QUIET, Wanted(image="podinfo:9", slot=V2), "slot v2"),
        (IDLE, {}, Wanted(slot=V2), "slot v2"),
    ],
)
def test_what_cannot_be_told_yet_is_said(
    status: Status, holdings: dict[SlotName, Holding], wanted: Wanted, words: str
) -> None:
    found = choose(status, holdings, wanted)
    assert isinstance(found, NotYet)
    assert words in found.message


def test_a_serving_deployment_that_is_paused_keeps_nobody_waiting() -> None:
    found = choose(IDLE, held(holding(V1, None, paused=True), holding(V2, SEEN)), Wanted())
    assert isinstance(found, Ending)
    assert found.code is Code.DONE


def test_without_deployments_the_status_has_to_do() -> None:
    assert choose_unseen(STEPPING) == Release(PUSHED, V2, 0, PUSHED)
    assert isinstance(choose_unseen(Status()), NotYet)
    assert choose_unseen(REJECTED) == Ending(
        Code.TAKEN_BACK, "podinfo-v2 rolled back from 10 %: failed check 3 of 3"
    )


NEW = Release(PUSHED, V2, since=1, known=SEEN)
FULL = tuple(notice(seq, "StepEntered", NEWER) for seq in range(30, 50))


@pytest.mark.parametrize(
    ("status", "release", "ran", "code"),
    [
        (IDLE, NEW, False, None),
        (STARTED, NEW, False, None),
        (replace(STEPPING, phase=Phase.ROLLING_BACK), NEW, True, None),
        (PROMOTED, NEW, True, Code.DONE),
        (REJECTED, NEW, True, Code.TAKEN_BACK),
        (REJECTED, NEW, False, Code.TAKEN_BACK),
        (PUT_BACK, NEW, True, Code.TAKEN_BACK),
        (SUPERSEDED, NEW, True, Code.SUPERSEDED),
        (SUPERSEDED, NEW, False, Code.SUPERSEDED),
        # Too much happened while nobody looked: its notices are gone.
        (replace(SUPERSEDED, notices=FULL), NEW, True, Code.SUPERSEDED),
        (replace(PUT_BACK, notices=FULL), NEW, True, Code.TAKEN_BACK),
        # It was superseded once; this is another attempt, which has not begun yet.
        (SUPERSEDED, Release(PUSHED, V2, since=5, known=NEWER), False, None),
        # A rejected revision was pushed on top of it.
        (
            replace(IDLE, notices=(*STARTED.notices, notice(3, "RejectedRevision"))),
            NEW,
            True,
            Code.SUPERSEDED,
        ),
        # Putting back what the slot held is waited for: there is nothing to promote.
        (PUT_BACK, Release(SEEN, V2, since=3, known=PUSHED), False, Code.TAKEN_BACK),
        (IDLE, Release(SEEN, V2, since=0, known=SEEN), False, Code.ERROR),
        # It served once, and was replaced since.
        (
            replace(
                IDLE,
                notices=(*PROMOTED.notices, notice(5, "RolloutStarted", NEWER)),
            ),
            Release(PUSHED, None, since=0, known=SEEN),
            False,
            Code.DONE,
        ),
        (SERVING_CHANGED, Release(NEWER, V1, since=1, known=SEEN), False, Code.ERROR),
        (Status(), NEW, False, None),
    ],
)
def test_how_it_ended(status: Status, release: Release, ran: bool, code: Code | None) -> None:
    found = ending(status, release, ran=ran)
    assert (found.code if found else None) is code


@pytest.mark.parametrize(
    ("asked", "runs"),
    [
        ("stefanprodan/podinfo:6.8.0", True),
        ("podinfo:6.8.0", True),
        (":6.8.0", True),
        ("6.8.0", True),
        ("6.8", False),
        ("info:6.8.0", False),
        ("podinfo", False),
    ],
)
def test_an_image_may_be_named_short_but_not_by_half(asked: str, runs: bool) -> None:
    assert holding(V2, PUSHED, NEW_IMAGE).runs(asked) is runs
