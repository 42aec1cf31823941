"""A made-up mesh whose books are known, and a Prometheus that is told what it would have scraped.

Samples go in by remote write, so that a past is there at once and exact to the millisecond, with
the markers that Prometheus writes when a target is gone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.request import Request, urlopen

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STALE = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
EVERY = 15
"""Seconds between two scrapes of a pod."""
EDGES = (5.0, 50.0, 100.0, 1000.0, float("inf"))

Samples = list[tuple[int, float]]
"""Milliseconds since 1970, and the value."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod's life in seconds after NOON; rates are requests per second of each code.

    A code may name its client, as 503@batch does: another series of the same code.
    """

    name: str
    workload: str
    rates: Mapping[str, float]
    phase: float = 0.0
    born: float = -3600.0
    died: float = 7200.0
    restarts: tuple[float, ...] = ()
    gaps: tuple[tuple[float, float], ...] = ()
    """From, to: no scrape succeeded."""
    first: Mapping[str, float] = field(default_factory=dict[str, float])
    """When the first request of a code came."""
    forgotten: Mapping[str, float] = field(default_factory=dict[str, float])
    """When the proxy dropped a series that had been idle for long (Istio's metric rotation)."""

    def begun(self, at: float) -> float:
        """When the process began that runs then."""
        return max((self.born, *(again for again in self.restarts if again <= at)))

    def counted(self, code: str, at: float) -> int:
        """What its counter says then."""
        since = max(self.begun(at), self.first.get(code, self.born))
        return max(0, int((at - since) * self.rates[code]))

    def scrapes(
        self, start: float, end: float, *, blind: Sequence[tuple[float, float]]
    ) -> list[float]:
        """The instants of its good scrapes."""
        closed = [*self.gaps, *blind]
        number = int((start - self.phase) // EVERY) - 1
        found: list[float] = []
        while (at := self.phase + number * EVERY) <= end:
            number += 1
            alive = self.born <= at < self.died and start <= at
            if alive and not any(a <= at < b for a, b in closed):
                found.append(at)
        return found


@dataclass(frozen=True, slots=True)
class Mesh:
    """Pods, and when Prometheus itself was away (it then marks nothing as gone)."""

    pods: tuple[Pod, ...]
    away: tuple[tuple[float, float], ...] = ()
    start: float = -900.0
    end: float = 900.0
    spelling: str = "{:g}"
    """How it writes bucket edges."""

    def last_scrape(self, pod: Pod, at: float) -> float | None:
        """When the pod was last scraped by then, unless it is known to be gone."""
        good = [s for s in pod.scrapes(self.start, self.end, blind=self.away) if s <= at]
        if not good or at - good[-1] > 300:
            return None
        marked = [m for m in self.marks(pod) if good[-1] < m <= at]
        return None if marked else good[-1]

    def marks(self, pod: Pod) -> Iterator[float]:
        """When Prometheus wrote that the pod's series are gone: at the first scrape that failed."""
        good = set(pod.scrapes(self.start, self.end, blind=self.away))
        known = Pod(pod.name, pod.workload, pod.rates, pod.phase)
        tried = known.scrapes(self.start, self.end, blind=self.away)
        last = False
        for at in tried:
            if at not in good and last:
                yield at
            last = at in good

    def booked(self, pod: Pod, code: str, start: float, end: float) -> int | None:
        """What the tile must say: None, no row."""
        late, early = self.last_scrape(pod, end), self.last_scrape(pod, start)
        if late is None or not self.exposed(pod, code, late):
            return None
        now = pod.counted(code, late)
        if early is None or pod.begun(late) > early:
            return now
        return now - pod.counted(code, early)

    def exposed(self, pod: Pod, code: str, at: float) -> bool:
        """Whether the pod shows this code: from its first request of it on."""
        return pod.counted(code, at) > 0 and at < pod.forgotten.get(code, self.end)

    def series(self) -> Iterator[tuple[dict[str, str], Samples]]:
        """All that is to be written."""
        for pod in self.pods:
            for code in pod.rates:
                labels = labelled(pod, code)
                yield {"__name__": "istio_requests_total", **labels}, self._samples(pod, code, 1.0)
                for place, edge in enumerate(EDGES):
                    le = "+Inf" if edge == float("inf") else self.spelling.format(edge)
                    share = (place + 1) / len(EDGES)
                    yield (
                        {
                            "__name__": "istio_request_duration_milliseconds_bucket",
                            **labels,
                            "le": le,
                        },
                        self._samples(pod, code, share),
                    )

    def _samples(self, pod: Pod, code: str, share: float) -> Samples:
        good = pod.scrapes(self.start, self.end, blind=self.away)
        shown = [at for at in good if self.exposed(pod, code, at)]
        samples = [(at, float(int(pod.counted(code, at) * share))) for at in shown]
        # A restart hides what has not happened again; so does a scrape that failed.
        hidden = [at for at in good if at not in set(shown)]
        samples += [(at, STALE) for at in (*self.marks(pod), *hidden)]
        return sorted((milliseconds(at), value) for at, value in samples)


def labelled(pod: Pod, code: str) -> dict[str, str]:
    return labelled_as(pod.name, pod.workload, code)


def labelled_as(pod: str, workload: str, code: str) -> dict[str, str]:
    """The labels of a pod's series of this code."""
    code, _, client = code.partition("@")
    return {
        "reporter": "destination",
        "destination_workload": workload,
        "destination_workload_namespace": "demo",
        "destination_service_name": "app",
        "pod": pod,
        "response_code": code,
        "source_workload": client or "gateway",
    }


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def milliseconds(seconds: float) -> int:
    return round((NOON.timestamp() + seconds) * 1000)


def write(url: str, series: Iterable[tuple[Mapping[str, str], Samples]]) -> None:
    """Remote write; the server needs --web.enable-remote-write-receiver."""
    body = b"".join(_field(1, _series(labels, samples)) for labels, samples in series if samples)
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    with urlopen(Request(f"{url}/api/v1/write", _snappy(body), headers)) as response:
        assert response.status in {200, 204}


def _series(labels: Mapping[str, str], samples: Samples) -> bytes:
    text = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, value.encode()))
        for name, value in sorted(labels.items())
    )
    return text + b"".join(
        _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(stamp))
        for stamp, value in samples
    )


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


def _snappy(data: bytes) -> bytes:
    """Snappy's framing without its compression: literals only."""
    pieces = [data[place : place + 65536] for place in range(0, len(data), 65536)]
    return _varint(len(data)) + b"".join(
        b"\xf4" + struct.pack("<H", len(piece) - 1) + piece for piece in pieces
    )
