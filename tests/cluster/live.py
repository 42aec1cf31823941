"""A small mesh that is alive: pods that answer and count, and books on every page they showed.

    with LiveMesh(pods) as mesh, PrometheusServer("2", folder, config=mesh.scraped(by="one")): ...

A load runs until the `with` ends. Pages and load share a lock, so what a page said is exactly what
the load had sent by then.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from canaryd.adapters.clock import SystemClock
from canaryd.model.tile import ALL, Presence, Tile
from tests.cluster.books import labelled_as
from tests.world.telemetry import shown

CODES = {"200": 0.8, "404": 0.1, "503": 0.1}
EDGE = 50.0
"""Milliseconds; most answers are faster."""
RATE = 80.0
"""Requests per second that each pod answers."""
TURN = 0.004
CLOCK = SystemClock()
NEAR = 0.45
"""Seconds between a scrape's stamp and its page; less than half a scrape interval."""

Place = tuple[str, float | None]
"""A code and no edge, or an edge and no code."""
Tally = Mapping[tuple[str, Place], float]
"""How many requests of a pod ended so, or were not slower."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a pod showed, to which Prometheus and when (seconds since 1970)."""

    by: str
    pod: str
    at: float
    said: Mapping[Place, int]


class LiveMesh:
    """Pods (with the workload of each) under a steady load; what they are asked, they show."""

    def __init__(self, pods: Mapping[str, str]) -> None:
        self._pods = dict(pods)
        self._lock = threading.Lock()
        self._said = {pod: Counter[Place]() for pod in pods}
        self._pages: list[Page] = []
        self._over = threading.Event()
        self._chance = random.Random(7)
        mesh = self

        class Handler(BaseHTTPRequestHandler):
            # The name that http.server calls.
            def do_GET(self) -> None:
                asked = urlsplit(self.path)
                page = mesh.show(asked.path.strip("/"), parse_qs(asked.query)["by"][0])
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(mesh.text(page).encode())

            @override
            def log_message(self, *_: object) -> None:  # not on the test's stderr
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._load = threading.Thread(target=self._answer, daemon=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._load.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._load.join()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self) -> None:
        start, sent = time.monotonic(), 0
        codes, weights = list(CODES), list(CODES.values())
        while not self._over.wait(TURN):
            due = int((time.monotonic() - start) * RATE)
            with self._lock:
                for said in self._said.values():
                    for code in self._chance.choices(codes, weights, k=due - sent):
                        said[code, None] += 1
                        said["", ALL] += 1
                        said["", EDGE] += self._chance.random() < CODES["200"]
            sent = due

    # what is scraped

    def scraped(self, *, by: str, interval: str = "1s") -> str:
        """A prometheus.yml; `by` makes a server scrape at other instants than the next one."""
        address = f"127.0.0.1:{self._server.server_port}"
        pods = [
            {"targets": [address], "labels": {"__metrics_path__": f"/{pod}", "instance": pod}}
            for pod in self._pods
        ]
        everywhere = {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "external_labels": {"replica": by},
        }
        job = {"job_name": "pods", "params": {"by": [by]}, "static_configs": pods}
        return json.dumps({"global": everywhere, "scrape_configs": [job]})

    def show(self, pod: str, by: str) -> Page:
        """A page as of now, which goes into the books."""
        with self._lock:
            page = Page(by, pod, CLOCK.now().timestamp(), dict(self._said[pod]))
            self._pages.append(page)
        return page

    def text(self, page: Page) -> str:
        """The page as Istio's proxies write it."""
        return "".join(f"{line}\n" for line in self._lines(page))

    def _lines(self, page: Page) -> Iterator[str]:
        for (code, edge), count in page.said.items():
            labels = labelled_as(page.pod, self._pods[page.pod], code or "200")
            if edge is None:
                name = "istio_requests_total"
            else:
                name = "istio_request_duration_milliseconds_bucket"
                labels["le"] = "+Inf" if edge == ALL else f"{edge:g}"
            yield f"{name}{{{shown(labels)}}} {count}"

    # the books

    def page(self, by: str, pod: str, stamp: datetime) -> Page | None:
        """The page of the scrape that bears this stamp; None: this server took none then."""
        with self._lock:
            pages = [page for page in self._pages if (page.by, page.pod) == (by, pod)]
        near = min(pages, key=lambda page: abs(page.at - stamp.timestamp()), default=None)
        return near if near and abs(near.at - stamp.timestamp()) < NEAR else None

    def between(self, by: str, tile: Tile) -> Tally | None:
        """What pods answered between the tile's scrapes; None: they are not this server's."""
        found: dict[tuple[str, Place], float] = {}
        for pod in tile.pods:
            ends = self.ends(by, pod)
            if ends is None:
                return None
            found |= grown(*ends)
        return found

    def ends(self, by: str, pod: Presence) -> tuple[Page, Page] | None:
        """The pages that a tile's counts of this pod lie between."""
        if pod.at_start is None or pod.at_end is None:
            return None
        early, late = (self.page(by, pod.pod, at) for at in (pod.at_start, pod.at_end))
        return (early, late) if early and late else None


def grown(early: Page, late: Page) -> Tally:
    """What the pod answered between the two."""
    return {(late.pod, place): late.said[place] - early.said.get(place, 0) for place in late.said}


def counted(tile: Tile) -> Tally:
    """What the tile says, in the manner of the books."""
    return {
        (row.pod, (row.code if row.edge is None else "", row.edge)): row.count for row in tile.rows
    }
