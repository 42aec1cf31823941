"""Whom canaryd says it is to a metrics server, and whom it believes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from canaryd.adapters.prometheus.login import Login, login_of
from canaryd.model.answered import Answered
from canaryd.model.errors import ForbiddenError, NotFoundError, RefusedError, UnreachableError
from canaryd.model.gates import MetricsServer
from tests.adapters.asking import TIME, tile_question
from tests.adapters.fakes import HandClock
from tests.adapters.misbehaving import Behaviour, json, misbehaving, refused
from tests.adapters.named_servers import (
    LOGIN,
    ONE,
    PASSWORD,
    TOKEN,
    FakeSecrets,
    ask,
    named,
    served,
)
from tests.world import pki


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    pki.make(folder)
    return folder


@asynccontextmanager
async def over_tls(certificates: Path, port: int) -> AsyncIterator[str]:
    """An https:// address of what listens on that port."""

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except (OSError, ssl.SSLError):
            pass
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(pump(reader, outer))
            tasks.create_task(pump(inner, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


async def test_a_server_that_the_secret_vouches_for_is_believed(certificates: Path) -> None:
    secrets = FakeSecrets({"ca.crt": (certificates / "ca.crt").read_text(), "token": TOKEN})
    async with misbehaving(ONE) as server, over_tls(certificates, server.port) as url:
        async with served(secrets) as servers:
            sample = await ask(await servers.find(named(url)))
        assert (sample.value, sample.detail) == (1, "")
        assert server.heard[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "around",
    [
        "# F\u0151tan\u00fas\u00edtv\u00e1ny\n{}",
        "\ufeff{}",
        "{}\n# \u2026\n",
        "CN=\U0001f512\n\n{}",
    ],
    ids=ascii,
)
async def test_what_people_write_around_certificates_is_no_matter(
    certificates: Path, around: str
) -> None:
    secrets = FakeSecrets({"ca.crt": around.format((certificates / "ca.crt").read_text())})
    async with (
        misbehaving(ONE) as server,
        over_tls(certificates, server.port) as url,
        served(secrets) as servers,
    ):
        sample = await ask(await servers.find(named(url)))
    assert (sample.value, sample.detail) == (1, "")


async def test_a_server_that_another_authority_signed_gets_no_login(
    certificates: Path, tmp_path: Path
) -> None:
    pki.make(tmp_path)
    for content in ({"ca.crt": (tmp_path / "ca.crt").read_text()}, {}):
        secrets = FakeSecrets({**content, "token": TOKEN})
        async with misbehaving(ONE) as server, over_tls(certificates, server.port) as url:
            async with served(secrets) as servers:
                sample = await ask(await servers.find(named(url)))
            assert sample.answered is Answered.UNAVAILABLE
            assert "certificate verify failed" in sample.detail
            assert not server.heard


async def test_a_certificate_for_another_host_is_refused(certificates: Path) -> None:
    secrets = FakeSecrets({"ca.crt": (certificates / "ca.crt").read_text()})
    async with misbehaving(ONE) as server, over_tls(certificates, server.port) as url:
        async with served(secrets) as servers:
            sample = await ask(await servers.find(named(url.replace("127.0.0.1", "127.0.0.2"))))
        assert sample.answered is Answered.UNAVAILABLE
        assert not server.heard


async def test_a_password_and_extra_headers_reach_the_server() -> None:
    secrets = FakeSecrets({"username": "ann", "password": PASSWORD})
    async with misbehaving(ONE) as server, served(secrets) as servers:
        wanted = MetricsServer(server.url, LOGIN, {"X-Scope-OrgID": "team-a"})
        assert (await ask(await servers.find(wanted))).value == 1
        headers = server.heard[0].headers
    assert headers["x-scope-orgid"] == "team-a"
    assert headers["authorization"] == "Basic YW5uOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ=="


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Authorization": "Bearer x"}, "metricsServer.headers[Authorization]"),
        ({"authorization": "Bearer x"}, "put a login into the Secret"),
        ({"Host": "other"}, "metricsServer.headers[Host]"),
        ({"Content-Type": "text/plain"}, "metricsServer.headers[Content-Type]"),
        ({"content-length": "3"}, "metricsServer.headers[content-length]"),
        ({"Proxy-Authorization": "Basic x"}, "put a login into the Secret"),
        ({"X-A": "1", "x-a": "2"}, "headers[x-a] is the same header as X-A"),
        ({"X-Two\r\nHost": "other"}, "not a header that HTTP can carry"),
        ({"X-One": "a\r\nHost: other"}, "not a header that HTTP can carry"),
        ({"": "a"}, "not a header that HTTP can carry"),
    ],
)
async def test_a_header_that_is_canaryds_own_is_refused(headers: dict[str, str], said: str) -> None:
    async with served() as servers:
        with pytest.raises(RefusedError) as caught:
            await servers.find(MetricsServer("http://prometheus:9090", None, headers))
    assert said in str(caught.value)


