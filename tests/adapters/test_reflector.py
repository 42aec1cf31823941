"""What becomes of canaryd's picture of the cluster when watches misbehave at the socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from canaryd.adapters.kube.kinds import Catalogue
from canaryd.adapters.kube.reflector import Pace, Reflector
from canaryd.wire.watch import SERVICES
from tests.adapters.kube import (
    HEAD,
    RememberingSink,
    bookmark,
    connected,
    event,
    listed,
    open_watch,
    running,
    service,
    status,
    watched,
)
from tests.adapters.misbehaving import (
    Behaviour,
    Misbehaving,
    drip,
    hang,
    http,
    json,
    misbehaving,
    raw,
)

QUICK = Pace(
    silence=timedelta(seconds=0.3),
    settled=timedelta(0),
    first_pause=timedelta(milliseconds=4),
    last_pause=timedelta(milliseconds=40),
    line=10_000,
)
A, B, C = service("a", 1), service("b", 2), service("c", 3)
P2 = "second"
PATIENT = Pace(first_pause=QUICK.first_pause, last_pause=QUICK.last_pause)


class Scene(NamedTuple):
    sink: RememberingSink
    server: Misbehaving

    @property
    def versions(self) -> list[str]:
        """The versions that watches began from, `list` for a list."""
        queries = (
            parse_qs(urlsplit(request.line.split()[1]).query) for request in self.server.heard
        )
        return [query.get("resourceVersion", ["list"])[0] for query in queries]


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD)
    await drip(b" ", every=0.01)(writer)


Play = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    @asynccontextmanager
    async def scene(*behaviours: Behaviour, pace: Pace = QUICK) -> AsyncIterator[Scene]:
        sink = RememberingSink()
        async with (
            misbehaving(*behaviours) as server,
            connected(tmp_path, server.url, seconds=0.5) as api,
            running(Reflector(api, Catalogue(), SERVICES, sink, pace=pace).run()),
        ):
            yield Scene(sink, server)

    return scene


async def test_what_is_there_and_what_changes_is_seen(play: Play) -> None:
    lines = (event("ADDED", B), event("MODIFIED", service("c", 4)), event("DELETED", A))
    async with play(json(listed(A, version=1)), open_watch(*lines), pace=PATIENT) as scene:
        await scene.sink.until(lambda: scene.sink.names == {"b", "c"})
        assert scene.sink.heard_of == [SERVICES] * 4


async def test_a_long_list_is_read_page_by_page(play: Play) -> None:
    pages = json(listed(A, version=5, token=P2)), json(listed(B, C, version=5))
    async with play(*pages, open_watch(), pace=PATIENT) as scene:
        await scene.sink.until(lambda: scene.sink.replaced)
        assert scene.sink.names == {"a", "b", "c"}
        assert "limit=500&continue=second" in scene.server.heard[1].line


async def test_a_list_that_expires_between_pages_begins_again(play: Play) -> None:
    first = json(listed(A, version=5, token=P2))
    gone = json(status(410, "Expired"), 410)
    async with play(first, gone, json(listed(B, version=9)), open_watch(), pace=PATIENT) as scene:
        await scene.sink.until(lambda: scene.sink.replaced)
        assert scene.sink.names == {"b"}


async def test_a_quiet_watch_is_known_to_be_alive_and_continues_from_its_bookmark(
    play: Play,
) -> None:
    answers = json(listed(A, version=1)), watched(bookmark(7)), open_watch(bookmark(8))
    async with play(*answers, pace=PATIENT) as scene:
        await scene.sink.until(lambda: len(scene.sink.heard_of) == 3)
        assert scene.versions == ["list", "1", "7"]


@pytest.mark.parametrize(
    "gone",
    [
        json(status(410, "Expired", "too old resource version"), 410),
        watched(event("ERROR", status(410, "Expired", "too old resource version"))),
    ],
    ids=["as an HTTP status", "as an event"],
)
async def test_what_changed_while_the_watch_was_too_old_is_found_by_a_new_list(
    play: Play, gone: Behaviour
) -> None:
    answers = json(listed(A, B, version=2)), gone, json(listed(B, C, version=9)), open_watch()
    async with play(*answers, pace=PATIENT) as scene:
        await scene.sink.until(lambda: scene.sink.replaced == 2)
        assert scene.sink.names == {"b", "c"}


async def test_an_event_cut_in_the_middle_is_not_lost(play: Play) -> None:
    cut = watched(event("ADDED", B), event("ADDED", C)[:25])
    answers = json(listed(A, version=1)), cut, open_watch(event("ADDED", C))
    async with play(*answers, pace=PATIENT) as scene:
        await scene.sink.until(lambda: "c" in scene.sink.names)
        assert scene.versions == ["list", "1", "2"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>\n",
        b'{"type": "ADDED"}\n',
        b'{"type": "NEWS", "object": {}}\n',
        event("ERROR", status(500, "InternalError")),
        b"x" * 20_000,
        b"x" * 20_000 + b"\n",
    ],
    ids=["HTML", "no object", "unknown type", "an error", "endless line", "long line"],
)
async def test_after_three_spoiled_watches_everything_is_listed_anew(
    play: Play, garbage: bytes
) -> None:
    spoiled = [watched(garbage)] * 3
    answers = json(listed(A, version=1)), *spoiled, json(listed(B, version=5)), open_watch()
    async with play(*answers, pace=QUICK) as scene:
        await scene.sink.until(lambda: scene.sink.replaced == 2)
        assert scene.versions == ["list", "1", "1", "1", "list"]
        assert scene.sink.names == {"b"}


@pytest.mark.parametrize(
    "silence", [open_watch(), open_watch(b"{"), dripping], ids=["nothing", "half", "drip"]
)
async def test_a_silent_watch_is_given_up_and_a_new_list_tells_what_was_missed(
    play: Play, silence: Behaviour
) -> None:
    answers = json(listed(A, version=1)), silence, json(listed(A, B, version=2)), open_watch()
    async with play(*answers) as scene:
        await scene.sink.until(lambda: scene.sink.names == {"a", "b"})
        assert scene.versions[:3] == ["list", "1", "list"]


async def test_a_kind_of_which_there_is_never_any_news_is_no_failure(play: Play) -> None:
    quiet = (json(listed(A, version=1)), open_watch()) * 6
    async with play(*quiet) as scene:
        await scene.sink.until(lambda: scene.sink.replaced == 6)
        assert not any(scene.sink.failures)


@pytest.mark.parametrize(
    "empty",
    [http(200, b""), http(200, b"", kind="text/plain"), raw(b"", close=True)],
    ids=["JSON", "text", "closed"],
)
async def test_a_server_that_says_nothing_is_not_asked_in_a_hot_loop(
    play: Play, empty: Behaviour
) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with play(json(listed(A, version=1)), empty, pace=QUICK) as scene:
        await scene.sink.until(lambda: any(scene.sink.failures))
        # 4 and 8 ms, at least half of each by jitter, come before the third failure.
        assert loop.time() - begun >= 0.006
        # aiohttp asks once more when a connection turns out to be closed.
        assert len(scene.server.heard) <= 1 + 3 * 2


async def test_a_server_that_asks_for_a_pause_gets_it(play: Play) -> None:
    asked: list[float] = []

    def noting(behaviour: Behaviour) -> Behaviour:
        async def behave(writer: asyncio.StreamWriter) -> None:
            asked.append(asyncio.get_running_loop().time())
            await behaviour(writer)

        return behave

    pause = http(429, b"Too many requests", kind="text/plain", headers=[("Retry-After", "1")])
    answers = noting(pause), noting(json(listed(A, version=1))), open_watch()
    async with play(*answers) as scene:
        await scene.sink.until(lambda: scene.sink.replaced)
    assert asked[1] - asked[0] >= 1


async def test_a_missing_permission_is_named_and_its_return_noticed(play: Play) -> None:
    words = 'services is forbidden: User "system:serviceaccount:canaryd:canaryd" cannot watch'
    forbidden = json(status(403, "Forbidden", words), 403)
    async with play(json(listed(A, version=1)), forbidden, open_watch(), pace=PATIENT) as scene:
        await scene.sink.until(lambda: len(scene.sink.failures) == 2)
        sentence = (
            "watch services is forbidden for system:serviceaccount:canaryd:canaryd;"
            " allow the verb watch on services in its role (deploy/base/rbac.yaml)"
        )
        assert scene.sink.failures == [sentence, None]
        assert scene.sink.names == {"a"}


@pytest.mark.parametrize(
    "nonsense",
    [http(200, b"<html>", kind="text/html"), json({}), json([]), http(200, b'{"kind": "Lis'), hang],
    ids=["HTML", "no list", "array", "cut JSON", "hang"],
)
async def test_nonsense_instead_of_a_list_is_told_and_does_not_end_the_watch(
    play: Play, nonsense: Behaviour
) -> None:
    answers = [nonsense] * 3
    async with play(*answers, json(listed(A, version=1)), open_watch()) as scene:
        await scene.sink.until(lambda: scene.sink.failures[1:] == [None])
        assert scene.sink.names == {"a"}
        assert str(scene.sink.failures[0]).startswith("list services: ")


async def test_a_watch_that_keeps_failing_is_warned_of_once_and_its_return_is_told(
    play: Play,
) -> None:
    answers = [hang] * 5
    with capture_logs() as logs:
        async with play(*answers, json(listed(A, version=1)), open_watch()) as scene:
            await scene.sink.until(lambda: scene.sink.failures[1:] == [None])
    lines = [(line["log_level"], line["event"]) for line in logs]
    kept = ("warning", "watch cannot be kept"), ("info", "watch is kept again")
    assert [line for line in lines if line in kept] == [*kept]
    assert lines.count(("info", "watch failed")) == 2


async def test_a_kind_that_is_not_installed_is_named(play: Play) -> None:
    missing = http(404, b"404 page not found\n", kind="text/plain")
    async with play(missing) as scene:
        await scene.sink.until(lambda: scene.sink.failures)
        assert scene.sink.failures == ["list services: the API server does not know this kind"]


async def test_one_object_that_is_not_understood_does_not_hide_the_others(play: Play) -> None:
    odd = service("a", 2, selector="app=podinfo")
    answers = json(listed(odd, B, version=1)), open_watch(event("ADDED", C))
    async with play(*answers, pace=PATIENT) as scene:
        await scene.sink.until(lambda: scene.sink.names == {"b", "c"})
