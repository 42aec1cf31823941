"""Requests through Envoy, each counted by the workload and image that answered and the outcome."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Self

CONNECTION_ERROR = "connection error"
TIMEOUT = "timeout"
PATIENCE = 30.0
REMEMBERED = 200_000
GRPC = {"content-type": "application/grpc"}
"""The header that makes a request gRPC, for Envoy and for the pod that answers."""


class Answer(NamedTuple):
    """Who answered how.

    Outcome: the status code, "connection error" or "timeout"; "grpc 14" for a gRPC error.
    """

    workload: str
    image: str
    outcome: str


class Observation(NamedTuple):
    """One request; times are of time.monotonic()."""

    sent: float
    answered: float
    answer: Answer


class Counts(Counter[Answer]):
    """How often each answer came."""

    def of(self, workload: str) -> int:
        """All answers of one workload."""
        return sum(count for answer, count in self.items() if answer.workload == workload)

    def of_image(self, image: str) -> int:
        """All answers of images that end so."""
        return sum(count for answer, count in self.items() if answer.image.endswith(image))

    @property
    def failures(self) -> int:
        """All that were not answered with 2xx or 3xx."""
        return sum(count for answer, count in self.items() if answer.outcome[0] not in "23")

    def snapshot(self) -> Counts:
        return Counts(self)


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of whom, and how many seconds the client waits before it leaves."""

    port: int
    path: str
    headers: Mapping[str, str]
    patience: float = PATIENCE

    @property
    def request(self) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"GET {self.path} HTTP/1.1\r\n{lines}\r\n".encode()


class Connection:
    """One kept connection; opened again after an error."""

    def __init__(self, asking: Asking) -> None:
        self._port, self._patience = asking.port, asking.patience
        self._request = asking.request
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> Answer:
        try:
            async with asyncio.timeout(self._patience):
                return _read(*await self._exchange())
        except TimeoutError:
            self.close()
            return Answer("", "", TIMEOUT)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            self.close()
            return Answer("", "", CONNECTION_ERROR)

    async def _exchange(self) -> tuple[str, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(_header(head, b"content-length") or 0))
        grpc = _header(head, b"grpc-status").strip().decode()
        return f"grpc {grpc}" if grpc.strip("0") else head.split(b" ", 2)[1].decode(), body

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None


def _header(head: bytes, name: bytes) -> bytes:
    _, _, rest = head.partition(b"\r\n" + name + b":")
    return rest.split(b"\r\n", 1)[0]


def _read(code: str, body: bytes) -> Answer:
    """Envoy's own answers have no workload."""
    try:
        about = json.loads(body)
        return Answer(about["workload"], about["image"], code)
    except (ValueError, LookupError, TypeError):
        return Answer("", "", code)


def exchange(address: tuple[str, int], data: bytes) -> bytes:
    """A TCP connection: send, hear everything, close; empty when the other end closed first."""
    with socket.create_connection(address, PATIENCE) as connection, suppress(OSError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))
    return b""


def send(asking: Asking, count: int, connections: int = 4) -> Counts:
    """Exactly so many requests, shared by a few connections."""
    counts = Counts()
    left = iter(range(count))

    async def work() -> None:
        connection = Connection(asking)
        for _ in left:
            counts[await connection.ask()] += 1
        connection.close()

    async def all_of_it() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(connections, count)):
                group.create_task(work())

    asyncio.run(all_of_it())
    return counts


class Load:
    """A steady rate of requests from a thread of its own, until the `with` ends.

    Request n is due n/rate after the start, whatever happened to those before; it is late only
    when every connection is waiting for an answer.
    """

    def __init__(self, asking: Asking, *, rate: float, connections: int) -> None:
        self._asking, self._rate, self._connections = asking, rate, connections
        self._lock = threading.Lock()
        self._counts = Counts()
        self._history: deque[Observation] = deque(maxlen=REMEMBERED)
        self._over = asyncio.Event()
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop:
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    @property
    def counts(self) -> Counts:
        """A copy of what was counted since the start or the last reset."""
        with self._lock:
            return self._counts.snapshot()

    @property
    def history(self) -> list[Observation]:
        """The requests since the start (the last 200,000), in order of their answers."""
        with self._lock:
            return list(self._history)

    def reset(self) -> Counts:
        """Start counting anew, and give back what was counted."""
        with self._lock:
            before, self._counts = self._counts, Counts()
        return before

    def last(self, workload: str) -> Observation | None:
        """The newest answer of a workload."""
        with self._lock:
            found = (one for one in reversed(self._history) if one.answer.workload == workload)
            return next(found, None)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._started.set()
        start, turns = time.monotonic(), iter(range(10**12))
        async with asyncio.TaskGroup() as group:
            for _ in range(self._connections):
                group.create_task(self._work(start, turns))

    async def _work(self, start: float, turns: Iterator[int]) -> None:
        connection = Connection(self._asking)
        while not self._over.is_set():  # wait_for does not look when it is late already
            due = start + next(turns) / self._rate
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), due - time.monotonic())
                break
            sent = time.monotonic()
            answer = await connection.ask()
            self._count(Observation(sent, time.monotonic(), answer))
        connection.close()

    def _count(self, seen: Observation) -> None:
        with self._lock:
            self._counts[seen.answer] += 1
            self._history.append(seen)
