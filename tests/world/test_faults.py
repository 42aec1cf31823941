"""The fault proxies do what they are switched to, and nothing once they are switched back."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tests.world.api import Api, ApiError, path_of
from tests.world.faults import (
    HTML,
    Cut,
    Delay,
    End,
    Gone,
    Hang,
    LoseAnswer,
    Request,
    Silent,
    Status,
    prometheus_answer,
)
from tests.world.plan import TOKEN
from tests.world.proxy import FaultProxy
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
CLOSED = (OSError, http.client.HTTPException)


@pytest.fixture
def proxy(world: World) -> Iterator[FaultProxy]:
    with world.api_proxy() as made:
        yield made


@pytest.fixture
def api(world: World, proxy: FaultProxy) -> Iterator[Api]:
    """A client that goes through the proxy, and gives up early."""
    made = Api(proxy.url, token=TOKEN, ca=world.ca_file, agent="through-proxy", timeout=1)
    yield made
    made.close()


class Watch:
    """A watch of a namespace's config maps through a proxy."""

    def __init__(self, world: World, proxy: FaultProxy, namespace: str) -> None:
        tls = ssl.create_default_context(cafile=str(world.ca_file))
        request = urllib.request.Request(
            f"{proxy.url}{path_of('configmaps', namespace)}?watch=1",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        self.answer = urllib.request.urlopen(request, context=tls, timeout=2)

    def line(self) -> bytes:
        found: bytes = self.answer.readline()
        return found

    def until(self, name: str) -> None:
        while json.loads(self.line())["object"]["metadata"]["name"] != name:
            pass

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()


def config_map(world: World, namespace: str, name: str) -> None:
    world.api.post(path_of("configmaps", namespace), {"metadata": {"name": name}})


def test_requests_and_watches_pass_and_are_remembered(
    world: World, namespace: str, proxy: FaultProxy, api: Api
) -> None:
    with Watch(world, proxy, namespace) as watch:
        api.post(path_of("configmaps", namespace), {"metadata": {"name": "one"}})
        watch.until("one")
        assert proxy.open_watches() == 1
    world.wait_for(lambda: proxy.open_watches() == 0, "the proxy to see that the watch was left")
    seen = [(one.method, one.watch, one.status) for one in proxy.requests]
    assert seen == [("GET", True, 200), ("POST", False, 201)]
    assert proxy.requests[1].agent == "through-proxy"


def test_kubectl_works_through_it(world: World, namespace: str, proxy: FaultProxy) -> None:
    world.kubectl("-n", namespace, "create", "serviceaccount", "robot")
    account = world.service_account(namespace, "robot", server=proxy.url)
    assert account.environment["KUBERNETES_SERVICE_PORT"] in proxy.url
    said = world.kubectl("auth", "whoami", kubeconfig=account.kubeconfig)
    assert f"system:serviceaccount:{namespace}:robot" in said


def test_a_status_comes_as_often_as_asked_and_reaches_nobody(
    world: World, namespace: str, proxy: FaultProxy, api: Api
) -> None:
    path = path_of("configmaps", namespace)
    rule = proxy.fault(Status(429, retry_after=1), method="POST", path="/configmaps", times=2)
    for _ in range(2):
        with pytest.raises(ApiError, match="429"):
            api.post(path, {"metadata": {"name": "one"}})
    assert not world.api.exists(f"{path}/one")
    assert rule.used == 2
    api.post(path, {"metadata": {"name": "one"}})


def test_a_hanging_request_never_gets_an_answer(proxy: FaultProxy, api: Api) -> None:
    with proxy.fault(Hang(), path="/version"), pytest.raises(TimeoutError):
        api.get("/version")
    assert api.get("/version")["major"] == "1"


@pytest.mark.parametrize("fault", [Cut(), Cut(inside=True), LoseAnswer()])
def test_a_cut_request_ends_without_a_whole_answer(
    proxy: FaultProxy, api: Api, fault: Cut | LoseAnswer
) -> None:
    with proxy.fault(fault), pytest.raises(CLOSED):
        api.get("/version")


def test_a_write_whose_answer_is_lost_is_carried_out(
    world: World, namespace: str, proxy: FaultProxy, api: Api
) -> None:
    path = path_of("configmaps", namespace)
    with proxy.fault(LoseAnswer(), method="POST"), pytest.raises(CLOSED):
        api.request("POST", path, {"metadata": {"name": "one"}})
    assert world.api.exists(f"{path}/one")


def test_garbage_and_delays_arrive(proxy: FaultProxy, api: Api) -> None:
    with proxy.fault(HTML):
        assert "<html>" in api.get("/version")
    with proxy.fault(Delay(0.2)):
        before = time.monotonic()
        api.get("/version")
        assert time.monotonic() - before >= 0.2


def test_a_write_calls_back_before_the_client_hears_of_it(
    world: World, namespace: str, proxy: FaultProxy, api: Api
) -> None:
    told: list[tuple[Request, bool]] = []
    path = path_of("configmaps", namespace)

    def note(request: Request) -> None:
        told.append((request, world.api.exists(f"{path}/one")))

    with proxy.on_write(note, path="/configmaps"):
        api.post(path, {"metadata": {"name": "one"}})
        assert [(one.method, one.status, done) for one, done in told] == [("POST", 201, True)]
    api.delete(f"{path}/one")
    assert len(told) == 1


def test_a_watch_cut_inside_a_line_leaves_half_a_line(
    world: World, namespace: str, proxy: FaultProxy
) -> None:
    config_map(world, namespace, "one")
    with Watch(world, proxy, namespace) as watch:
        watch.until("one")
        assert proxy.disturb(Cut(inside=True), path=f"/{namespace}/") == 1
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
            json.loads(watch.line())


def test_a_new_watch_can_be_cut_inside_its_first_line(
    world: World, namespace: str, proxy: FaultProxy
) -> None:
    config_map(world, namespace, "one")
    with proxy.fault(Cut(inside=True), watch=True), Watch(world, proxy, namespace) as watch:
        assert not watch.line().endswith(b"\n")


def test_a_silent_watch_stays_open_and_says_nothing(
    world: World, namespace: str, proxy: FaultProxy
) -> None:
    with Watch(world, proxy, namespace) as watch:
        config_map(world, namespace, "one")
        watch.until("one")
        assert proxy.disturb(Silent()) == 1
        config_map(world, namespace, "two")
        with pytest.raises(TimeoutError):
            watch.line()
        assert proxy.open_watches() == 1


def test_a_watch_is_gone_by_event_or_by_status(
    world: World, namespace: str, proxy: FaultProxy
) -> None:
    with Watch(world, proxy, namespace) as watch:
        assert proxy.disturb(Gone()) == 1
        while (event := json.loads(watch.line()))["type"] != "ERROR":
            pass
        assert event["object"]["code"] == 410
        assert watch.line() == b""
    with proxy.fault(Gone(), watch=True), Watch(world, proxy, namespace) as watch:
        assert json.loads(watch.line())["object"]["code"] == 410
    with proxy.fault(Status(410), watch=True):
        with pytest.raises(urllib.error.HTTPError, match="410") as caught:
            Watch(world, proxy, namespace)
        caught.value.close()
    with proxy.fault(End(), watch=True), Watch(world, proxy, namespace) as watch:
        assert watch.line() == b""


def test_a_garbage_line_comes_between_events(
    world: World, namespace: str, proxy: FaultProxy
) -> None:
    with Watch(world, proxy, namespace) as watch:
        assert proxy.disturb(HTML) == 1
        while not (line := watch.line()).startswith(b"<html>"):
            json.loads(line)
        config_map(world, namespace, "one")
        watch.until("one")


def test_requests_pass_again_after_the_api_server_was_away(
    world: World, proxy: FaultProxy, api: Api
) -> None:
    world.parts["apiserver"].kill()
    try:
        with pytest.raises(CLOSED):
            api.get("/version")
    finally:
        world.parts["apiserver"].start()
    world.wait_for(lambda: api.get("/version"), "an answer through the proxy")


def test_prometheus_can_talk_nonsense(world: World) -> None:
    with world.prometheus_proxy() as proxy:

        def ask() -> object:
            with urllib.request.urlopen(f"{proxy.url}/api/v1/query?query=up", timeout=5) as answer:
                return json.load(answer)["data"]["result"]

        world.wait_for(ask, "targets that are up")
        with proxy.fault(prometheus_answer(({}, "NaN")), path="/api/v1/query"):
            assert ask() == [{"metric": {}, "value": [0, "NaN"]}]
        with proxy.fault(prometheus_answer(), path="query=up"):
            assert ask() == []
        assert ask() != []
