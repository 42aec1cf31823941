"""Settings are read as their page says, and a wrong one is told in a sentence."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from click.testing import CliRunner

from canaryd.cli.main import main
from canaryd.settings import Settings, unknown
from tests.docs.pages import DOCS

PAGE = (DOCS / "reference" / "settings.md").read_text()
ROWS = re.findall(r"^\| `CANARYD_(\w+)` \| \S* *\| `?([^|` ]+)", PAGE, re.MULTILINE)
SECONDS = ("30", "30.0", "30s", "0.5m", "30000ms", "PT30S")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CANARYD_")]:
        monkeypatch.delenv(name)


def read(**options: Any) -> Settings:
    return Settings(**options)


def refused(*args: str, **settings: str) -> str:
    env = {f"CANARYD_{name}": value for name, value in settings.items()}
    done = CliRunner(env=env).invoke(main, ["run", *args])
    assert done.exit_code == 2, done.output
    return done.output.partition("Error: ")[2].strip()


def test_the_page_has_every_setting() -> None:
    assert {name.lower() for name, _ in ROWS} == {*Settings.model_fields}


def test_every_setting_can_be_set_in_the_form_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    default = read()
    for name, value in ROWS:
        if value != "none":
            monkeypatch.setenv(f"CANARYD_{name}", value)
    assert read() == default


@pytest.mark.parametrize("text", SECONDS)
def test_durations_are_read_in_every_documented_form(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    for name in ("QUERY_DEADLINE", "WARM_UP", "DEAD_WATCH", "RESYNC"):
        monkeypatch.setenv(f"CANARYD_{name}", text)
    now = read()
    found = {now.query_deadline, now.warm_up, now.dead_watch, now.resync}
    assert [value.total_seconds() for value in found] == [30]


@pytest.mark.parametrize(("text", "hours"), [("7d", 168), ("1d12h", 36), ("P2D", 48)])
def test_days_are_read(monkeypatch: pytest.MonkeyPatch, text: str, hours: int) -> None:
    monkeypatch.setenv("CANARYD_HISTORY_AGE", text)
    assert read().history_age.total_seconds() == hours * 3600


@pytest.mark.parametrize("text", ["30x", "", "1:30", "nan", "9" * 30, "P30", "1d-1h", "-5", "d"])
def test_what_is_no_duration_is_told_with_an_example(text: str) -> None:
    said = refused(QUERY_DEADLINE=text)
    assert said == f"CANARYD_QUERY_DEADLINE is {text!r}: give a duration like 30s or 1m30s"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("LEASE_DURATION", "PT0S", "give at least 5s"),
        ("LEASE_RENEW", "0", "give at least 1s"),
        ("DEAD_WATCH", "0", "give at least 10s"),
        ("STALE_WATCH", "1ms", "give at least 10s"),
        ("HISTORY_AGE", "-P1D", "give at least 1h"),
        ("HISTORY_AGE", "99999d", "give at most 3650d"),
        ("RESYNC", "0s", "give at least 1s"),
        ("EVIDENCE_WRITE", "0", "give at least 1s"),
        ("PUMP", "0", "give at least 1ms"),
        ("QUERY_DEADLINE", "0", "give at least 100ms"),
        ("REQUEST_RETENTION", "0", "give at least 1m"),
        ("WARM_UP", "-P1D", "give at least 0s"),
        ("HISTORY_BYTES", "1", "give a whole number of at least 1048576"),
        ("WRITES_PER_SECOND", "nan", "give more than 0, at most 100000"),
        ("WRITES_PER_SECOND", "lots", "give more than 0, at most 100000"),
    ],
)
def test_what_would_do_harm_is_refused_with_its_bound(name: str, text: str, words: str) -> None:
    assert refused(**{name: text}) == f"CANARYD_{name} is {text!r}: {words}"


@pytest.mark.parametrize("text", ["99999", "-1", "8080.5", "http", ""])
def test_a_wrong_port_is_told_with_variable_and_option(text: str) -> None:
    words = f"CANARYD_PORT (--port) is {text!r}: give a whole number from 0 to 65535"
    assert refused(PORT=text) == words
    if text.lstrip("-").isdecimal():
        assert refused("--port", text) == words


def test_a_log_level_that_there_is_not_is_told_with_those_that_there_are() -> None:
    words = "CANARYD_LOG_LEVEL (--log-level) is 'loud': give debug, info, warning or error"
    assert refused(LOG_LEVEL="loud") == words


def test_a_log_level_may_be_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARYD_LOG_LEVEL", "WARNING")
    assert read().log_level == "warning"


def test_a_lease_that_would_run_out_before_it_is_renewed_is_refused() -> None:
    said = refused(LEASE_DURATION="15s", LEASE_RENEW="10s")
    assert said == (
        "CANARYD_LEASE_RENEW is 10s and CANARYD_LEASE_DURATION 15s: have it renewed more often than"
        " every 10s, which is two thirds of the duration"
    )


def test_all_wrong_settings_are_told_at_once() -> None:
    said = refused(PORT="x", PUMP="y")
    assert "CANARYD_PORT" in said
    assert "CANARYD_PUMP" in said


def test_a_misspelt_variable_is_found_with_the_setting_that_it_resembles() -> None:
    names = ("HOME", "CANARYD_PUMP", "canaryd_port", "CANARYD_QUERY_DEADLNE", "CANARYD_ELEPHANT")
    links = ("CANARYD_SERVICE_HOST", "CANARYD_SERVICE_PORT_HTTP", "CANARYD_PORT_8080_TCP_ADDR")
    assert dict(unknown([*names, *links])) == {
        "CANARYD_QUERY_DEADLNE": "CANARYD_QUERY_DEADLINE",
        "CANARYD_ELEPHANT": None,
    }
