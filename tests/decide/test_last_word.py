"""Several requests at once, and applied again after a crash: the last word counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryd.decide.engine import decide
from canaryd.model.snapshot import Verb
from tests.decide.build import MINUTE, T0, ask, at_step


@pytest.mark.parametrize(
    ("verbs", "paused"),
    [
        ((Verb.PAUSE, Verb.PROMOTE), False),
        ((Verb.PROMOTE, Verb.PAUSE), True),
        ((Verb.PAUSE, Verb.RESUME), False),
        ((Verb.RESUME, Verb.PAUSE), True),
    ],
)
def test_the_last_word_counts_also_when_they_are_applied_again(
    verbs: tuple[Verb, Verb], paused: bool
) -> None:
    requests = tuple(ask(verb) for verb in verbs)
    snap = at_step(0, stale="silent", requests=requests)
    once = decide(snap, T0).status
    again = decide(replace(snap, status=once), T0 + MINUTE).status
    for status in (once, again):
        assert status.rollout is not None
        assert (status.rollout.paused is not None) is paused


def test_of_a_pause_and_a_resume_only_the_last_is_told() -> None:
    requests = (ask(Verb.PAUSE), ask(Verb.RESUME))
    decision = decide(at_step(1, requests=requests), T0)
    assert [answer.message for answer in decision.answers] == [
        "a later request took its place",
        "resumed",
    ]
    assert decision.tidings == ()
