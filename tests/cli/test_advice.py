"""What a person is advised to do when a metrics server gave no answer that can be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from canaryd.cli.access import FIELD, Target, login_from
from canaryd.cli.main import main
from canaryd.cli.options import Access
from tests.cli.past_server import canary_file, past_server

OPTION = "--metrics-server"
ERRORS = [{"name": "errors", "compare": {}}]
SLOW = {"name": "slow", "objective": {"latency": {"le": 250, "maxFraction": 0.05}}}
TOKEN, AWAY = "abc.def-ghi_jkl", "http://p:9090 gave no answer: "


def target(written: str = OPTION) -> Target:
    return Target("http://p:9090", login_from(Access()), Access(), written)


def run(command: str, folder: Path, *options: str, own: str | None = None) -> Result:
    more = {} if own is None else {"metricsServer": {"address": own}}
    path = str(canary_file(folder, metrics=[*ERRORS, SLOW], **more))
    files = [path] if command == "lint" else ["-f", path]
    return CliRunner().invoke(main, [command, *options, *files])


@pytest.mark.parametrize("command", ["plan", "backtest", "lint"])
@pytest.mark.parametrize("address", ["http://a b", "http://%zz", "http://a:99999", "ftp://a", ""])
def test_an_address_that_is_none_is_a_sentence(tmp_path: Path, command: str, address: str) -> None:
    told = run(command, tmp_path, OPTION, address)
    assert isinstance(told.exception, SystemExit), told.exception
    assert told.exit_code == 1
    assert f"{OPTION}: " in told.output


@pytest.mark.parametrize("written", [OPTION, FIELD, ""])
@pytest.mark.parametrize(
    "detail",
    [
        AWAY + "no whole answer within 360 s",
        AWAY + "the answer is larger than 8 MiB",
        AWAY + "the answer is larger than 8388608 bytes",
        AWAY + "the answer was cut off, or no HTTP (BadStatusLine)",
        "the metrics server answered 503: query timed out in expression evaluation",
    ],
)
def test_who_was_reached_is_not_looked_for_elsewhere(written: str, detail: str) -> None:
    told = target(written).advice(detail)
    assert "known in the cluster only" not in told
    assert "forward a port" not in told
    assert "give its address" not in told
    assert "reached from here" not in told


@pytest.mark.parametrize(
    "detail",
    [
        AWAY + "no whole answer within 360 s",
        "the metrics server answered 503: query timed out in expression evaluation",
        "the metrics server answered 422: query timed out",
        "the metrics server answered 504",
    ],
)
def test_a_slow_server_is_asked_for_less(detail: str) -> None:
    assert target().advice(detail) == "; the server is slow: try later"
    longer = target().advice(detail, spans=True)
    assert longer == "; the server is slow: try later, or a shorter --last"


def test_a_shorter_past_is_advised_where_there_is_one_to_shorten(tmp_path: Path) -> None:
    with past_server(status=503, words="query timed out in expression evaluation") as server:
        there = (OPTION, server.url)
        week = run("backtest", tmp_path, "--last", "7d", *there)
        hour = run("backtest", tmp_path, "--last", "1h", *there)
        plan, lint = run("plan", tmp_path, *there), run("lint", tmp_path, *there)
    assert "; the server is slow: try later, or a shorter --last" in week.output
    for told in (hour, plan, lint):
        assert "; the server is slow: try later" in told.output
        assert "--last" not in told.output


def test_an_answer_that_is_too_large_is_told_as_that() -> None:
    told = target(FIELD).advice(AWAY + "the answer is larger than 8 MiB")
    assert told == (
        "; that is more than the pods of one Canary have: check that the server of "
        f"{FIELD}.address is the right one"
    )


@pytest.mark.parametrize("why", ["no connection: Connection refused", "no connection over TLS (x)"])
def test_who_was_not_reached_may_be_known_in_the_cluster_only(why: str) -> None:
    assert "forward a port to it" in target(FIELD).advice(AWAY + why)
    assert "look whether the address in --metrics-server" in target().advice(AWAY + why)
    assert "; give its address with --metrics-server" in target("").advice(AWAY + why)


def test_a_path_too_many_is_told_where_it_was_written(tmp_path: Path) -> None:
    with past_server(status=404) as server:
        own = run("plan", tmp_path, own=server.url)
        given = run("plan", tmp_path, OPTION, server.url)
    field = f"{FIELD}.address must end before /api/v1, like address: http://prometheus:9090"
    assert field in own.output
    assert "--metrics-server must end before /api/v1, like --metrics-server http://" in given.output


def test_a_servers_own_words_are_not_taken_for_canaryds() -> None:
    for words in ("no connection to the store", "the answer is larger than 5", "no HTTP"):
        assert not target().advice(f"the metrics server answered 503: {words}")


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_is_told_what_to_give(tmp_path: Path, status: int) -> None:
    with past_server(status=status, words="no org id") as server:
        done = run("plan", tmp_path, OPTION, server.url)
    assert done.exit_code == 1
    assert f"the metrics server answered {status}: no org id" in done.output
    assert "give a login with --bearer-token-file FILE, or --username NAME" in done.output
    assert "a tenant with --header 'X-Scope-OrgID: team'" in done.output


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_that_is_not_accepted_is_named_and_not_shown(tmp_path: Path, status: int) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN, encoding="utf-8")
    with past_server(status=status, words=f"go away, {TOKEN}") as server:
        done = run("plan", tmp_path, OPTION, server.url, "--bearer-token-file", str(token))
    assert "it does not accept what --bearer-token-file gave" in done.output
    assert "check that it is still valid and allowed to query" in done.output
    assert TOKEN not in done.output


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (302, "that may be a page to log in at: give the address of the API itself"),
        (404, "--metrics-server must end before /api/v1, like --metrics-server http://"),
    ],
)
def test_a_wrong_address_is_told_by_its_answer(tmp_path: Path, status: int, said: str) -> None:
    with past_server(status=status) as server:
        done = run("plan", tmp_path, OPTION, server.url)
    assert f"answered {status}" in done.output
    assert said in done.output


def test_another_refusal_is_said_as_it_is(tmp_path: Path) -> None:
    with past_server(status=503, words="busy") as server:
        done = run("plan", tmp_path, OPTION, server.url)
    assert done.output.rstrip().endswith("the metrics server answered 503: busy")


def test_an_address_that_only_the_cluster_knows_is_told(tmp_path: Path) -> None:
    done = run("plan", tmp_path, own="http://127.0.0.1:1")
    assert done.exit_code == 1
    assert "the address is that of spec.analysis.metricsServer" in done.output
    assert "forward a port to it and give --metrics-server" in done.output


def test_a_certificate_that_is_over_is_no_matter_of_the_authority() -> None:
    asked = target()
    words = "its certificate is not trusted (certificate verify failed: certificate has expired)"
    assert asked.advice(words) == "; it has to be renewed where the server runs"


def test_where_no_server_was_named_one_is_asked_for() -> None:
    asked = target("")
    assert "; give its address with --metrics-server, like" in asked.advice(
        "it gave no answer: no connection: refused"
    )
