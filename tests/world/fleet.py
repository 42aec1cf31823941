"""Answers HTTP for every pod at once, and reports as each pod's sidecar would.

kwok gives pods an address but runs nothing. Where the whole pod range is local, a socket on 0.0.0.0
accepts connections to every pod address, and the local end of each says which pod was meant. How a
pod behaves is in its annotations:
  test/error-rate: "0.1"   that share of requests gets a 500
  test/delay-ms:   "50"    each answer waits that long
The metrics port of a pod's address has that pod's metrics; of 127.0.0.1 it has the targets for
Prometheus at / and the behaviour of each pod as it is in force at /behaviour.

    python -m tests.world.fleet SERVER TOKEN CA METRICS_PORT PORT…
"""

from __future__ import annotations

import asyncio
import bisect
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.world.mirror import Mirror, Thing, connect, workload

PODS = "/api/v1/pods"
# Envoy's own, so that both reporters have the same ones.
BUCKETS = (
    *(0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000),
    *(1800000, 3600000),
)
PAUSE = 0.02
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - the point of it


@dataclass(slots=True)
class Seen:
    """The requests that one pod answered with one code."""

    milliseconds: float = 0.0
    buckets: Counter[int] = field(default_factory=Counter)

    def add(self, milliseconds: float) -> None:
        self.milliseconds += milliseconds
        self.buckets[bisect.bisect_left(BUCKETS, milliseconds)] += 1


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a pod answers."""

    error_rate: float
    delay: float

    @classmethod
    def of(cls, pod: Thing) -> Behaviour:
        notes = pod["metadata"].get("annotations", {})
        return cls(
            error_rate=float(notes.get("test/error-rate", 0)),
            delay=float(notes.get("test/delay-ms", 0)) / 1000,
        )


class Fleet:
    """All pods that run, by address, and what each has answered."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._pods: dict[str, Thing] = {}
        self._seen: dict[str, dict[int, Seen]] = {}

    async def follow(self) -> None:
        while True:
            if self._mirror.changed.is_set():
                self._mirror.changed.clear()
                self._pods = {
                    pod["status"]["podIP"]: pod
                    for pod in self._mirror[PODS].values()
                    if pod["status"].get("podIP") and pod["status"].get("phase") == "Running"
                }
            await asyncio.sleep(PAUSE)

    async def answer_app(self, address: str, _path: str) -> tuple[int, str] | None:
        start, pod = time.perf_counter(), self._pods.get(address)
        if pod is None:
            return None
        behaviour = Behaviour.of(pod)
        code = 500 if random.random() < behaviour.error_rate else 200  # noqa: S311
        image = pod["spec"]["containers"][0]["image"]
        body = {
            "pod": pod["metadata"]["name"],
            "namespace": pod["metadata"]["namespace"],
            "workload": workload(pod),
            "image": image,
            "version": image.rpartition(":")[2],
        }
        if behaviour.delay:
            await asyncio.sleep(behaviour.delay)
        seen = self._seen.setdefault(pod["metadata"]["uid"], {}).setdefault(code, Seen())
        seen.add((time.perf_counter() - start) * 1000)
        return code, json.dumps(body)

    async def answer_metrics(self, address: str, path: str) -> tuple[int, str] | None:
        if address == "127.0.0.1":
            return 200, json.dumps(self._behaviour() if path == "/behaviour" else self._targets())
        pod = self._pods.get(address)
        return None if pod is None else (200, self._metrics(pod))

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

    def _behaviour(self) -> dict[str, list[float]]:
        made = {}
        for pod in self._pods.values():
            behaviour = Behaviour.of(pod)
            name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            made[name] = [behaviour.error_rate, behaviour.delay]
        return made

    def _metrics(self, pod: Thing) -> str:
        meta = pod["metadata"]
        lines = []
        for code, seen in self._seen.get(meta["uid"], {}).items():
            tags = _tags(pod, code)
            done = 0
            for place, limit in enumerate([*BUCKETS, "+Inf"]):
                done += seen.buckets[place]
                lines.append(
                    f'istio_request_duration_milliseconds_bucket{{{tags},le="{limit}"}} {done}'
                )
            lines += [
                f"istio_request_duration_milliseconds_sum{{{tags}}} {seen.milliseconds}",
                f"istio_request_duration_milliseconds_count{{{tags}}} {done}",
                f"istio_requests_total{{{tags}}} {done}",
            ]
        return "\n".join(lines) + "\n"


def _tags(pod: Thing, code: int) -> str:
    meta = pod["metadata"]
    labels = meta.get("labels", {})
    values = {
        "reporter": "destination",
        "destination_workload": workload(pod),
        "destination_workload_namespace": meta["namespace"],
        "destination_app": labels.get("app", "unknown"),
        "destination_version": labels.get("version", "unknown"),
        "request_protocol": "http",
        "response_code": code,
    }
    return ",".join(f'{name}="{value}"' for name, value in values.items())


class Server:
    """The least HTTP/1.1 that keeps connections."""

    def __init__(self, fleet: Fleet, *, metrics: bool) -> None:
        self._answer = fleet.answer_metrics if metrics else fleet.answer_app

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("sockname")[0]
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await _skip_body(reader, head)
                answer = await self._answer(address, head.split(b" ", 2)[1].decode())
                if answer is None:  # a pod that is gone says nothing, as a dead host does
                    break
                code, body = answer
                kind = "application/json" if body[0] in "[{" else "text/plain"
                writer.write(
                    f"HTTP/1.1 {code} -\r\ncontent-type: {kind}\r\n"
                    f"content-length: {len(body)}\r\n\r\n{body}".encode()
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


async def _skip_body(reader: asyncio.StreamReader, head: bytes) -> None:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            await reader.readexactly(int(line.split(b":")[1]))


async def main(args: list[str]) -> None:
    fleet = Fleet(connect(args, [PODS]))
    metrics_port, *ports = map(int, args[3:])
    for port in ports:
        await asyncio.start_server(
            Server(fleet, metrics=False).__call__,
            EVERY_ADDRESS,
            port,
            backlog=1024,
        )
    await asyncio.start_server(
        Server(fleet, metrics=True).__call__,
        EVERY_ADDRESS,
        metrics_port,
    )
    await fleet.follow()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
