"""What a write leaves in the store, whatever the API server answers."""

from __future__ import annotations

import asyncio
from asyncio import TaskGroup
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from typing_extensions import override

from canaryd.adapters.kube.kinds import EVENTS, Catalogue
from canaryd.adapters.kube.turnstile import Turnstile
from canaryd.adapters.kube.writer import KubeWriter
from canaryd.model.decision import Answer, RequestState
from canaryd.model.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    OvertakenError,
    UnreachableError,
)
from canaryd.model.names import Key
from canaryd.model.urgency import Urgency
from canaryd.wire.watch import CANARIES, REQUESTS, VIRTUALSERVICES
from tests.adapters.fakes import KEY, HandClock
from tests.adapters.kube import RememberingSink, connected, status
from tests.adapters.misbehaving import Behaviour, Misbehaving, http, json, misbehaving


class Scene(NamedTuple):
    writer: KubeWriter
    sink: RememberingSink
    server: Misbehaving
    counted: list[tuple[str, str, str]]


@asynccontextmanager
async def scene(
    folder: Path, *behaviours: Behaviour, turnstile: Turnstile | None = None
) -> AsyncIterator[Scene]:
    sink = RememberingSink()
    counted: list[tuple[str, str, str]] = []

    def count(verb: str, kind: str, outcome: str) -> None:
        counted.append((verb, kind, outcome))

    async with (
        misbehaving(*behaviours) as server,
        connected(folder, server.url, observe=count) as api,
    ):
        writer = KubeWriter(
            api,
            Catalogue(),
            sink,
            HandClock(),
            turnstile=turnstile,
        )
        yield Scene(writer, sink, server, counted)


def podinfo(version: int) -> dict[str, object]:
    return {
        "metadata": {"name": "podinfo", "namespace": "demo", "resourceVersion": str(version)},
        "spec": {},
    }


def version(sink: RememberingSink, kind: str) -> str:
    found = sink.get(kind, "demo", "podinfo")
    return found.metadata.resource_version if found else ""


async def test_a_status_patch_is_bound_to_its_version_and_its_answer_is_in_the_store(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, json(podinfo(8))) as it:
        await it.writer.patch_status(CANARIES, KEY, lambda: {"phase": "Idle"}, resource_version="7")
        [request] = it.server.heard
        assert request.line == (
            "PATCH /apis/canaryd.io/v1beta1/namespaces/demo/canaries/podinfo/status"
            "?fieldManager=canaryd HTTP/1.1"
        )
        assert request.headers["content-type"] == "application/merge-patch+json"
        assert orjson.loads(request.body) == {
            "metadata": {"resourceVersion": "7"},
            "status": {"phase": "Idle"},
        }
        assert version(it.sink, CANARIES) == "8"
        assert it.counted == [("patch", CANARIES, "ok")]


@pytest.mark.parametrize(
    "refusal",
    [
        json(status(409, "Conflict", "the object has been modified"), 409),
        json(status(422, "Invalid", "the server rejected … an error in our request"), 422),
    ],
    ids=["an older version", "a failed test"],
)
async def test_who_wrote_first_is_in_the_store_when_the_conflict_is_raised(
    tmp_path: Path, refusal: Behaviour
) -> None:
    async with scene(tmp_path, refusal, json(podinfo(9))) as it:
        with pytest.raises(ConflictError):
            await it.writer.json_patch(VIRTUALSERVICES, KEY, [{"op": "test"}])
        assert version(it.sink, VIRTUALSERVICES) == "9"
        assert it.counted == [
            ("patch", VIRTUALSERVICES, "conflict"),
            ("get", VIRTUALSERVICES, "ok"),
        ]


async def test_a_conflict_over_an_object_that_is_gone_takes_it_out_of_the_store(
    tmp_path: Path,
) -> None:
    conflict = json(status(409, "Conflict"), 409)
    async with scene(
        tmp_path, json(podinfo(1)), conflict, json(status(404, "NotFound"), 404)
    ) as it:
        await it.writer.json_patch(VIRTUALSERVICES, KEY, [])
        with pytest.raises(ConflictError):
            await it.writer.json_patch(VIRTUALSERVICES, KEY, [])
        assert version(it.sink, VIRTUALSERVICES) == ""


async def test_a_conflict_stays_one_when_the_object_cannot_be_read(tmp_path: Path) -> None:
    conflict = json(status(409, "Conflict"), 409)
    async with scene(tmp_path, conflict, http(500, b"")) as it:
        with pytest.raises(ConflictError):
            await it.writer.json_patch(VIRTUALSERVICES, KEY, [])


