"""What stands in the tables, in JSON and in the plot, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.scale.figures import Result, spread
from bench.scale.kept import Kept
from bench.scale.plot import PANELS, right, svg, up
from bench.scale.tables import gives, markdown, plain, read
from tests.bench.made import EVENT, STATUS, WEIGHT, a_result


def rows(text: str) -> dict[str, list[str]]:
    """The cells of each row, by its first cell; rows of the same name must be of other tables."""
    lines = [line[2:-2].split(" | ") for line in text.splitlines() if line.startswith("|")]
    return {first: cells for first, *cells in lines}


def a_release(count: int = 2, **given: Any) -> Result:
    asked = {"list services": 1, STATUS: 8 * count, WEIGHT: 6 * count, "update leases": 12}
    steps = {STATUS: 4 * count, WEIGHT: 4 * count, EVENT: 4 * count}
    usual: dict[str, Any] = {
        "requests": {EVENT: 7 * count, **asked},
        "releases": count,
        "advancing": steps,
        "advancing_ticks": 4 * count,
    }
    return a_result("release", count, **{**usual, **given})


def test_requests_stand_by_verb_and_resource_per_release_and_per_advancing_tick() -> None:
    found = rows(markdown([a_release(1000)]))
    assert found[STATUS] == ["8.00 / 1.00"]
    assert found[EVENT] == ["7.00 / 1.00"]
    assert found[WEIGHT] == ["6.00 / 1.00"]
    assert found["all that are counted"] == ["21.00 / 3.00"]
    assert "get canaries" not in found


def test_what_is_of_no_canary_has_no_figure_of_a_tick_instead_of_nought() -> None:
    one = a_release(1000)
    asked = {**one.requests, "get canaries": 500}
    steps = {**one.advancing, "get canaries": 0}
    found = rows(markdown([a_release(1000, requests=asked, advancing=steps)]))
    assert found["list services"] == ["<0.01 / -"]
    assert found["update leases (not counted)"] == ["0.01 / -"]
    assert found["get canaries"] == ["0.50 / 0.00"]
    assert found["all that are counted"] == ["21.50 / 3.00"]


def test_what_was_not_asked_with_one_n_is_nought_there_and_a_list_has_no_tick_with_any() -> None:
    many = a_release(1000)
    again = f"{STATUS} 409"
    asked = {**many.requests, again: 1000}
    del asked["list services"]
    steps = {**many.advancing, again: 1000}
    found = rows(markdown([a_release(200), a_release(1000, requests=asked, advancing=steps)]))
    assert found[again] == ["0.00 / 0.00", "1.00 / 0.25"]
    assert found["list services"] == ["0.01 / -", "0.00 / -"]


def test_requests_of_a_run_that_did_not_note_when_have_no_tick() -> None:
    found = rows(markdown([a_release(advancing={}, advancing_ticks=0)]))
    assert found[STATUS] == ["8.00 / -"]


def test_what_is_asked_while_idle_stands_in_whole_numbers() -> None:
    idle = a_result("idle", requests={"list alertproviders": 1, "update leases": 12})
    found = rows(markdown([idle]))
    assert found["list alertproviders"] == ["1"]
    assert found["update leases (not counted)"] == ["12"]
    assert found["all that are counted"] == ["1"]


def test_json_has_the_same_by_verb_and_resource() -> None:
    [found] = plain([a_release()])
    assert found["requests_by"][STATUS] == {"release": 8.0, "advancing tick": 1.0}
    assert found["requests_by"]["list services"] == {"release": 0.5, "advancing tick": None}
    assert found["requests"][STATUS] == 16
    assert "requests_by" not in plain([a_result("idle")])[0]


def test_flaggers_figures_stand_below_the_same_n_only() -> None:
    found = rows(markdown([a_release(1), a_release(200), a_release(1000)]))
    assert found["**release, thresholds**, N ="] == ["1", "200", "1,000"]
    assert found["requests each"] == ["21.00"] * 3
    assert found["… Flagger: requests each"] == ["172", "164", ""]
    assert found["… Flagger, unthrottled: requests each"] == ["", "172", ""]


def test_with_another_interval_the_head_says_so_and_flaggers_figures_are_left_out() -> None:
    text = markdown([a_release(200), a_release(200, interval=5.0)])
    found = rows(text)
    assert found["**release, thresholds**, N ="] == ["200", "200 (5 s)"]
    assert found["… Flagger: requests each"] == ["164", ""]
    assert "N = 200 (5 s): " in text
    assert "Flagger was measured with 10 s" in text
    alone = markdown([a_release(200, interval=5.0)])
    assert "Flagger: " not in alone
    assert "others" not in plain([a_release(200, interval=5.0)])[0]


def test_beside_evidence_there_is_no_flagger() -> None:
    text = markdown([a_release(200, way="evidence")])
    assert "Flagger" not in text
    assert "**release, evidence**, N =" in text


def test_figures_have_two_places_below_a_hundred_and_spreads_three_figures() -> None:
    figures = {
        "requests each": 99.994,
        "CPU ms each": 1234.5,
        "late s": spread([0.1, 0.2, 0.9]),
        "ended": 1200,
        "Events there": 96,
        "Events told": 2000,
        "CPU ms per tick": 0.004,
    }
    found = rows(markdown([a_release(figures=figures)]))
    assert found["requests each"] == ["99.99"]
    assert found["CPU ms per tick"] == ["<0.01"]
    assert found["CPU ms each"] == ["1,234"]
    assert found["late s"] == ["0.20/0.90/0.90"]
    assert found["ended"] == ["1,200"]
    assert found["Events"] == ["96 of 2000"]
    assert "release s" not in found


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"ended": 2}, "nothing gives (others used 0 % of a core)"),
        ({"ended": 1}, "releases that did not end 1, bound 1"),
        ({"ended": 2, "late s": spread([1.2])}, "canaryd's time (99 % of what is late, s) 1"),
        (
            {"ended": 2, "API write ms": spread([600.0]), "machine busy %": 99.0},
            "the API server's writes (99 %, ms) 600, bound 500 and the machine's processors (%) 99",
        ),
    ],
)
def test_what_gives_first_is_what_passes_its_bound_by_most(
    figures: dict[str, Any], words: str
) -> None:
    assert gives(a_release(figures=figures)).startswith(words)


def test_what_was_kept_is_read_again_as_it_was(tmp_path: Path) -> None:
    one = a_release(figures={"late s": spread([0.1]), "requests each": 21.0}, interval=5.0)
    Kept(tmp_path).add(one)
    assert Kept(tmp_path).results == [one]
    assert (tmp_path / "table.md").read_text() == markdown([one])
    assert (tmp_path / "plot.svg").read_text() == svg([one])
    assert json.loads((tmp_path / "results.json").read_text()) == plain([one])
    assert list(tmp_path.glob("*.new")) == []


def test_a_later_result_takes_the_place_of_the_same_and_of_no_other(tmp_path: Path) -> None:
    first = [a_release(200), a_release(50), a_release(200, interval=5.0)]
    first += [a_release(200, way="evidence"), a_result("idle")]
    for one in first:
        Kept(tmp_path).add(one)
    newer = a_release(200, figures={"requests each": 20.0})
    Kept(tmp_path).add(newer)
    assert Kept(tmp_path).results == [*sorted_as_kept(first[1:]), newer]


def test_a_shorter_churn_takes_no_longer_ones_place(tmp_path: Path) -> None:
    hour, again, some = (
        a_result("churn", 300, figures={"minutes": minutes}) for minutes in (60.1, 59.9, 8.0)
    )
    for one in (hour, again, some):
        Kept(tmp_path).add(one)
    assert Kept(tmp_path).results == sorted_as_kept([again, some])


def sorted_as_kept(results: list[Result]) -> list[Result]:
    """In the order in which they are read again."""
    return read(plain(results))


def test_results_of_before_intervals_were_noted_are_of_ten_seconds() -> None:
    [saved] = plain([a_release(200)])
    for name in ("way", "interval", "releases", "advancing", "advancing_ticks"):
        del saved[name]
    [found] = read([saved])
    assert (found.way, found.interval, found.releases) == ("thresholds", 10, 200)
    assert found.per_release(STATUS) == 8


def test_a_figure_in_the_plot_is_where_its_axis_says() -> None:
    panel = next(panel for panel in PANELS if panel.figure == "requests each")
    assert (panel.least, panel.most) == (5, 500)
    assert up(panel, 5) - up(panel, 500) == pytest.approx(180)
    assert up(panel, 50) == pytest.approx((up(panel, 5) + up(panel, 500)) / 2)
    assert up(panel, 9999) == up(panel, 500)
    assert right(70, 1) == 70
    assert right(70, 5000) == pytest.approx(320)


def test_the_plot_has_a_point_for_each_result_with_flaggers_interval() -> None:
    nothing, one = svg([]).count("<circle"), svg([a_release(50)]).count("<circle")
    assert one == nothing + 2  # requests, and the processor
    gap = {"gap between weights s": spread([10.0, 12.0])}
    panel = next(panel for panel in PANELS if panel.figure in gap)
    picture = svg([a_release(50, figures=gap)])
    left = 70 + PANELS.index(panel) * 320
    assert f'cx="{right(left, 50):.1f}" cy="{up(panel, 10.0):.1f}"' in picture
    assert svg([a_release(50, interval=5.0)]) == svg([])
