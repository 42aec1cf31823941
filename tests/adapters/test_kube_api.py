"""What the request layer makes of the API server's answers, good and bad."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import certifi
import pytest

from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.connect import connect_by_kubeconfig, connect_in_cluster, own_namespace
from canaryd.adapters.kube.errors import ExistsError, ExpiredError
from canaryd.adapters.kube.kinds import LEASES, Call, Catalogue
from canaryd.model.errors import (
    CanarydError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    ThrottledError,
    UnreachableError,
)
from canaryd.wire.watch import VIRTUALSERVICES
from tests.adapters.fakes import HandClock
from tests.adapters.kube import connected, open_watch, status
from tests.adapters.misbehaving import Behaviour, drip, hang, http, json, misbehaving, raw

CALL = Call("patch", "virtualservices.networking.istio.io", "/x", "demo/podinfo")
FORBIDDEN = 'podinfo is forbidden: User "canaryd" cannot patch resource'


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (json(status(409, "Conflict", "modified"), 409), ConflictError, "modified"),
        (json(status(409, "AlreadyExists", "exists"), 409), ExistsError, "exists"),
        (json(status(410, "Expired", "old"), 410), ExpiredError, "old"),
        (
            json(status(422, "Invalid", "the server rejected … an error in our request"), 422),
            ConflictError,
            "rejected",
        ),
        (json(status(422, "Invalid", "spec.weight: must be 100"), 422), RefusedError, "must be"),
        (
            json(status(403, "Forbidden", FORBIDDEN), 403),
            ForbiddenError,
            "patch virtualservices.networking.istio.io is forbidden for canaryd; allow the verb",
        ),
        (json(status(403, "Forbidden", "no quota"), 403), ForbiddenError, "no quota"),
        (json(status(404, "NotFound", "not found"), 404), NotFoundError, "not found"),
        (http(404, b"404 page not found\n", kind="text/plain"), NotFoundError, "this kind"),
        (http(404, b"<html>nginx", kind="text/html"), UnreachableError, "nginx"),
        (http(403, b"<html>proxy", kind="text/html"), UnreachableError, "proxy"),
        (json(status(400, "BadRequest", "bad"), 400), RefusedError, "bad"),
        (json(status(401, "Unauthorized", ""), 401), UnreachableError, "credentials"),
        (json(status(500, "InternalError", "etcd"), 500), UnreachableError, "etcd"),
        (http(502, b"", kind="text/html"), UnreachableError, "502 with an empty body"),
        (http(302, b"", headers=[("Location", "/login")]), UnreachableError, "302"),
        (http(200, b"<html>Log in", kind="text/html"), UnreachableError, "not JSON: “<html>Log"),
        (http(200, b"x" * (2 << 20)), UnreachableError, "more than 1 MiB"),
        (raw(b"", close=True), UnreachableError, "cannot be reached"),
        (raw(b"SSH-2.0-OpenSSH\r\n", close=True), UnreachableError, "Bad status line"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", close=True), UnreachableError, ""),
        (hang, UnreachableError, "did not answer in time"),
        (drip(b"HTTP/1.1 200 " + b"O" * 99), UnreachableError, "did not answer in time"),
    ],
)
async def test_every_answer_that_is_no_success_is_one_of_canaryds_own_errors(
    tmp_path: Path, answer: Behaviour, error: type[CanarydError], words: str
) -> None:
    async with misbehaving(answer) as server, connected(tmp_path, server.url, seconds=0.3) as api:
        with pytest.raises(CanarydError) as raised:
            await api.send(CALL, body=b"{}")
    assert type(raised.value) is error
    assert words in str(raised.value)
    assert "patch virtualservices.networking.istio.io" in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (http(429, b"Too many", kind="text/plain", headers=[("Retry-After", "7")]), 7),
        (http(429, b"", kind="text/plain"), 1),
        pytest.param(http(429, b"", headers=[("Retry-After", "soon")]), 1, id="no number"),
        pytest.param(http(429, b"", headers=[("Retry-After", "9" * 5000)]), 1, id="too long"),
        (json(status(429, retryAfterSeconds=3), 429), 3),
        (http(429, b"", headers=[("Retry-After", "999999")]), 60),
    ],
)
async def test_a_throttled_request_says_how_long_to_wait(
    tmp_path: Path, answer: Behaviour, seconds: int
) -> None:
    async with misbehaving(answer) as server, connected(tmp_path, server.url) as api:
        with pytest.raises(ThrottledError) as raised:
            await api.send(CALL)
    assert raised.value.retry_after == timedelta(seconds=seconds)


async def test_every_request_is_counted_by_how_it_ended_reads_and_watches_too(
    tmp_path: Path,
) -> None:
    counted: list[tuple[str, str, str]] = []

    def count(verb: str, kind: str, outcome: str) -> None:
        counted.append((verb, kind, outcome))

    refused = json(status(403, "Forbidden", FORBIDDEN), 403)
    gone = json(status(410, "Expired", "too old"), 410)
    answers = json({}), refused, open_watch(), gone, json({}), raw(b"", close=True)
    catalogue = Catalogue()
    routes, leases = catalogue[VIRTUALSERVICES], catalogue[LEASES]
    whole = timedelta(seconds=5)
    async with (
        misbehaving(*answers) as server,
        connected(tmp_path, server.url, observe=count) as api,
    ):
        await api.send(routes.everywhere("list"))
        with pytest.raises(ForbiddenError):
            await api.send(leases.one("get", "canaryd", "canaryd"))
        async with api.stream(routes.everywhere("watch"), query={}, ends_after=whole):
            pass
        with pytest.raises(ExpiredError):
            async with api.stream(routes.everywhere("watch"), query={}, ends_after=whole):
                pass
        await api.send(Call("get", "/apis/networking.istio.io", "/apis/networking.istio.io"))
        with pytest.raises(UnreachableError):
            await api.send(routes.one("patch", "demo", "podinfo", "status"), body=b"{}")
    assert counted == [
        ("list", "virtualservices", "ok"),
        ("get", "leases", "forbidden"),
        ("watch", "virtualservices", "ok"),
        ("watch", "virtualservices", "expired"),
        ("get", "apis", "ok"),
        ("patch", "virtualservices", "unreachable"),
    ]


async def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    async with connected(tmp_path, "http://127.0.0.1:1") as api:
        with pytest.raises(UnreachableError, match="cannot be reached"):
            await api.send(CALL)


async def test_requests_say_who_asks_and_what_they_carry(tmp_path: Path) -> None:
    async with misbehaving(json({})) as server, connected(tmp_path, server.url) as api:
        await api.send(CALL, query={"fieldManager": "canaryd"}, body=b"[]", content_type="a/b")
    [request] = server.heard
    assert request.line == "PATCH /x?fieldManager=canaryd HTTP/1.1"
    assert request.headers["user-agent"].startswith("canaryd/")
    assert request.headers["content-type"] == "a/b"
    assert request.headers["authorization"] == "Bearer secret"
    assert request.body == b"[]"


def _mounted(folder: Path) -> Path:
    (folder / "ca.crt").write_bytes(Path(certifi.where()).read_bytes())
    (folder / "token").write_text("first\n")
    (folder / "namespace").write_text("canaryd\n")
    return folder


POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


async def test_a_pods_token_is_read_again_when_it_is_old_or_refused(tmp_path: Path) -> None:
    clock = HandClock()
    folder = _mounted(tmp_path)
    unauthorized = json(status(401, "Unauthorized"), 401)
    async with misbehaving(json({}), json({}), json({}), unauthorized, json({})) as server:
        connection = await connect_in_cluster(clock, environ=POD, service_account=folder)
        assert connection.client.configuration.host == "https://10.96.0.1:443"
        connection.client.configuration.host = server.url
        api = Api(connection)
        await api.send(CALL)
        (folder / "token").write_text("second")
        await api.send(CALL)
        clock.advance(timedelta(seconds=61))
        await api.send(CALL)
        (folder / "token").write_text("third")
        with pytest.raises(UnreachableError):
            await api.send(CALL)
        await api.send(CALL)
        await api.aclose()
    seen = [request.headers["authorization"].removeprefix("Bearer ") for request in server.heard]
    assert seen == ["first", "first", "second", "second", "third"]


async def test_outside_of_a_cluster_canaryd_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="--kubeconfig"):
        await connect_in_cluster(HandClock(), environ={}, service_account=tmp_path)
    with pytest.raises(RefusedError, match=r"there is no kubeconfig .*; give the path of one"):
        await connect_by_kubeconfig(HandClock(), path=str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"# nothing\n", "it is empty"),
        (b"- clusters\n", "it is no mapping with clusters, users and contexts"),
        (b"clusters", "it is no mapping with clusters, users and contexts"),
        (b"kind: Config # \xff\n", "it is not text in UTF-8"),
        (b"{", "while parsing"),
        (b"kind: Config", "current-context"),
        (b"{current-context: t, contexts: 5, clusters: [], users: []}", ""),
        (b"{current-context: t, contexts: [7], clusters: [], users: []}", ""),
        (b"{current-context: [], contexts: [], clusters: {}, users: x}", ""),
    ],
)
async def test_a_kubeconfig_that_is_none_is_told_in_one_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(RefusedError, match="cannot use the kubeconfig") as caught:
        await connect_by_kubeconfig(HandClock(), path=str(path))
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pod_knows_its_namespace(tmp_path: Path) -> None:
    assert own_namespace(_mounted(tmp_path)) == "canaryd"
    assert own_namespace(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (json({"versions": [{"version": "v1"}, {"version": "v1beta1"}]}), "v1"),
        (json({"versions": [{"version": "v1beta1"}, {"version": "v1alpha3"}]}), "v1beta1"),
        (json(status(404, "NotFound"), 404), "v1"),
    ],
    ids=["both", "the old one", "none"],
)
async def test_the_newest_istio_that_the_server_has_is_used(
    tmp_path: Path, answer: Behaviour, version: str
) -> None:
    catalogue = Catalogue()
    async with misbehaving(answer) as server, connected(tmp_path, server.url) as api:
        await catalogue.discover(api)
    path = catalogue[VIRTUALSERVICES].everywhere("list").path
    assert path == f"/apis/networking.istio.io/{version}/virtualservices"


async def test_requests_at_the_same_time_do_not_wait_for_a_hanging_one(tmp_path: Path) -> None:
    async with misbehaving(hang, json({})) as server, connected(tmp_path, server.url) as api:
        with pytest.raises(UnreachableError):
            await api.send(CALL, timeout=timedelta(seconds=0.05))
        async with asyncio.timeout(2):
            assert await api.send(CALL) == b"{}"