async def test_an_answer_that_is_no_object_is_an_error_and_not_an_object(tmp_path: Path) -> None:
    async with scene(tmp_path, http(200, b"[]")) as it:
        with pytest.raises(UnreachableError, match="no object of this kind"):
            await it.writer.json_patch(VIRTUALSERVICES, KEY, [])
        assert it.sink.objects == {}


async def test_an_event_that_is_there_already_was_written(tmp_path: Path) -> None:
    exists = json(status(409, "AlreadyExists"), 409)
    async with scene(tmp_path, json({"metadata": {}}, 201), exists) as it:
        body = {"metadata": {"name": "podinfo.1"}, "reason": "Promoted"}
        await it.writer.create(EVENTS, "demo", body)
        await it.writer.create(EVENTS, "demo", body)
        assert it.server.heard[0].line.startswith("POST /api/v1/namespaces/demo/events?")
        assert [outcome for _, _, outcome in it.counted] == ["ok", "exists"]


async def test_a_request_that_is_gone_was_deleted(tmp_path: Path) -> None:
    gone = json(status(404, "NotFound"), 404)
    async with scene(tmp_path, json({"kind": "Status"}), gone) as it:
        await it.writer.delete(REQUESTS, "demo", "podinfo-approve-1")
        await it.writer.delete(REQUESTS, "demo", "podinfo-approve-1")


async def test_a_request_is_answered_in_its_status(tmp_path: Path) -> None:
    answered = Answer("podinfo-approve-1", RequestState.DONE, "step 3 of 5 approved")
    gone = json(status(404, "NotFound"), 404)
    async with scene(tmp_path, json(podinfo(1)), gone) as it:
        await it.writer.answer(KEY, answered)
        await it.writer.answer(KEY, answered)
        request = it.server.heard[0]
        assert "/namespaces/demo/canaryrequests/podinfo-approve-1/status?" in request.line
        assert orjson.loads(request.body)["status"] == {
            "state": "Done",
            "message": "step 3 of 5 approved",
            "at": "2026-11-21T12:00:00Z",
        }


async def test_a_missing_permission_names_the_subresource(tmp_path: Path) -> None:
    words = 'canaries "podinfo" is forbidden: User "canaryd" cannot patch resource'
    async with scene(tmp_path, json(status(403, "Forbidden", words), 403)) as it:
        with pytest.raises(ForbiddenError, match=r"patch canaries/status.canaryd.io is forbidden"):
            await it.writer.patch_status(CANARIES, KEY, dict, resource_version="1")


async def test_a_patch_of_what_is_gone_says_so(tmp_path: Path) -> None:
    async with scene(tmp_path, json(status(404, "NotFound", "no podinfo"), 404)) as it:
        with pytest.raises(NotFoundError, match="no podinfo"):
            await it.writer.json_patch(VIRTUALSERVICES, KEY, [])


class Recording(Turnstile):
    """Remembers who asked for a turn."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Urgency] = []

    @asynccontextmanager
    @override
    async def turn(self, urgency: Urgency, of: Key | None = None) -> AsyncIterator[None]:
        self.asked.append(urgency)
        async with super().turn(urgency, of):
            yield


async def test_a_fall_that_met_somebody_elses_write_looks_at_it_as_urgently_as_it_falls(
    tmp_path: Path,
) -> None:
    conflict = json(status(409, "Conflict"), 409)
    turnstile = Recording()
    async with scene(tmp_path, conflict, json(podinfo(9)), turnstile=turnstile) as it:
        with pytest.raises(ConflictError):
            await it.writer.json_patch(VIRTUALSERVICES, KEY, [], urgency=Urgency.FALL)
    assert turnstile.asked == [Urgency.FALL, Urgency.FALL]


async def test_a_write_that_was_never_sent_is_not_counted_as_a_request(tmp_path: Path) -> None:
    turnstile = Turnstile(at_once=1)
    async with scene(tmp_path, turnstile=turnstile) as it, turnstile.turn(Urgency.STATE):
        async with TaskGroup() as tasks:
            waiting = tasks.create_task(overtaken(it.writer))
            await asyncio.sleep(0)  # it waits for its turn now
            turnstile.overtake(KEY)
        assert waiting.result()
        assert it.counted == []


async def overtaken(writer: KubeWriter) -> bool:
    try:
        await writer.patch_status(CANARIES, KEY, dict, resource_version="1", of=KEY)
    except OvertakenError:
        return True
    return False
