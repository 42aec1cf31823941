"""How `plan`, `backtest` and `lint` get in at a metrics server that is not open to everybody."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from canaryd.cli.access import Target, login_from
from canaryd.cli.exits import Stop
from canaryd.cli.main import main
from canaryd.cli.options import Access
from tests.cli.past_server import canary_file, past_server
from tests.world import pki

TOKEN, PASSWORD = "abc.def-ghi_jkl", "correct horse battery"
BASIC = "Basic YW5uOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ=="
ERRORS = [{"name": "errors", "compare": {}}]
SLOW = {"name": "slow", "objective": {"latency": {"le": 250, "maxFraction": 0.05}}}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    pki.make(folder)
    return folder


@pytest.fixture
def token(tmp_path: Path) -> str:
    return written(tmp_path / "token", f"{TOKEN}\n")


@pytest.fixture
def password(tmp_path: Path) -> str:
    return written(tmp_path / "password", f"{PASSWORD}\n")


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def plan(folder: Path, *options: str, server: dict[str, Any] | None = None) -> Result:
    more = {} if server is None else {"metricsServer": server}
    path = canary_file(folder, metrics=ERRORS, **more)
    args = ["plan", "-f", str(path), "--rollouts", "10", *options]
    return CliRunner().invoke(main, args, prog_name="canaryd")


def test_a_token_and_a_tenant_reach_the_server(tmp_path: Path, token: str) -> None:
    tenant = ("--header", "X-Scope-OrgID: team", "--header", "X-Two:b:c")
    with past_server(wants=f"Bearer {TOKEN}") as server:
        done = plan(tmp_path, "--metrics-server", server.url, "--bearer-token-file", token, *tenant)
        assert done.exit_code == 0, done.output
    assert "on 3 pods, 0.2 % fail usually" in done.stdout
    assert {headers["x-scope-orgid"] for headers in server.heard} == {"team"}
    assert {headers["x-two"] for headers in server.heard} == {"b:c"}


def test_a_password_reaches_the_server(tmp_path: Path, password: str) -> None:
    login = ("--username", "ann", "--password-file", password)
    path = canary_file(tmp_path, metrics=ERRORS)
    with past_server(wants=BASIC) as server:
        args = ["backtest", "-f", str(path), "--last", "2h", "--metrics-server", server.url]
        done = CliRunner().invoke(main, [*args, *login])
    assert done.exit_code == 0, done.output
    assert "healthy releases: 0 of" in done.stdout


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_blanks_in_a_password_belong_to_it_and_the_lines_end_does_not(
    tmp_path: Path, end: str
) -> None:
    path = tmp_path / "password"
    path.write_bytes(f" two words\t{end}".encode())
    given = base64.b64encode(b"ann: two words\t").decode()
    with past_server(wants=f"Basic {given}") as server:
        login = ("--username", "ann", "--password-file", str(path))
        done = plan(tmp_path, "--metrics-server", server.url, *login)
    assert done.exit_code == 0, done.output


def test_a_server_is_believed_that_the_file_vouches_for(
    tmp_path: Path, certificates: Path, token: str
) -> None:
    ca = ("--ca-file", str(certificates / "ca.crt"), "--bearer-token-file", token)
    with past_server(certificates, wants=f"Bearer {TOKEN}") as server:
        done = plan(tmp_path, "--metrics-server", server.url, *ca)
    assert done.exit_code == 0, done.output


def test_a_server_that_nobody_vouches_for_gets_no_login(
    tmp_path: Path, certificates: Path, token: str
) -> None:
    pki.make(tmp_path)
    other = str(tmp_path / "ca.crt")
    with past_server(certificates) as server:
        where = ("--metrics-server", server.url, "--bearer-token-file", token)
        alone = plan(tmp_path, *where)
        wrong = plan(tmp_path, *where, "--ca-file", other)
    assert not server.heard
    assert alone.exit_code == wrong.exit_code == 1
    assert "its certificate is not trusted (certificate verify failed: " in alone.output
    assert "give --ca-file FILE with the authority that signed it" in alone.output
    assert f"{other} of --ca-file is not the authority that signed it" in wrong.output


def test_a_certificate_for_another_host_is_no_matter_of_the_authority(
    tmp_path: Path, certificates: Path
) -> None:
    ca = ("--ca-file", str(certificates / "ca.crt"))
    with past_server(certificates, host="127.0.0.2") as server:
        done = plan(tmp_path, "--metrics-server", server.url, *ca)
    assert not server.heard
    assert "give an address with a name that stands in the certificate" in done.output


def test_a_server_without_tls_is_said(tmp_path: Path) -> None:
    with past_server() as server:
        done = plan(tmp_path, "--metrics-server", server.url.replace("http:", "https:"))
    assert "gave no answer: no connection over TLS" in done.output
    assert "look whether the address in --metrics-server is right" in done.output


def test_the_canarys_own_server_is_asked_with_its_headers(tmp_path: Path) -> None:
    with past_server() as server:
        own = {"address": server.url, "headers": {"X-Scope-OrgID": "orders", "X-B": "b"}}
        done = plan(tmp_path, "--header", "x-scope-orgid: team", server=own)
    assert done.exit_code == 0, done.output
    sent = server.heard[0]
    assert (sent["x-scope-orgid"], sent["x-b"]) == ("team", "b")


def test_another_server_does_not_get_the_canarys_headers(tmp_path: Path) -> None:
    own = {"address": "http://mimir.invalid:8080", "headers": {"X-Scope-OrgID": "orders"}}
    with past_server() as server:
        done = plan(tmp_path, "--metrics-server", server.url, server=own)
    assert done.exit_code == 0, done.output
    assert "x-scope-orgid" not in server.heard[0]


def test_the_environment_goes_before_the_canarys_own_server(tmp_path: Path) -> None:
    path = canary_file(tmp_path, metrics=ERRORS, metricsServer={"address": "http://m.invalid"})
    with past_server() as server:
        env = {"CANARYD_METRICS_SERVER": server.url}
        args = ["plan", "-f", str(path), "--rollouts", "10"]
        assert CliRunner(env=env).invoke(main, args).exit_code == 0
    assert server.heard


def test_a_login_in_a_secret_has_to_be_given(tmp_path: Path, token: str) -> None:
    with past_server(wants=f"Bearer {TOKEN}") as server:
        own = {"address": server.url, "secretRef": {"name": "mimir-login"}}
        refused = plan(tmp_path, "--header", "X-A: b", server=own)
        assert not server.heard
        done = plan(tmp_path, "--bearer-token-file", token, server=own)
    assert refused.exit_code == 1
    assert (
        "spec.analysis.metricsServer.secretRef: the login is in Secret demo/mimir-login, which is"
        " not read without a cluster: give it with --bearer-token-file FILE" in refused.output
    )
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("option", ["--bearer-token-file", "--password-file", "--ca-file"])
@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "holds no text"), (None, "not exist")],
)
def test_a_file_that_cannot_be_used_is_named_with_its_option(
    tmp_path: Path, option: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    name = ("--username", "ann") if option == "--password-file" else ()
    done = plan(tmp_path, "--metrics-server", "http://127.0.0.1:1", *name, option, str(path))
    assert done.exit_code in {1, 2}
    assert option in done.output
    assert str(path) in done.output
    assert said in done.output


def test_a_file_that_is_no_login_is_said_without_showing_it(tmp_path: Path) -> None:
    long, wide = "a" * ((1 << 20) + 1), f"{TOKEN}\nsecond line"
    for option, text, said in (
        ("--bearer-token-file", long, "is larger than 1 MiB: it has to hold the token"),
        ("--bearer-token-file", wide, "is empty or holds what a header cannot carry"),
        ("--ca-file", TOKEN, "holds no certificates in PEM form"),
    ):
        path = written(tmp_path / "file", text)
        done = plan(tmp_path, "--metrics-server", "http://127.0.0.1:1", option, path)
        assert done.exit_code == 1
        assert f"{option} {path} {said}" in done.output
        assert TOKEN not in done.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--username", "ann"), "--username alone is no login: give --password-file FILE as well"),
        (("--password-file", "FILE"), "--password-file alone is no login: give --username NAME"),
        (("--username", "", "--password-file", "FILE"), "--username is empty"),
        (
            ("--bearer-token-file", "FILE", "--username", "ann", "--password-file", "FILE"),
            "one login, not both",
        ),
        (("--header", "X-Scope-OrgID"), "like 'X-Scope-OrgID: team'"),
        (("--header", "X-Scope-OrgID: "), "like 'X-Scope-OrgID: team'"),
        (("--rate", "5", "--header", "A: b"), "--header: not with --rate"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    tmp_path: Path, token: str, options: tuple[str, ...], said: str
) -> None:
    done = plan(tmp_path, *(token if option == "FILE" else option for option in options))
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (f"Authorization: Bearer {TOKEN}", "--header Authorization is set by canaryd itself: give"),
        ("Host: other", "--header Host is set by canaryd itself: remove it"),
        (f"X A: {TOKEN}", "--header 'X A' is not a header that HTTP can carry"),
        (f"X-A: {TOKEN}\r\nHost: b", "--header 'X-A' is not a header that HTTP can carry"),
    ],
)
def test_a_header_that_is_none_is_said_without_its_value(
    tmp_path: Path, header: str, said: str
) -> None:
    done = plan(tmp_path, "--metrics-server", "http://127.0.0.1:1", "--header", header)
    assert done.exit_code == 1
    assert said in done.output
    assert TOKEN not in done.output


def test_a_header_that_is_given_twice_is_said(tmp_path: Path) -> None:
    twice = ("--header", "X-Scope-OrgID: a", "--header", f"x-scope-orgid: {TOKEN}")
    done = plan(tmp_path, "--metrics-server", "http://127.0.0.1:1", *twice)
    assert done.exit_code == 1
    assert "--header x-scope-orgid is given more than once" in done.output
    assert TOKEN not in done.output


def lint(folder: Path, *options: str) -> Result:
    path = canary_file(folder, metrics=[*ERRORS, SLOW])
    return CliRunner().invoke(main, ["lint", *options, str(path)])


def test_lint_gets_in_with_the_same_options(tmp_path: Path, token: str) -> None:
    with past_server(wants=f"Bearer {TOKEN}") as server:
        where = ("--metrics-server", server.url)
        refused = lint(tmp_path, *where)
        done = lint(tmp_path, *where, "--bearer-token-file", token, "--header", "X-A: b")
    assert "was not checked against the metrics server: " in refused.output
    assert "give a login with --bearer-token-file FILE" in refused.output
    assert "it timed no request" in done.output, "it was let in, and told what it knows"
    assert server.heard[-1]["x-a"] == "b"


def test_lint_that_asks_no_server_needs_no_login(tmp_path: Path, token: str) -> None:
    done = lint(tmp_path, "--bearer-token-file", token)
    assert done.exit_code == 2
    assert "--bearer-token-file: only with --metrics-server" in done.output


def test_nothing_that_is_kept_shows_a_login(token: str) -> None:
    access = Access((("X-Key", PASSWORD),), bearer_token_file=token)
    server = Target(f"http://ann:{PASSWORD}@127.0.0.1:1", login_from(access), access, "")
    assert TOKEN not in repr(server)
    assert PASSWORD not in repr(server)


def test_a_file_that_went_away_is_said(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"--ca-file .*gone cannot be read \(No such file"):
        login_from(Access(ca_file=str(tmp_path / "gone")))
