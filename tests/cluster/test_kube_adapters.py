"""The Kubernetes adapter on a real API server, under the permissions of deploy/, with faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.connect import connect_in_cluster
from canaryd.adapters.kube.kinds import EVENTS, Catalogue
from canaryd.adapters.kube.reflector import Pace, Reflector
from canaryd.adapters.kube.writer import KubeWriter
from canaryd.adapters.routers.istio import IstioRouter
from canaryd.model.decision import Answer, RequestState
from canaryd.model.errors import ConflictError, ForbiddenError, NotFoundError, UnreachableError
from canaryd.model.names import Key, SlotName, Weight
from canaryd.model.snapshot import Routing
from canaryd.wire.watch import OBJECTS, REQUESTS, SERVICES, VIRTUALSERVICES
from tests.adapters.kube import RememberingSink, running
from tests.adapters.routes import spec
from tests.cluster.connecting import Connect, open_sockets
from tests.cluster.daemon import NAMESPACE
from tests.world.api import path_of
from tests.world.faults import Cut, End, Fault, Gone, LoseAnswer, Silent, Status
from tests.world.podinfo import podinfo
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

V1, V2 = SlotName("v1"), SlotName("v2")
LABELS = {slot: {"app": "podinfo", "version": str(slot)} for slot in (V1, V2)}
PACE = Pace(
    silence=timedelta(seconds=2),
    settled=timedelta(0),
    first_pause=timedelta(milliseconds=10),
    last_pause=timedelta(milliseconds=200),
)


@asynccontextmanager
async def reflected(api: Api, *kinds: str) -> AsyncIterator[RememberingSink]:
    sink, catalogue = RememberingSink(), Catalogue()
    await catalogue.discover(api)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(Reflector(api, catalogue, kind, sink, pace=PACE).run())
            for kind in kinds
        ]
        try:
            await sink.until(lambda: sink.listed == set(kinds))
            yield sink
        finally:
            for task in tasks:
                task.cancel()


def route(world: World, namespace: str) -> dict[str, Any]:
    """The VirtualService as it stands, without what the server counts."""
    found = world.get(VIRTUALSERVICES, namespace, "podinfo")
    spec: dict[str, Any] = found["spec"]
    return spec


def put(world: World, namespace: str, weights: tuple[int, int] = (90, 10)) -> None:
    """The podinfo 90/10 case without waiting for its pods."""
    world.apply(podinfo(namespace, host=f"{namespace}.example", weights=weights))


async def test_under_the_permissions_of_deploy_every_kind_is_seen(
    connect: Connect, installed: World, namespace: str
) -> None:
    put(installed, namespace)
    async with connect() as api, reflected(api, *OBJECTS) as sink:
        assert not any(sink.failures)
        assert sink.get(VIRTUALSERVICES, namespace, "podinfo") is not None


@pytest.mark.usefixtures("farewell")
async def test_as_a_pod_canaryd_is_known_by_its_token(installed: World) -> None:
    account = installed.service_account(NAMESPACE, "canaryd")
    connection = await connect_in_cluster(
        SystemClock(), environ=account.environment, service_account=account.folder
    )
    api = Api(connection)
    try:
        async with reflected(api, SERVICES) as sink:
            assert sink.get(SERVICES, "default", "kubernetes") is not None
    finally:
        await api.aclose()


@pytest.mark.parametrize(
    "fault",
    [Cut(), Cut(inside=True), Gone(), Silent(), End(), Status(500), Status(410)],
    ids=["cut", "cut inside", "410", "silent", "end", "500", "410 status"],
)
async def test_no_change_is_lost_whatever_becomes_of_the_watch(
    connect: Connect, installed: World, namespace: str, fault: Fault
) -> None:
    put(installed, namespace)
    now = fault
    with installed.api_proxy() as proxy:
        async with connect(proxy.url) as api, reflected(api, VIRTUALSERVICES) as sink:
            if isinstance(fault, Status):
                proxy.fault(fault, watch=True, path="virtualservices", times=2)
                now = Cut()
            await asyncio.to_thread(
                installed.wait_for, lambda: proxy.disturb(now, path="virtualservices"), "a watch"
            )
            path = path_of(VIRTUALSERVICES, namespace, "podinfo")
            changed = installed.api.patch(path, {"metadata": {"labels": {"seen": "yes"}}})
            await sink.until(
                lambda: (
                    sink.objects[VIRTUALSERVICES, namespace, "podinfo"].metadata.resource_version
                    == changed["metadata"]["resourceVersion"]
                ),
                seconds=30,
            )
            installed.api.delete(path)
            await sink.until(lambda: sink.get(VIRTUALSERVICES, namespace, "podinfo") is None)


async def test_a_restart_of_the_api_server_loses_nothing(
    connect: Connect, installed: World, namespace: str
) -> None:
    put(installed, namespace)
    async with connect() as api, reflected(api, VIRTUALSERVICES) as sink:
        await asyncio.to_thread(installed.parts["apiserver"].restart)
        path = path_of(VIRTUALSERVICES, namespace, "podinfo")
        changed = await asyncio.to_thread(
            installed.wait_for,
            lambda: installed.api.patch(path, {"metadata": {"labels": {"seen": "yes"}}}),
            "the API server to take a write",
        )
        version = changed["metadata"]["resourceVersion"]
        await sink.until(
            lambda: (
                sink.objects[VIRTUALSERVICES, namespace, "podinfo"].metadata.resource_version
                == version
            ),
            seconds=60,
        )


async def test_a_watch_is_left_at_once_though_the_server_says_nothing(
    connect: Connect, installed: World, namespace: str
) -> None:
    apiserver, before = installed.parts["apiserver"], open_sockets()
    async with connect() as api, reflected(api, VIRTUALSERVICES) as sink:
        put(installed, namespace)
        await sink.until(lambda: sink.get(VIRTUALSERVICES, namespace, "podinfo"), seconds=30)
        apiserver.suspend()
    try:
        assert open_sockets() == before
    finally:
        apiserver.resume()


async def test_a_stranger_is_told_which_permission_is_missing(
    connect: Connect, namespace: str
) -> None:
    sink, who = RememberingSink(), (namespace, "default")
    async with (
        connect(account=who) as api,
        running(Reflector(api, Catalogue(), VIRTUALSERVICES, sink, pace=PACE).run()),
    ):
        await sink.until(lambda: sink.failures)
    assert sink.failures[0] == (
        f"list virtualservices.networking.istio.io is forbidden for system:serviceaccount:"
        f"{namespace}:default; allow the verb list on virtualservices.networking.istio.io in its"
        f" role (deploy/base/rbac.yaml)"
    )


def writer(api: Api, sink: RememberingSink) -> KubeWriter:
    return KubeWriter(api, Catalogue(), sink, SystemClock())


async def test_a_weight_is_written_and_nothing_else_of_the_users_object(
    connect: Connect, installed: World, namespace: str
) -> None:
    put(installed, namespace)
    key, wanted = Key(namespace, "podinfo"), spec()
    before = route(installed, namespace)
    async with connect() as api, reflected(api, *OBJECTS) as sink:
        router = IstioRouter(writer(api, sink))
        read = router.read(sink, key, wanted, LABELS)
        assert isinstance(read, Routing)
        assert (read.weights, read.writer) == ({V1: 90, V2: 10}, "kubectl-client-side-apply")
        await router.set_weight(sink, key, wanted, wanted.slot(V2), Weight(25), labels=LABELS)
        read = router.read(sink, key, wanted, LABELS)
        assert isinstance(read, Routing)
        assert (read.weights, read.writer) == ({V1: 75, V2: 25}, "canaryd")
    after = route(installed, namespace)
    for entry, weight in zip(after["http"][-1]["route"], (90, 10), strict=True):
        entry["weight"] = weight
    assert after == before


async def test_whoever_writes_in_between_is_not_overwritten(
    connect: Connect, installed: World, namespace: str
) -> None:
    put(installed, namespace)
    key, wanted = Key(namespace, "podinfo"), spec()
    async with connect() as api, reflected(api, *OBJECTS) as sink:
        stale = sink.copy()
        router = IstioRouter(writer(api, stale))
        put(installed, namespace, weights=(60, 40))
        with pytest.raises(ConflictError):
            await router.set_weight(stale, key, wanted, wanted.slot(V2), Weight(25), labels=LABELS)
        read = router.read(stale, key, wanted, LABELS)
        assert isinstance(read, Routing)
        assert read.weights == {V1: 60, V2: 40}
        await router.set_weight(stale, key, wanted, wanted.slot(V2), Weight(25), labels=LABELS)
    assert [entry["weight"] for entry in route(installed, namespace)["http"][-1]["route"]] == [
        75,
        25,
    ]


async def test_a_patch_that_does_not_fit_any_more_is_a_conflict(
    connect: Connect, installed: World, namespace: str
) -> None:
    put(installed, namespace)
    key = Key(namespace, "podinfo")
    misfits: list[dict[str, Any]] = [
        {"op": "test", "path": "/spec/hosts", "value": ["another"]},
        {"op": "add", "path": "/spec/http/9/route/0/weight", "value": 1},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"},
    ]
    async with connect() as api:
        for misfit in misfits:
            sink = RememberingSink()
            with pytest.raises(ConflictError):
                await writer(api, sink).json_patch(VIRTUALSERVICES, key, [misfit])
            assert sink.names == {"podinfo"}
        with pytest.raises(ForbiddenError, match="patch services is forbidden for system:service"):
            await writer(api, RememberingSink()).json_patch(SERVICES, key, misfits)
        with pytest.raises(NotFoundError):
            await writer(api, RememberingSink()).json_patch(
                VIRTUALSERVICES, Key(namespace, "none"), misfits
            )


async def test_a_write_whose_answer_got_lost_is_found_out_by_the_next_one(
    connect: Connect, installed: World, namespace: str
) -> None:
    put(installed, namespace)
    key, wanted = Key(namespace, "podinfo"), spec()
    with installed.api_proxy() as proxy:
        async with connect(proxy.url) as api, reflected(api, *OBJECTS) as sink:
            stale = sink.copy()
            router = IstioRouter(writer(api, stale))
            with proxy.fault(LoseAnswer(), method="PATCH"), pytest.raises(UnreachableError):
                await router.set_weight(
                    stale, key, wanted, wanted.slot(V2), Weight(25), labels=LABELS
                )
            with pytest.raises(ConflictError):
                await router.set_weight(
                    stale, key, wanted, wanted.slot(V2), Weight(25), labels=LABELS
                )
            await router.set_weight(stale, key, wanted, wanted.slot(V2), Weight(25), labels=LABELS)
            assert len([r for r in proxy.requests if r.method == "PATCH"]) == 2


async def test_a_request_is_answered_and_an_event_written_once(
    connect: Connect, installed: World, namespace: str
) -> None:
    request = {
        "apiVersion": "canaryd.io/v1beta1",
        "kind": "CanaryRequest",
        "metadata": {"name": "podinfo-pause-1"},
        "spec": {"canary": "podinfo", "verb": "pause", "revision": "6d4cf56db6", "by": "admin"},
    }
    installed.api.post(path_of(REQUESTS, namespace), request)
    happening = {
        "metadata": {"name": "podinfo.1", "namespace": namespace},
        "involvedObject": {"kind": "Canary", "namespace": namespace, "name": "podinfo"},
        "reason": "Promoted",
    }
    async with connect() as api:
        sink = RememberingSink()
        answered = Answer("podinfo-pause-1", RequestState.DONE, "paused")
        await writer(api, sink).answer(Key(namespace, "podinfo"), answered)
        assert b'"Done"' in bytes(sink.objects[REQUESTS, namespace, "podinfo-pause-1"].status)
        for _ in range(2):
            await writer(api, sink).create(EVENTS, namespace, happening)
            await writer(api, sink).delete(REQUESTS, namespace, "podinfo-pause-1")
    found = installed.get(EVENTS, namespace, "podinfo.1")
    assert found["metadata"]["managedFields"][0]["manager"] == "canaryd"
