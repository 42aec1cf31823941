"""A Prometheus of a test's own, 2 or 3: its targets, its data, its stops and starts.

    with PrometheusServer("3", folder, targets=[page.address]) as server:
        server.wait_for("up == 1")
        server.kill()
        server.start()

It listens on a free port, the same for its whole life. Data and configuration lie in `folder`.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

from typing_extensions import override

from tests.world.build import BuildError, Tools, build
from tests.world.part import PATIENCE, PAUSE, Part
from tests.world.plan import fetch_json, prometheus

Version = Literal["2", "3"]
Targets = Sequence[str] | Mapping[str, Mapping[str, str]]
"""host:port of each, or {host:port: its labels}."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of Prometheus' answer."""

    labels: Mapping[str, str]
    value: float


def ask(url: str, query: str, at: float | None = None) -> list[Series]:
    """An instant query."""
    time_of_it = "" if at is None else f"&time={at}"
    answer = fetch_json(f"{url}/api/v1/query?query={quote(query)}{time_of_it}")
    result = answer["data"]["result"]
    if answer["data"]["resultType"] == "scalar":
        return [Series({}, float(result[1]))]
    return [Series(one["metric"], float(one["value"][1])) for one in result]


def program(version: Version) -> Path:
    """Prometheus 2 (Debian's, or the one in PATH) or 3 (built with the world)."""
    found = _tools().prometheus if version == "2" else _tools().prometheus3
    if not found.exists():
        raise BuildError(f"no Prometheus {version} yet: python -m tests.world build")
    return found


def promtool(version: Version) -> Path:
    return program(version).with_name("promtool")


@cache
def _tools() -> Tools:
    return build()


class PrometheusServer:
    """Started by `with` or `start`; `part` is its process: suspend, resume, pid, log, tail."""

    def __init__(
        self,
        version: Version,
        folder: Path,
        *,
        scrape_interval: str = "1s",
        targets: Targets = (),
        config: str | None = None,
        data: Path | None = None,
        flags: Sequence[str | Path] = (),
    ) -> None:
        """`config` is a whole prometheus.yml instead; with `data` it starts on what is there."""
        self._folder = folder.resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._targets = self._folder / "targets.json"
        self.set_targets(targets)
        text = self._folder / "prometheus.yml"
        text.write_text(config or json.dumps(_configuration(scrape_interval, self._targets)))
        self.version = version
        self.url = f"http://127.0.0.1:{_free_port()}"
        recipe = prometheus(
            program(version), text, (data or self._folder / "data").resolve(), self.url, flags
        )
        self.part = Part(recipe, self._folder)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.part.kill()

    def start(self) -> None:
        """Return when it answers; what it knew before is there."""
        self.part.start()

    def stop(self) -> None:
        self.part.stop()

    def kill(self) -> None:
        self.part.kill()

    def restart(self) -> None:
        self.part.restart()

    def set_targets(self, targets: Targets) -> None:
        """Scrape these from now on (Prometheus 2 takes up to 5 s, 3 less than 1)."""
        labels = targets if isinstance(targets, Mapping) else {one: {} for one in targets}
        groups = [{"targets": [one], "labels": dict(own)} for one, own in labels.items()]
        beside = self._targets.with_suffix(".new")
        beside.write_text(json.dumps(groups))
        beside.replace(self._targets)

    def query(self, query: str, at: float | None = None) -> list[Series]:
        """An instant query, now or at a time."""
        return ask(self.url, query, at)

    def wait_for(self, query: str, patience: float = PATIENCE) -> list[Series]:
        """Ask until there is any series in the answer, and give it back."""
        deadline = time.monotonic() + patience
        while not (found := self.query(query)):
            self.part.check()
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {patience:g} s for {query}\n{self.part.tail()}")
            time.sleep(PAUSE)
        return found


def _configuration(interval: str, targets: Path) -> dict[str, object]:
    job = {
        "job_name": "targets",
        "file_sd_configs": [{"files": [str(targets)], "refresh_interval": "1s"}],
    }
    # A timeout must not be longer than the interval.
    everywhere = {"scrape_interval": interval, "scrape_timeout": interval}
    return {"global": everywhere, "scrape_configs": [job]}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class MetricsPage:
    """Something to scrape: serves its `text` on a free port for the length of a `with`.

    While `down` is set, scrapes are answered with 503.
    """

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.down = False
        page = self

        class Handler(BaseHTTPRequestHandler):
            # The name that http.server calls.
            def do_GET(self) -> None:
                self.send_response(503 if page.down else 200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(page.text.encode())

            @override
            def log_message(self, *_: object) -> None:  # not on the test's stderr
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
