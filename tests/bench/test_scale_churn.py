"""What is kept of an hour of churn that fails at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from bench.scale.churn import Tally, attempt, told, words
from bench.scale.crowd import Way
from bench.scale.scene import Scene
from bench.scale.tables import markdown
from tests.bench.made import STATUS, released, window


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


def test_an_attempt_that_fails_is_noted_and_the_next_is_made() -> None:
    failures: list[str] = []
    assert attempt("the last census", failing(OSError("no process")), failures) is None
    assert attempt("the counters", lambda: 3, failures) == 3
    assert failures == ["the last census failed (OSError: no process)"]
    with pytest.raises(KeyboardInterrupt):
        attempt("anything", failing(KeyboardInterrupt()), failures)


def test_a_churn_without_counters_at_its_end_keeps_its_memory_and_says_what_failed() -> None:
    found = told(SCENE, HOUR, 60, None, ["the counters at the end failed (OSError: gone)"])
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
    found = told(SCENE, Tally(), 60, None, [words("the churn itself", KeyboardInterrupt())])
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
