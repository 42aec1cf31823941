"""What the Prometheus stand-in answers: labelled series for each asked workload; pure.

Threshold queries get one value a workload. Tiles, both forms, and the hour of the past get what
`traffic` has counted, pod by pod, part by part as `canaryd.adapters.prometheus` names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.scale.asked import Asked, Kind
from bench.scale.traffic import EDGES, SCRAPE, Mode, Pod, Traffic

Series = dict[str, object]
Labels = dict[str, str]
OF_THE_SERVER = frozenset({Mode.HANG, Mode.FAIL, Mode.LATE})
"""One such workload in a group, and the whole answer suffers."""
VALUES = {
    Kind.SUCCESS: {Mode.BAD: "50", Mode.SLOW: "99.9", Mode.NAN: "NaN"},
    Kind.LATENCY: {Mode.BAD: "5000", Mode.SLOW: "5000", Mode.NAN: "NaN"},
}
GOOD = {Kind.SUCCESS: "99.9", Kind.LATENCY: "50"}
LOOKBACK = 300.0
HOUR = 3600.0
RANGES = frozenset({Kind.SWIFT, Kind.PAST, Kind.STEPS})
"""What is answered with a matrix."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the stand-in knows: where workloads are, how they do, and what their pods counted."""

    places: Mapping[str, str]
    modes: Mapping[str, Mode]
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Instants:
    """When: at `end`, or from `start` to `end` in `step`s."""

    start: float
    end: float
    step: float

    def __iter__(self) -> Iterator[float]:
        """Each instant."""
        for number in range(round((self.end - self.start) / (self.step or 1.0)) + 1):
            yield self.start + number * self.step


def series(asked: Asked, known: Known, when: Instants) -> Iterator[Series]:
    """The lines of an answer; a vector has `value`, a matrix `values`."""
    of_pod = BY_POD.get(asked.kind)
    if of_pod is not None:
        for pod in pods(asked, known):
            yield from of_pod(asked, pod, when)
    elif asked.kind in VALUES:
        yield from values(asked, known, when.end)
    elif asked.kind in {Kind.BUSIEST, Kind.STEPS}:
        yield from scrapes(asked, known, when.end)
    elif asked.kind is not Kind.REPORTING:  # nobody counts in another's stead
        yield {"metric": {}, "value": [when.end, "1"]}


def chosen(asked: Asked, known: Known) -> Iterator[str]:
    """The workloads that are meant and say something."""
    for workload in sorted(asked.workloads):
        silent = known.modes.get(workload) is Mode.EMPTY
        if known.places.get(workload) in asked.namespaces and not silent:
            yield workload


def values(asked: Asked, known: Known, at: float) -> Iterator[Series]:
    """One number a workload."""
    for workload in chosen(asked, known):
        labels = {
            "destination_workload_namespace": known.places[workload],
            "destination_workload": workload,
        }
        mode = known.modes.get(workload, Mode.GOOD)
        value = VALUES[asked.kind].get(mode, GOOD[asked.kind])
        yield {"metric": labels, "value": [at, value]}


def pods(asked: Asked, known: Known) -> Iterator[Pod]:
    """Every pod, also of the past, of the workloads that are meant."""
    for workload in chosen(asked, known):
        yield from known.traffic.pods(workload)


def named(pod: Pod, **more: str) -> Labels:
    """A pod's labels."""
    return {
        "destination_workload_namespace": pod.namespace,
        "destination_workload": pod.workload,
        "pod": pod.name,
        **more,
    }


def wanted(asked: Asked) -> Iterator[tuple[int, str]]:
    """Places and names of the edges that are asked for."""
    for place, edge in enumerate(EDGES):
        if asked.edges is None or edge in asked.edges:
            yield place, edge


def stamp(pod: Pod, at: float) -> float | None:
    """When it was last scraped by then, if it says anything at all."""
    return at // SCRAPE * SCRAPE if pod.counts(at) else None


# --- tiles ------------------------------------------------------------------------------------


def swift(asked: Asked, pod: Pod, when: Instants) -> Iterator[Series]:
    """Sums at both ends, and the peaks that vouch for them; all series end when their pod does."""
    start, end = when.start, when.end
    counts = {at: pod.counts(at) for at in (start, end)}
    if not any(counts.values()):
        return
    yield from line(pod, "seen", {at: stamp(pod, at) for at in counts})
    if asked.offsets:
        earlier = {at: 1 if pod.counts(at - asked.offsets[0]) else None for at in counts}
        yield from line(pod, "warm", earlier)
    peaks: dict[float, float | None] = {
        at: sum(told.values()) or None for at, told in counts.items()
    }
    yield from line(pod, "peak", peaks)
    for code in ("200", "500"):
        of_code: dict[float, float | None] = {at: told.get(code) for at, told in counts.items()}
        yield from line(pod, None, of_code, response_code=code)
    if not asked.timed:
        return
    buckets = {at: pod.buckets(at) for at in counts}
    every = {at: told[-1] if told else None for at, told in buckets.items()}
    yield from line(pod, "timed peak", every)
    for place, edge in wanted(asked):
        below = {at: told[place] if told else None for at, told in buckets.items()}
        yield from line(pod, None, below, le=edge)


