"""Answers for every pod at once, and reports as each pod's sidecar and kubelet would.

kwok gives pods an address but runs nothing. Where the whole pod range is local, a socket on 0.0.0.0
accepts connections to every pod address, and the local end of each says which pod was meant. How a
pod behaves is in its annotations (`behaviour.py`). Requests of `content-type: application/grpc` are
answered and counted as gRPC. FOLDER/targets.json is what Prometheus shall scrape.

The metrics port of a pod's address has that pod's metrics; of 127.0.0.1 it has
  /behaviour           the behaviour of each pod as it is in force
  /metrics/cadvisor    what the kubelet says
  /kube-state-metrics  what kube-state-metrics says
  /exporters/JOB       what a test wrote (`exporters.py`)

    python -m tests.world.fleet SERVER TOKEN CA FOLDER METRICS_PORT TCP_PORT PORT…
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.world.behaviour import Behaviour, notes_of
from tests.world.exporters import Kubelet, kube_state, read
from tests.world.mirror import Mirror, Thing, connect, workload
from tests.world.telemetry import CLIENT_LEFT, Outcome, Telemetry

PODS = "/api/v1/pods"
PAUSE = 0.02
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - the point of it
LEAST = 0.001
"""Seconds that any answer takes, beside the delay that its pod was told."""


@dataclass(frozen=True, slots=True)
class Request:
    """What came to one address, and whether whoever sent it has gone meanwhile."""

    address: str
    path: str
    grpc: bool
    left: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    code: int
    body: str
    content: str = "text/plain"
    grpc: int | None = None

    def encode(self) -> bytes:
        status = "" if self.grpc is None else f"grpc-status: {self.grpc}\r\n"
        body = self.body.encode()
        head = f"HTTP/1.1 {self.code} -\r\ncontent-type: {self.content}\r\n{status}"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class Fleet:
    """All pods that run, by address, and what each has answered."""

    def __init__(self, mirror: Mirror, folder: Path) -> None:
        self._mirror = mirror
        self._folder = folder
        self._pods: dict[str, Thing] = {}
        self._telemetry: dict[str, Telemetry] = defaultdict(Telemetry)
        self._kubelet = Kubelet()
        self._told = ""

    async def follow(self) -> None:
        while True:
            if self._mirror.changed.is_set():
                self._mirror.changed.clear()
                self._pods = {
                    pod["status"]["podIP"]: pod
                    for pod in self._mirror[PODS].values()
                    if pod["status"].get("podIP") and pod["status"].get("phase") == "Running"
                }
                self._tell_prometheus()
            await asyncio.sleep(PAUSE)

    def _tell_prometheus(self) -> None:
        targets = json.dumps(self._targets())
        if targets != self._told:
            beside = self._folder / "targets.new"
            beside.write_text(targets)
            beside.replace(self._folder / "targets.json")
            self._told = targets

    async def answer_app(self, request: Request) -> Answer | None:
        start, pod = time.perf_counter(), self._pods.get(request.address)
        if pod is None:
            return None
        behaviour = Behaviour.of(pod)
        answer = await _answer(
            pod,
            behaviour,
            request,
            over=lambda: request.left() or request.address not in self._pods,
        )
        protocol = "grpc" if request.grpc else "http"
        if answer is None:
            took = time.perf_counter() - start
            outcome = Outcome(0, protocol, flags=CLIENT_LEFT)
        else:
            # Not what the clock says: a busy machine shall make no healthy version slow.
            took = LEAST + behaviour.delay
            outcome = Outcome(answer.code, protocol, answer.grpc)
        self._telemetry[pod["metadata"]["uid"]].requests[outcome].add(took * 1000)
        return answer

    async def answer_metrics(self, request: Request) -> Answer | None:
        if request.address == "127.0.0.1":
            return self._about_all(request.path)
        pod = self._pods.get(request.address)
        return None if pod is None else Answer(200, self._sidecar(pod).text(pod))

    def _about_all(self, path: str) -> Answer:
        match path:
            case "/behaviour":
                return _json({_full_name(pod): notes_of(pod) for pod in self._pods.values()})
            case "/metrics/cadvisor":
                return Answer(200, self._kubelet.text(self._pods.values()))
            case "/kube-state-metrics":
                return Answer(200, kube_state(self._pods.values()))
            case _:
                return Answer(200, read(self._folder, path.rpartition("/")[2]))

    def _targets(self) -> list[Any]:
        return [
            {
                "targets": [f"{address}:15020"],
                "labels": {
                    "pod": pod["metadata"]["name"],
                    "namespace": pod["metadata"]["namespace"],
                },
            }
            for address, pod in self._pods.items()
        ]

    def _sidecar(self, pod: Thing) -> Telemetry:
        return self._telemetry[pod["metadata"]["uid"]]

    async def echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A TCP connection to a pod: everything comes back, until the client closes."""
        pod = self._pods.get(writer.get_extra_info("sockname")[0])
        if pod is not None:
            counted = self._sidecar(pod).tcp
            counted.opened += 1
            fails = Behaviour.of(pod).fails()
            with suppress(ConnectionError):
                while not fails and (data := await reader.read(65536)):
                    counted.received += len(data)
                    writer.write(data)
                    await writer.drain()
                    counted.sent += len(data)
            counted.closed += 1
        writer.close()


