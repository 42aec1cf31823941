"""What a scenario says of releases that did not all go as one whole release does."""

from __future__ import annotations

from bench.scale.rollout import Rollout
from bench.scale.tables import markdown, plain
from tests.bench.made import EVENT, STATUS, WEIGHT, released
from tests.bench.played import Played, crowd, wrote


def test_a_window_that_begins_within_a_release_has_no_figures_of_a_release_or_a_tick() -> None:
    # As if the next process had begun after the first step: five weights, and what is with them.
    rest = [one for one in released("a/one", at=100) if one.at > 105]
    both = [*rest, *released("a/two", at=103)]  # this one was pushed, and not yet begun
    played = Played(crowd("one", "two"), sent=both)
    rollout = Rollout(played.scene)
    rollout.begin()
    rollout.restarted()
    found = rollout.result("kill -9", {"weights that fell": 0})
    assert (found.releases, found.advancing, found.advancing_ticks) == (0, {}, 0)
    of_whole = [name for name in found.figures if name.endswith(("each", "tick", "ticks"))]
    assert of_whole == ["weight writes each"]  # this one is the watch's, from the push on
    assert found.number("weight writes each") == 6
    assert found.requests[WEIGHT] == 11
    [saved] = plain([found])
    assert "requests_by" not in saved
    text = markdown([found])
    assert "**kill -9, thresholds**, N =" in text
    assert "| promoted | 2 |" in text


def test_a_whole_rollout_has_them() -> None:
    played = Played(crowd("one"), sent=released("a/one", at=100))
    found = Rollout(played.scene).well("release")
    assert (found.releases, found.advancing_ticks) == (1, 4)
    assert found.number("requests each") == 21
    assert found.number("CPU ms per tick") == 500
    assert found.per_tick(STATUS) == 1


def test_what_was_taken_back_has_no_ticks_though_its_weights_are_as_many() -> None:
    back = wrote("a/bad", (100, 110, 120, 130, 140, 190))
    played = Played(
        crowd("one", "bad"),
        walks={"bad": (10, 20, 30, 40, 50, 0)},
        sent=[*released("a/one", at=100), *back],
    )
    rollout = Rollout(played.scene)
    rollout.begin()
    found = rollout.result("10 turn bad", {})
    assert found.advancing_ticks == 4
    assert found.advancing == {WEIGHT: 4, STATUS: 4, EVENT: 4}
