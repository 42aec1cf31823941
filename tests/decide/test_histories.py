"""Whole rollouts against a simulated world, interrupted anywhere, with anything at any time."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.decide.draw import counted_stories, stories
from tests.decide.stories import Story, play


@pytest.mark.timeout(1800)
@given(story=stories)
def test_any_history_stays_safe_and_ends(story: Story) -> None:
    play(story)


@pytest.mark.timeout(1800)
@given(story=counted_stories)
def test_any_history_that_is_judged_by_evidence_stays_safe_and_ends(story: Story) -> None:
    play(story)