async def _answer(
    pod: Thing, behaviour: Behaviour, request: Request, over: Callable[[], bool]
) -> Answer | None:
    """None when it was over before: the client left, or the pod is gone."""
    fails, hangs = behaviour.fails(), behaviour.hangs()
    if behaviour.delay:
        await asyncio.sleep(behaviour.delay)
    while hangs and not over():  # noqa: ASYNC110 - asyncio has no event for a client that leaves
        await asyncio.sleep(PAUSE)
    if over():
        return None
    image = pod["spec"]["containers"][0]["image"]
    body = json.dumps(
        {
            "pod": pod["metadata"]["name"],
            "namespace": pod["metadata"]["namespace"],
            "workload": workload(pod),
            "image": image,
            "version": image.rpartition(":")[2],
        }
    )
    if request.grpc:  # its errors are no errors of HTTP
        return Answer(200, body, "application/grpc", behaviour.grpc_status if fails else 0)
    return Answer(500 if fails else 200, body, "application/json")


def _full_name(pod: Thing) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _json(thing: Any) -> Answer:
    return Answer(200, json.dumps(thing), "application/json")


class Server:
    """The least HTTP/1.1 that keeps connections."""

    def __init__(self, fleet: Fleet, *, metrics: bool) -> None:
        self._answer = fleet.answer_metrics if metrics else fleet.answer_app

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("sockname")[0]

        def left() -> bool:
            return reader.at_eof() or reader.exception() is not None or writer.is_closing()

        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await _skip_body(reader, head.lower())
                grpc = "\r\ncontent-type: application/grpc" in head.lower()
                answer = await self._answer(Request(address, head.split(" ", 2)[1], grpc, left))
                if answer is None:  # a pod that is gone says nothing, as a dead host does
                    break
                writer.write(answer.encode())
                await writer.drain()
        writer.close()


async def _skip_body(reader: asyncio.StreamReader, head: str) -> None:
    for line in head.split("\r\n"):
        if line.startswith("content-length:"):
            await reader.readexactly(int(line.split(":")[1]))


async def main(args: list[str]) -> None:
    fleet = Fleet(connect(args, [PODS]), Path(args[3]))
    metrics_port, tcp_port, *ports = map(int, args[4:])
    app = Server(fleet, metrics=False)
    for port in ports:
        await asyncio.start_server(app.__call__, EVERY_ADDRESS, port, backlog=1024)
    metrics = Server(fleet, metrics=True)
    await asyncio.start_server(metrics.__call__, EVERY_ADDRESS, metrics_port)
    await asyncio.start_server(fleet.echo, EVERY_ADDRESS, tcp_port)
    await fleet.follow()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
