"""What a person reads in `make demo`, on a terminal and in a CI log."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from tests.demo.scene import Ending, Limits, Line, Mood, Scene, Side, Summary, Told
from tests.demo.view import bar, clock, fitting, milliseconds, percent, render, summary, tell

V1 = Side("v1", "6.7.1", "serves", asked=90, observed=89.6, error_rate=0, p99_ms=44.2)
V2 = Side("v2", "6.7.2", "canary", asked=10, observed=10.4, error_rate=4.8, p99_ms=166)
STARTED = Told(1, 4.2, Line("rollout of podinfo-v2 started"))
ENTERED = Told(2, 5.0, Line("podinfo-v2 enters step 1 of 3 (10 %)"))
FAILED = Told(3, 13.4, Line("failed check 1 of 2: too many errors", Mood.WARN))
SCENE = Scene(
    act=2,
    acts=2,
    title="A bad release",
    elapsed=65.9,
    phase="Progressing",
    step="step 1 of 3 (10 %), 8s",
    sides=(V1, V2),
    limits=Limits(error_rate=1, p99_ms=150),
    checks=(Line("request-success-rate was 95.2 %", Mood.BAD),),
    told=(STARTED, ENTERED),
    sent=12345,
    failed=17,
)
GOOD = Ending("6.7.2", "A good release", True, "podinfo-v2 promoted", 27, 7000, 0, 2900)
BAD = Ending("6.7.3", "A bad release", True, "podinfo-v1 rolled back", 16, 5000, 21, 300)


def drawn(what: RenderableType, width: int = 100, height: int = 50, colours: bool = False) -> str:
    console = Console(
        width=width,
        height=height,
        force_terminal=colours,
        color_system="standard" if colours else None,
        legacy_windows=False,
        _environ={},
    )
    with console.capture() as captured:
        console.print(what)
    return captured.get()


@pytest.mark.parametrize(
    ("shown", "where"),
    [
        ("2 of 2  A bad release", "the title"),
        ("v1    6.7.1    serves   90 %    89.6 %", "asked and observed of the serving side"),
        ("v2    6.7.2    canary   10 %    10.4 %", "asked and observed of the canary"),
        ("4.8 %  166 ms", "errors and p99 of the canary"),
        ("phase    Progressing  step 1 of 3 (10 %), 8s", "phase and step"),
        ("hold     none", "that nothing holds it"),
        ("checks   ✗ request-success-rate was 95.2 %", "a check's sentence"),
        ("0:04    rollout of podinfo-v2 started", "a notice with its time"),
        ("1:05 · users: 12,345 requests, 17 failed", "the time, and what users sent"),
    ],
)
def test_one_look_at_the_terminal_shows(shown: str, where: str) -> None:
    assert shown in drawn(render(SCENE)), where


def test_a_hold_is_shown_with_its_sentence() -> None:
    scene = replace(SCENE, hold="CanaryNotReady: 0 of 1 pods of podinfo-v2 are ready, 1 needed")
    assert "hold     CanaryNotReady: 0 of 1 pods" in drawn(render(scene))


def test_the_verdict_is_shown_once_though_it_was_a_notice_too() -> None:
    sentence = Line("podinfo-v2 rolled back from 10 %", Mood.BAD)
    scene = replace(SCENE, verdict=sentence, told=(STARTED, Told(4, 20, sentence)))
    text = drawn(render(scene))
    assert "verdict  ✗ podinfo-v2 rolled back from 10 %" in text
    assert text.count(sentence.text) == 1


def test_only_values_beyond_their_limits_are_red() -> None:
    text = drawn(render(replace(SCENE, checks=())), colours=True)
    red = [part.partition("\x1b[0m")[0] for part in text.split("\x1b[1;31m")[1:]]
    assert [part.strip() for part in red] == ["4.8 %", "166 ms"]


@pytest.mark.parametrize("height", [16, 18, 20, 24])
def test_a_small_terminal_shows_the_newest_notices_and_the_frame_whole(height: int) -> None:
    told = tuple(Told(number, number, Line(f"notice {number}")) for number in range(1, 9))
    scene = replace(SCENE, told=told)
    console = Console(width=80, height=height, color_system=None, _environ={})
    text = drawn(fitting(scene, console), width=80)
    assert len(text.splitlines()) <= height
    assert "notice 8" in text
    assert text.splitlines()[-1].startswith("╰")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "-"),
        (0, "0 %"),
        (0.01, "0.1 %"),
        (10.44, "10.4 %"),
        (99.99, "99.9 %"),
        (100, "100 %"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(value: float | None, said: str) -> None:
    assert percent(value) == said


@pytest.mark.parametrize(
    ("share", "drawing"),
    [(0, ""), (0.01, "▏"), (10, "█"), (15, "█▌"), (99.9, "██████████"), (100, "██████████")],
)
def test_a_bar_is_as_long_as_its_share(share: float, drawing: str) -> None:
    assert bar(share, 10) == drawing


def test_a_bar_is_never_wider_than_its_column() -> None:
    assert {len(bar(tenth / 10)) <= 20 for tenth in range(1001)} == {True}


@pytest.mark.parametrize(("seconds", "said"), [(-0.3, "0:00"), (59.9, "0:59"), (125, "2:05")])
def test_times_are_minutes_and_seconds(seconds: float, said: str) -> None:
    assert clock(seconds) == said


def test_a_side_that_nobody_reached_has_no_values() -> None:
    assert milliseconds(None) == "-"
    idle = replace(V2, role="idle", asked=0, observed=0, error_rate=None, p99_ms=None)
    text = drawn(render(replace(SCENE, sides=(V1, idle))))
    assert "v2    6.7.2    idle      0 %       0 %" in text


def test_a_ci_log_has_one_line_for_each_transition_and_none_twice() -> None:
    later = replace(SCENE, told=(STARTED, ENTERED, FAILED), elapsed=66.4)
    assert list(tell(None, SCENE, due=False)) == [
        " 1:05  2 of 2: A bad release",
        " 0:04  · rollout of podinfo-v2 started",
        " 0:05  · podinfo-v2 enters step 1 of 3 (10 %)",
    ]
    assert list(tell(SCENE, later, due=False)) == [" 0:13  ! failed check 1 of 2: too many errors"]
    assert list(tell(later, later, due=False)) == []


def test_a_ci_log_says_now_and_then_how_it_stands() -> None:
    assert list(tell(SCENE, SCENE, due=True)) == [
        " 1:05  Progressing step 1 of 3 (10 %), 8s; "
        "v1 6.7.1 serves: asked 90 %, observed 89.6 %, errors 0 %, p99 44 ms; "
        "v2 6.7.2 canary: asked 10 %, observed 10.4 %, errors 4.8 %, p99 166 ms"
    ]


def test_the_summary_says_what_happened_to_users_and_what_to_try() -> None:
    text = drawn(summary(Summary((GOOD, BAD), seconds=60, sent=12000, failed=21)))
    for part in (
        "✓ A good release",
        "podinfo-v1 rolled back",
        "users sent 5,000 requests, 21 failed; 300 were answered by 6.7.3",
        "users   12,000 requests, 21 failed, in 1:00",
        "Both releases ended as they should.",
        "canaryd why podinfo -n demo",
    ):
        assert part in text


def test_a_release_that_ended_otherwise_is_told_as_such() -> None:
    wrong = replace(GOOD, as_hoped=False, sentence="no end within 120 s")
    end = Summary((wrong, BAD), seconds=160, sent=12000, failed=21)
    assert not end.as_hoped
    text = drawn(summary(end))
    assert "✗ A good release" in text
    assert "This is not how it should have ended." in text
    assert "Try" not in text