def line(
    pod: Pod, part: str | None, points: Mapping[float, float | None], **more: str
) -> Iterator[Series]:
    """One line of a matrix, rows of counts without a part; none without a point."""
    there = [[at, f"{value:.15g}"] for at, value in points.items() if value is not None]
    if there:
        yield {"metric": named(pod, **of_part(part), **more), "values": there}


def exact(asked: Asked, pod: Pod, when: Instants) -> Iterator[Series]:
    """Growth from the start to the end; what is new counts whole."""
    end = when.end
    start = end - asked.offsets[0]

    def point(part: str | None, value: float | None, **more: str) -> Iterator[Series]:
        if value is not None:
            labels = named(pod, **of_part(part), **more)
            yield {"metric": labels, "value": [end, f"{value:.15g}"]}

    yield from point("known", 1 if was_seen(pod, start - HOUR, start) else None)
    yield from point("end", stamp(pod, end))
    yield from point("start", stamp(pod, start))
    if len(asked.offsets) > 1:
        yield from point("warm", 1 if pod.counts(end - asked.offsets[1]) else None)
    before = pod.counts(start)
    for code, count in pod.counts(end).items():
        yield from point(None, count - before.get(code, 0), response_code=code)
    if asked.timed and (late := pod.buckets(end)):
        early = pod.buckets(start) or [0] * len(EDGES)
        for place, edge in wanted(asked):
            yield from point(None, late[place] - early[place], le=edge)


def of_part(part: str | None) -> Labels:
    """The label that tells the parts of an answer apart."""
    return {} if part is None else {"part": part}


def was_seen(pod: Pod, start: float, end: float) -> bool:
    """Whether it said anything in this time."""
    last = end if pod.gone is None else min(end, pod.gone - SCRAPE)
    return last >= start and bool(pod.counts(last))


# --- the past, and how often is scraped ---------------------------------------------------------


def past(asked: Asked, pod: Pod, when: Instants) -> Iterator[Series]:
    """Growth column by column, where it was there at both ends."""
    window = asked.offsets[0]
    if asked.timed:
        told = {at: pod.buckets(at) for at in widened(when, window)}
        for place, edge in wanted(asked):
            columns = {at: buckets[place] if buckets else None for at, buckets in told.items()}
            yield from growth(pod, when, window, columns, le=edge)
        return
    counts = {at: pod.counts(at) for at in widened(when, window)}
    for code in ("200", "500"):
        # A code that is new counts whole; a pod that is new does not count.
        of_code = {at: told.get(code, 0) if told else None for at, told in counts.items()}
        if any(of_code.values()):
            yield from growth(pod, when, window, of_code, response_code=code)


def widened(when: Instants, window: float) -> Iterator[float]:
    """The instants, and one window before the first."""
    yield round(when.start - window, 3)
    for at in when:
        yield round(at, 3)


def growth(
    pod: Pod, when: Instants, window: float, seen: Mapping[float, int | None], **labels: str
) -> Iterator[Series]:
    """One line of columns."""
    points: list[Sequence[object]] = []
    for at in when:
        late, early = seen[round(at, 3)], seen.get(round(at - window, 3))
        if late is not None and early is not None:
            points.append((at, str(late - early)))
    if points:
        yield {"metric": named(pod, **labels), "values": points}


def scrapes(asked: Asked, known: Known, at: float) -> Iterator[Series]:
    """The busiest series of the workloads; or, of the pod that is named, its samples."""
    there: Iterable[Pod] = [pod for pod in pods(asked, known) if pod.counts(at)]
    if asked.kind is Kind.STEPS:
        for pod in there:
            if pod.name == asked.pod:
                last = at // SCRAPE * SCRAPE
                stamps = [last - n * SCRAPE for n in range(int(LOOKBACK / SCRAPE))]
                points = [[one, "1"] for one in sorted(stamps) if pod.counts(one)]
                yield {"metric": named(pod), "values": points}
        return
    busiest = max(there, key=lambda pod: pod.counts(at)["200"], default=None)
    if busiest is not None:
        labels = named(busiest, reporter="destination", response_code="200")
        yield {"metric": labels, "value": [at, f"{LOOKBACK / SCRAPE:g}"]}


BY_POD = {Kind.SWIFT: swift, Kind.EXACT: exact, Kind.PAST: past}
"""What is answered pod by pod."""
