"""Receivers that hang or fail: no rollout waits for them, and every notice arrives once."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typing_extensions import override

from tests.cluster.release import ANALYSIS, Release

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


class Receiver:
    """A webhook's other end, well or not."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.well = threading.Event()
        self.tries = 0
        self.got: list[dict[str, Any]] = []


@contextmanager
def receiver(trouble: str) -> Iterator[Receiver]:
    """Until `well` is set it hangs, or answers 500."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.tries += 1
            if not box.well.is_set() and trouble == "hangs":
                box.well.wait()
                return
            if box.well.is_set():
                box.got.append(json.loads(body))
            self.send_response(200 if box.well.is_set() else 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box = Receiver(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield box
    finally:
        box.well.set()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("trouble", ["hangs", "answers 500"])
def test_a_receiver_in_trouble_delays_no_rollout_and_gets_every_notice_afterwards(
    release: Release, trouble: str
) -> None:
    with receiver(trouble) as hook:
        provider = {
            "apiVersion": "canaryd.io/v1beta1",
            "kind": "AlertProvider",
            "metadata": {"name": "ops", "namespace": release.namespace},
            "spec": {"type": "webhook", "address": hook.url},
        }
        alerts = [{"name": "ops", "severity": "info", "providerRef": {"name": "ops"}}]
        release.world.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": release.namespace}},
            provider,
        )
        release.begin(analysis={**ANALYSIS, "alerts": alerts})
        with release.world.load(rate=100, host=release.host):
            release.push("6.7.2")
            release.wait_told("Promoted")
        assert hook.tries > 0
        assert hook.got == []
        hook.well.set()
        told = release.status["notices"]
        release.world.wait_for(
            lambda: len({body["seq"] for body in hook.got}) == len(told), "every notice", 120
        )
    ids = [body["id"] for body in hook.got]
    assert len(ids) == len(set(ids)), "once per id"
    assert [body["seq"] for body in hook.got] == [notice["seq"] for notice in told], "in order"
    assert [body["sentence"] for body in hook.got] == [notice["sentence"] for notice in told]
