"""`canaryd plan`: what a team is told before its first release."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from canaryd.cli.main import main
from canaryd.cli.trials import caught
from canaryd.decide.trial import Outcome
from tests.cli.past_server import canary_file
from tests.cli.situations import Object


def plan(path: Path, *args: str) -> Result:
    return CliRunner().invoke(main, ["plan", "-f", str(path), *args], prog_name="canaryd")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Object:
    path = canary_file(tmp_path_factory.mktemp("plan"))
    result = plan(path, "--rate", "500", "--rollouts", "10", "-o", "json")
    assert result.exit_code == 0, result.output
    found: Object = orjson.loads(result.stdout)
    return found


def test_worse_faults_are_caught_sooner(told: Object) -> None:
    two, five, ten = told["faults"]
    assert two["caught"] <= five["caught"] <= ten["caught"] == 10
    assert ten["medianSeconds"] <= five["medianSeconds"]


def test_a_healthy_release_comes_to_its_end(told: Object) -> None:
    assert told["healthy"]["rolledBack"] == 0
    assert told["healthy"]["finished"] == 10


def test_a_fleet_learns_how_often_an_alarm_is_false(tmp_path: Path) -> None:
    args = ("--rate", "500", "--rollouts", "10", "--releases-per-day", "200")
    result = plan(canary_file(tmp_path), *args)
    assert "at 200 releases a day that is one in 0.5 days or fewer" in result.stdout
    assert "playing 40 releases through" in result.stderr


def test_the_same_seed_says_the_same(tmp_path: Path) -> None:
    path, args = canary_file(tmp_path), ("--rate", "50", "--rollouts", "10", "-o", "json")
    assert plan(path, *args).stdout == plan(path, *args).stdout


def test_without_a_rate_it_says_what_to_give(tmp_path: Path) -> None:
    result = plan(canary_file(tmp_path))
    assert result.exit_code == 2
    assert (
        "give --rate, like --rate 100 (requests per second), or --metrics-server" in result.output
    )


def test_options_that_would_do_nothing_are_refused(tmp_path: Path) -> None:
    path, server = canary_file(tmp_path), ("--metrics-server", "http://localhost:1")
    both = plan(path, *server, "--rate", "10")
    assert both.exit_code == 2
    assert "not both" in both.output
    known = plan(path, *server, "--pods", "3", "--error-rate", "0.1")
    assert known.exit_code == 2
    assert "--error-rate and --pods: only with --rate" in known.output


def test_gates_on_latency_alone_are_not_played_with_errors(tmp_path: Path) -> None:
    path = canary_file(tmp_path, metrics=[{"name": "latency", "compare": {}}])
    result = plan(path, "--rate", "100")
    assert result.exit_code == 1
    assert "has no gate on errors" in result.output
    assert "canaryd backtest" in result.output


def test_nine_in_ten_are_not_caught_sooner_than_half() -> None:
    sooner = Outcome("WorseThanPrimary", timedelta(seconds=100), 0, 500.0, finished=False)
    found = caught(2.0, [sooner, replace(sooner, after=timedelta(seconds=300))])
    assert (found.median_seconds, found.slow_seconds) == (200, 300)


def test_a_file_without_a_canary_is_said(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("kind: Deployment\n", encoding="utf-8")
    result = plan(path, "--rate", "1")
    assert result.exit_code == 1
    assert "holds no Canary" in result.output


def test_a_canary_that_only_has_thresholds_has_nothing_to_play(tmp_path: Path) -> None:
    metrics: list[Object] = [{"name": "request-success-rate", "thresholdRange": {"min": 99}}]
    result = plan(canary_file(tmp_path, metrics=metrics), "--rate", "1")
    assert result.exit_code == 1
    assert "no gate compares" in result.output


def test_a_mistake_in_the_file_names_the_field(tmp_path: Path) -> None:
    result = plan(canary_file(tmp_path, evaluateEvery={"x": 1}), "--rate", "1")
    assert result.exit_code == 1
    assert "evaluateEvery" in result.output


@pytest.mark.parametrize(
    ("option", "value", "right"),
    [
        ("--rate", "nan", "a number from 0.01 to 1000000, like 100"),
        ("--rate", "inf", "a number from 0.01 to 1000000, like 100"),
        ("--rate", "abc", "a number from 0.01 to 1000000, like 100"),
        ("--rate", "1e308", "a number from 0.01 to 1000000, like 100"),
        ("--rate", "0", "a number from 0.01 to 1000000, like 100"),
        ("--error-rate", "1%", "a number from 0 to 0.5, like 0.001, which is 0.1 %"),
        ("--error-rate", "2", "a number from 0 to 0.5, like 0.001, which is 0.1 %"),
        ("--pods", "x", "a whole number from 1 to 1000, like 3"),
        ("--pods", "0", "a whole number from 1 to 1000, like 3"),
        ("--releases-per-day", "-1", "a number from 0 to 100000, like 20"),
        ("--releases-per-day", "1e308", "a number from 0 to 100000, like 20"),
        ("--rollouts", "2.5", "a whole number from 10 to 10000, like 60"),
        ("--seed", "x", "a whole number of at least 0, like 1"),
    ],
)
def test_a_wrong_number_is_told_with_a_right_one(
    tmp_path: Path, option: str, value: str, right: str
) -> None:
    rate = () if option == "--rate" else ("--rate", "5")
    result = plan(canary_file(tmp_path), *rate, option, value)
    assert result.exit_code == 2
    assert f"'{option}': '{value}' is wrong: give {right}" in result.output


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--last", value) for value in ("10", "7w", "-1h", "0s", "59m", f"{10**14}d", "367d")),
        *(("--every", value) for value in ("abc", "0s", "8d")),
    ],
)
def test_a_wrong_duration_is_told_with_right_ones(tmp_path: Path, option: str, value: str) -> None:
    path = str(canary_file(tmp_path))
    result = CliRunner().invoke(main, ["backtest", "-f", path, option, value])
    assert result.exit_code == 2
    bounds = "1h to 366d" if option == "--last" else "1s to 7d"
    words = f"'{option}': '{value}' is wrong: give a duration from {bounds}, like 90m, 24h or 7d"
    assert words in result.output


@pytest.mark.parametrize(
    ("command", "option"), [("plan", "--rate"), ("plan", "--pods"), ("backtest", "--last")]
)
def test_a_wrong_value_of_any_length_is_not_repeated_whole(
    tmp_path: Path, command: str, option: str
) -> None:
    path = str(canary_file(tmp_path))
    result = CliRunner().invoke(main, [command, "-f", path, option, "x" * 5000])
    assert result.exit_code == 2
    assert f"'{'x' * 40}…' is wrong" in result.output


def test_the_busiest_service_can_be_played(tmp_path: Path) -> None:
    args = ("--rate", "1e6", "--rollouts", "10", "--releases-per-day", "1e5")
    result = plan(canary_file(tmp_path), *args)
    assert result.exit_code == 0, result.output


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    path = tmp_path / "canary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    result = plan(path, "--rate", "1")
    assert result.exit_code == 1
    assert f"{path}:1: not readable: this is not UTF-8" in result.output


def test_a_number_that_json_cannot_say_is_a_sentence(tmp_path: Path) -> None:
    result = plan(canary_file(tmp_path, threshold=10**30), "--rate", "1")
    assert result.exit_code == 1
    assert "JSON cannot say" in result.output
