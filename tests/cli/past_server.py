"""A metrics server at the socket that remembers even pods, and the Canary over them in a file."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import orjson
import yaml
from typing_extensions import override

from tests.cli.situations import SPEC

PODS = ("a", "b", "c")
HTML = b"<html>Please log in</html>"


def canary_file(folder: Path, **analysis: Any) -> Path:
    spec = {**SPEC, "analysis": {"interval": "30s", "stepWeights": [10, 50], **analysis}}
    document = {
        "apiVersion": "canaryd.io/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": "demo"},
        "spec": spec,
    }
    path = folder / "canary.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@dataclass
class PastServer:
    """Answers ranges; what it was sent is kept. With `wants`, others are refused."""

    url: str = ""
    wants: str = ""
    status: int = 200
    words: str = "no"
    """Of its refusals."""
    scrape: float = 15
    """Seconds."""
    timed: bool = False
    """Whether there are histograms; two in a hundred requests are slower than 250 ms."""
    heard: list[dict[str, str]] = field(default_factory=list)
    """Headers."""
    forms: list[dict[str, str]] = field(default_factory=list)

    def answer(self, headers: dict[str, str], form: dict[str, str]) -> tuple[int, bytes]:
        self.heard.append(headers)
        self.forms.append(form)
        if self.wants and headers.get("authorization") != self.wants:
            return 401, b""
        if self.status == 200:
            kind, result = self.told(form)
            data = {"resultType": kind, "result": result}
            return 200, orjson.dumps({"status": "success", "data": data})
        if 300 <= self.status < 400:
            return self.status, HTML
        error = {"status": "error", "errorType": "refused", "error": self.words}
        return self.status, orjson.dumps(error)

    def told(self, form: dict[str, str]) -> tuple[str, list[Any]]:
        """A range; its time, or of one series when it was scraped."""
        if "start" in form:
            return "matrix", list(_lines(form, timed=self.timed))
        now = time.time()  # noqa: TID251 - what a metrics server knows about is now
        if form["query"] == "time()":
            return "scalar", [now, str(now)]
        series = {**_labels("a"), "response_code": "200"}
        if form["query"].startswith("topk"):
            return "vector", [{"metric": series, "value": [now, "20"]}]
        scrapes = [[now - self.scrape * number, "1"] for number in range(5, 0, -1)]
        return "matrix", [{"metric": series, "values": scrapes}]


def _labels(pod: str) -> dict[str, str]:
    return {
        "destination_workload_namespace": "demo",
        "destination_workload": "podinfo-v1",
        "pod": f"podinfo-v1-{pod}",
    }


def _lines(form: dict[str, str], *, timed: bool) -> Iterator[dict[str, Any]]:
    buckets = "_bucket" in form["query"]
    if buckets and not timed:
        return
    start, end, step = (float(form[name]) for name in ("start", "end", "step"))
    ends = [start + step * number for number in range(round((end - start) / step) + 1)]
    name = "le" if buckets else "response_code"
    told = (("250", "980"), ("+Inf", "1000")) if buckets else (("200", "998"), ("500", "2"))
    for pod in PODS:
        for value, count in told:
            labels = {**_labels(pod), name: value}
            yield {"metric": labels, "values": [[at, count] for at in ends]}


@contextmanager
def past_server(
    certificates: Path | None = None, *, host: str = "127.0.0.1", **behaviour: Any
) -> Iterator[PastServer]:
    """Serve until the end of the `with`; over TLS with `server.crt` of the certificates."""
    told = PastServer(**behaviour)
    with serving(told.answer, certificates, host=host) as told.url:
        yield told


@contextmanager
def serving(
    answer: Callable[[dict[str, str], dict[str, str]], tuple[int, bytes]],
    certificates: Path | None = None,
    *,
    host: str = "127.0.0.1",
) -> Iterator[str]:
    """The URL of a server that answers each form by its headers and fields: status and body."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            form = parse_qs(self.rfile.read(size).decode())
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = answer(headers, {name: form[name][0] for name in form})
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        @override
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust the server goes away in the middle."""

    with Quiet((host, 0), Answers) as server:
        scheme = "http"
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"{scheme}://{host}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
