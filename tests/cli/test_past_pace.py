"""Plan and backtest judge at the daemon's pace: no tile is shorter than a scrape."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from canaryd.cli.main import main
from tests.cli.past_server import PastServer, canary_file, past_server

ERRORS = [{"name": "errors", "compare": {}}]
SLOW = {"name": "slow", "objective": {"latency": {"le": 250, "maxFraction": 0.05}}}


@pytest.mark.parametrize(
    ("scrape", "delay", "step", "late"),
    [(5, "0s", 10, 5), (15, "0s", 15, 15), (60, "10m", 60, 660)],
)
def test_a_tile_is_as_long_as_a_scrape_and_as_late_as_the_server(
    tmp_path: Path, scrape: float, delay: str, step: float, late: float
) -> None:
    with past_server(scrape=scrape) as server:
        own = {"address": server.url, "delay": delay}
        path = canary_file(tmp_path, metrics=ERRORS, metricsServer=own)
        args = ["plan", "-f", str(path), "--rollouts", "10", "-o", "json"]
        done = CliRunner().invoke(main, args, prog_name="canaryd")
        assert done.exit_code == 0, done.output
        steps = {float(form["step"]) for form in server.forms if "step" in form}
    assert steps == {step}
    told = json.loads(done.stdout)["service"]
    assert (told["evaluatedSeconds"], told["lateSeconds"]) == (step, late)


def ran(folder: Path, server: PastServer, *metrics: Any, **analysis: Any) -> Result:
    path = canary_file(folder, metrics=list(metrics), **analysis)
    args = ["backtest", "-f", str(path), "--metrics-server", server.url, "--last", "3h"]
    return CliRunner().invoke(main, [*args, "--every", "30m", "-o", "text"], prog_name="canaryd")


def backtest(folder: Path, server: PastServer, *metrics: Any, **analysis: Any) -> str:
    done = ran(folder, server, *metrics, **analysis)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("scrape", [15, 60])
def test_backtest_replays_tiles_of_that_length(tmp_path: Path, scrape: float) -> None:
    with past_server(scrape=scrape) as server:
        told = backtest(tmp_path, server, *ERRORS)
        steps = {float(form["step"]) for form in server.forms if "step" in form}
    assert steps == {scrape}
    assert "10x" in told
    assert not any("10x" in one and "never caught" in one for one in told.splitlines())


@pytest.mark.parametrize(("every", "scrape"), [("7s", 5), ("10s", 17), ("35s", 5)])
def test_spans_that_do_not_divide_an_hour_lose_nothing(
    tmp_path: Path, every: str, scrape: float
) -> None:
    with past_server(scrape=scrape) as server:
        told = backtest(tmp_path, server, *ERRORS, evaluateEvery=every)
    assert "on 3 pods" in told
    assert re.search(r"10x +([0-9]+) of +\1 ", told)
    assert "left out" not in told


def test_where_no_gate_counts_errors_no_fault_is_said_to_go_uncaught(tmp_path: Path) -> None:
    with past_server(timed=True) as server:
        told = backtest(tmp_path, server, SLOW)
    assert "no gate counts errors, and nothing is made slower" in told
    assert "caught" in told
    assert "never caught" not in told


def test_gates_on_latency_without_histograms_are_no_reason_for_calm(tmp_path: Path) -> None:
    with past_server() as server:
        done = ran(tmp_path, server, *ERRORS, SLOW)
    assert done.exit_code == 1
    assert "slow: every release would be held, because the series" in done.stderr


def test_a_heavier_step_finds_faults_sooner(tmp_path: Path) -> None:
    with past_server() as server:
        light, heavy = (
            backtest(tmp_path, server, *ERRORS, stepWeights=weights) for weights in ([1], [50])
        )
    times = [re.search(r"5x +(\d+) of", told) for told in (light, heavy)]
    found = [int(time[1]) for time in times if time]
    assert found[0] < found[1]


def test_releases_that_overlap_make_no_narrower_bound(tmp_path: Path) -> None:
    """Sixteen steps take longer than the half hour after which the next release begins."""
    with past_server() as server:
        told = backtest(tmp_path, server, *ERRORS, stepWeights=[*range(1, 17)])
    assert "that do not overlap" in told


def test_so_many_times_next_to_nothing_is_said_to_be_so_many_times_a_thousandth(
    tmp_path: Path,
) -> None:
    args = ["plan", "-f", str(canary_file(tmp_path, metrics=ERRORS)), "--rollouts", "10"]
    words = "fewer than 0.1 % fail usually: the faults are so many times 0.1 %"
    for share, said in (("0.00001", True), ("0.01", False)):
        more = ["--rate", "100", "--error-rate", share]
        done = CliRunner().invoke(main, [*args, *more], prog_name="canaryd")
        assert (words in done.output) == said, done.output
