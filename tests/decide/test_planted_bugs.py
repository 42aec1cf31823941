"""The histories catch what they are made for: every planted bug is found."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, Phase, find, settings

from tests.decide.draw import stories
from tests.decide.planted import PLANTED
from tests.decide.run import Engine
from tests.decide.stories import Story, play

ENOUGH = settings(
    max_examples=3_000,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def goes_wrong(story: Story, engine: Engine) -> bool:
    try:
        play(story, engine)
    except AssertionError:
        return True
    return False


@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", [pytest.param(PLANTED[bug], id=bug) for bug in PLANTED])
def test_it_is_caught_that_the_engine(engine: Engine) -> None:
    seed = Random(1)  # noqa: S311 - the same histories in every run
    story = find(stories, lambda one: goes_wrong(one, engine), settings=ENOUGH, random=seed)
    play(story)  # the true engine goes through the same history well
