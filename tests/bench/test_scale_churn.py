"""What is kept of an hour of churn that fails at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from bench.scale.churn import Failure, attempt, churn, told
from bench.scale.crowd import Way
from bench.scale.figures import Result
from bench.scale.growth import Tally
from bench.scale.scene import Scene
from bench.scale.tables import markdown
from tests.bench.made import STATUS, WEIGHT, released, window
from tests.bench.played import BACK, Played, crowd, wrote


@dataclass
class Bare:
    """All of a scene that its result tells."""

    count: int = 300
    way: Way = Way.THRESHOLDS
    interval: float = 10
    said: list[str] = field(default_factory=list[str])


SCENE = cast("Scene", Bare())
HOUR = Tally(
    made=2,
    released=2,
    samples=[(0.1, 100.0), (0.5, 104.0), (1.0, 109.0)],
    censuses=[(0.0, {"a": 1}), (0.2, {"a": 2}), (1.0, {"a": 5})],
)


def failing(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


def test_an_attempt_that_fails_or_is_interrupted_is_noted_and_the_next_is_made() -> None:
    failures: list[Failure] = []
    said: list[str] = []
    census = failing(OSError("no process"))
    assert attempt("the last census", census, failures, said.append) is None
    assert attempt("waiting", failing(KeyboardInterrupt()), failures, said.append) is None
    assert attempt("the counters", lambda: 3, failures, said.append) == 3
    noted = ["the last census failed (OSError: no process)", "waiting was interrupted"]
    assert [*map(str, failures)] == noted
    assert [line.partition(": going on")[0] for line in said] == noted


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("settle", "waiting until all is written was interrupted"),
        ("census", "the last census was interrupted"),
        ("counters", "the counters at the end was interrupted"),
    ],
)
def test_ctrl_c_at_the_end_of_an_hour_keeps_it_and_ends_the_run(step: str, words: str) -> None:
    kept: list[Result] = []
    played = Played(crowd("one"), meets={step: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        churn(played.scene, 0, kept.append)
    [found] = kept
    assert found.figures["failed"] == words
    assert found.number("RSS at the end MiB") > 0
    assert any(line.startswith(words) for line in played.said)


@pytest.mark.parametrize("step", ["settle", "census", "counters"])
def test_a_second_ctrl_c_keeps_the_hour_as_the_first_does(step: str) -> None:
    kept: list[Result] = []
    meets: dict[str, BaseException] = {"places": KeyboardInterrupt(), step: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        churn(Played(crowd("one"), meets=meets).scene, 60, kept.append)
    [found] = kept
    assert found.figures["released"] == 1
    failed = str(found.figures["failed"])
    assert failed.startswith("the churn itself was interrupted; ")
    assert failed.count("was interrupted") == 2


def test_ctrl_c_between_two_waits_keeps_the_hour_too() -> None:
    kept: list[Result] = []
    played = Played(
        crowd("one"), meets={"settle": OSError("gone"), "telling settle": KeyboardInterrupt()}
    )
    with pytest.raises(KeyboardInterrupt):
        churn(played.scene, 0, kept.append)
    assert str(kept[0].figures["failed"]).endswith("; summing up was interrupted")


def test_ctrl_c_after_the_daemon_died_ends_the_run_and_not_only_the_churn() -> None:
    kept: list[Result] = []
    meets = {"play": OSError("no process"), "settle": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        churn(Played(crowd("one"), meets=meets).scene, 0, kept.append)
    assert len(kept) == 1


def test_a_churn_whose_daemon_died_is_kept_and_given_up() -> None:
    kept: list[Result] = []
    with pytest.raises(OSError, match="no process"):
        churn(Played(crowd("one"), meets={"play": OSError("no process")}).scene, 0, kept.append)
    assert kept[0].figures["failed"] == "the churn itself failed (OSError: no process)"


def test_a_last_census_that_fails_does_not_fail_the_churn() -> None:
    kept: list[Result] = []
    churn(Played(crowd("one"), meets={"census": OSError("no answer")}).scene, 0, kept.append)
    assert kept[0].figures["failed"] == "the last census failed (OSError: no answer)"


def test_a_canary_of_the_churn_that_was_taken_back_has_no_ticks() -> None:
    kept: list[Result] = []
    played = Played(
        crowd("one", "bad"),
        walks={"bad": BACK},
        # Twice back: as many weights as one release has, and a pause of minutes between.
        sent=[*released("a/one", at=100), *wrote("a/bad", (10, 20, 30, 330, 340, 350))],
        meets={"places": KeyboardInterrupt()},
    )
    played.everyone.reverse()  # the first has one release left, and then is replaced
    with pytest.raises(KeyboardInterrupt):
        churn(played.scene, 60, kept.append)
    [found] = kept
    assert found.advancing_ticks == 4
    assert found.advancing[WEIGHT] == 4


def test_a_churn_without_counters_at_its_end_keeps_its_memory_and_says_what_failed() -> None:
    found = told(SCENE, HOUR, 60, None, [Failure("the counters at the end", OSError("gone"))])
    assert found.number("RSS at the end MiB") == pytest.approx(106.5)
    assert found.number("RSS a line says, MiB per hour") == pytest.approx(10.0)
    assert found.figures["objects at the end"] == 5
    text = markdown([found])
    assert "| failed | the counters at the end failed (OSError: gone) |" in text
    assert "| RSS at the end MiB | 106 |" in text


def test_memory_after_the_warm_up_and_at_the_end_is_that_of_a_minute_each() -> None:
    samples = [(0.0, 50.0), *((0.2 + n / 100, 100.0 + n) for n in range(30))]
    found = told(SCENE, Tally(samples=samples), 60, None, [])
    assert found.number("RSS after warm-up MiB") == pytest.approx(105.5)
    assert found.number("RSS at the end MiB") == pytest.approx(123.5)


def test_a_churn_that_ended_before_its_first_sample_still_has_a_result() -> None:
    found = told(SCENE, Tally(), 60, None, [Failure("the churn itself", KeyboardInterrupt())])
    assert found.figures["failed"] == "the churn itself was interrupted"
    assert markdown([found])


def test_a_whole_churn_tells_what_a_release_and_a_tick_cost() -> None:
    sent = [*released("a/one", at=100), *released("a/one", at=300)]
    found = told(SCENE, HOUR, 60, window(sent), [])
    assert "failed" not in found.figures
    assert found.number("CPU ms each") == 1500
    assert found.number("CPU ms per tick") == 250
    assert found.number("requests each") == 21
    assert found.per_release(STATUS) == 8
    assert found.per_tick(STATUS) == 1
    assert "| CPU ms per tick | 250 |" in markdown([found])
