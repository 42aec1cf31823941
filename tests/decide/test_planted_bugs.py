"""The histories catch what they are made for: every planted bug is found."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.strategies import SearchStrategy

from tests.decide.draw import counted_stories, stories
from tests.decide.planted import PLANTED
from tests.decide.planted_counting import PLANTED_COUNTING
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


BUGS = [
    *(pytest.param(engine, stories, id=bug) for bug, engine in PLANTED.items()),
    *(pytest.param(engine, counted_stories, id=bug) for bug, engine in PLANTED_COUNTING.items()),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("engine", "tales"), BUGS)
def test_it_is_caught_that_the_engine(engine: Engine, tales: SearchStrategy[Story]) -> None:
    seed = Random(1)
    story = find(tales, lambda one: goes_wrong(one, engine), settings=ENOUGH, random=seed)
    play(story)  # the true engine goes through the same history well