async def test_a_header_of_the_users_goes_before_that_of_canaryd() -> None:
    async with misbehaving(ONE) as server, served() as servers:
        wanted = MetricsServer(server.url, None, {"user-agent": "team-a"})
        assert (await ask(await servers.find(wanted))).value == 1
        assert server.heard[0].headers["user-agent"] == "team-a"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"ca.crt": f"not PEM {PASSWORD}"}, "ca.crt holds no certificates"),
        ({"ca.crt": ""}, "ca.crt holds no certificates"),
        ({"ca.crt": "\u0151"}, "ca.crt holds no certificates"),
        ({"ca.crt": "# F\u0151 and \x00"}, "ca.crt holds no certificates"),
        ({"username": "a:b", "password": PASSWORD}, "a name cannot hold a colon"),
        ({"username": "\udcff", "password": PASSWORD}, "is not text in UTF-8"),
        ({"username": "ann", "password": f"{PASSWORD}\udcff"}, "is not text in UTF-8"),
        ({"token": TOKEN, "username": "ann", "password": PASSWORD}, "both token and username"),
        ({"token": ""}, "token is empty"),
        ({"token": f"{TOKEN}\nHost: other"}, "token is empty or holds"),
        ({"password": PASSWORD}, "has password and no username"),
    ],
)
async def test_a_secret_that_cannot_be_used_is_named_without_showing_it(
    content: dict[str, str], said: str
) -> None:
    async with served(FakeSecrets(content)) as servers:
        with pytest.raises(RefusedError) as caught:
            await servers.find(named("http://prometheus:9090"))
    assert said in str(caught.value)
    assert "demo/prometheus-login" in str(caught.value)
    assert not shown(str(caught.value))
    assert not shown(repr(caught.value.__cause__))


@pytest.mark.parametrize(
    "error",
    [ForbiddenError("may not get secrets"), NotFoundError("gone"), UnreachableError("away")],
)
async def test_a_secret_that_cannot_be_read_is_said_as_it_is(error: Exception) -> None:
    async with served(FakeSecrets(error)) as servers:
        with pytest.raises(type(error)) as caught:
            await servers.find(named("http://prometheus:9090"))
    assert caught.value is error


def shown(text: str) -> bool:
    return any(secret in text for secret in (PASSWORD, TOKEN, "Y29ycmVjdCBob3JzZ", "horse"))


@pytest.mark.parametrize(
    "content", [{"token": TOKEN}, {"username": "ann", "password": PASSWORD}], ids=["token", "basic"]
)
async def test_a_server_that_repeats_the_login_cannot_make_canaryd_show_it(
    content: dict[str, str],
) -> None:
    echoes = f"{TOKEN} {PASSWORD} {login_of(named('http://x'), content).headers['Authorization']}"
    nothing = {"resultType": "vector", "result": []}
    script: tuple[Behaviour, ...] = (
        refused(401, f"go away, {echoes}"),
        refused(400, echoes),
        json({"status": "success", "warnings": [echoes], "data": nothing}),
    )
    secret = TOKEN if "token" in content else PASSWORD
    with structlog.testing.capture_logs() as logs:
        async with misbehaving(*script) as server, served(FakeSecrets(content)) as servers:
            metrics = await servers.find(named(server.url))
            for _ in range(2):
                assert secret not in (await ask(metrics)).detail
            told = (await metrics.tiles([tile_question()], time=TIME)).values()
            objects = [metrics, servers, *vars(metrics).values(), *vars(servers).values()]
            assert secret not in f"{told}{objects}{logs}"


def test_a_login_does_not_show_itself() -> None:
    content = {"username": "ann", "password": PASSWORD, "ca.crt": "x"}
    login = Login({"Authorization": content["password"]}, content["ca.crt"], (PASSWORD.encode(),))
    assert repr(login) == "Login()"


async def test_a_wrong_login_is_read_again_soon_and_a_good_one_after_minutes() -> None:
    clock, secrets = HandClock(), FakeSecrets({"token": "wrong-token"})
    script = refused(401, "no"), ONE
    async with misbehaving(*script) as server, served(secrets, clock=clock) as servers:
        wanted = named(server.url)
        first = await servers.find(wanted)
        sample = await ask(first)
        assert sample.answered is Answered.UNAVAILABLE
        assert "401" in sample.detail
        secrets.content = {"token": TOKEN}
        assert await servers.find(wanted) is first, "not at once again"
        clock.advance(timedelta(seconds=11))
        second = await servers.find(wanted)
        assert (second is first, secrets.read_times) == (False, 2)
        assert (await ask(second)).value == 1
        assert server.heard[-1].headers["authorization"] == f"Bearer {TOKEN}"
        clock.advance(timedelta(minutes=4))
        assert (await servers.find(wanted) is second, secrets.read_times) == (True, 2)
        clock.advance(timedelta(minutes=2))
        assert (await servers.find(wanted) is second, secrets.read_times) == (True, 3)
