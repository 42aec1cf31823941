"""What the usual exporters say about pods and queues, in their own names and labels.

cAdvisor and kube-state-metrics speak of the pods that run, as `behaviour.py` has them; the fleet
serves both. Whatever belongs to no pod (queues, consumer groups, an application's own numbers) is a
page that a test writes:

    rabbitmq = world.exporter("rabbitmq")
    rabbitmq.set("rabbitmq_queue_messages_ready", 120, queue="orders", vhost="/")
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.world.behaviour import number
from tests.world.mirror import Thing
from tests.world.telemetry import shown

JOBS = ("rabbitmq", "kafka-exporter", "application")
"""The pages that Prometheus asks for; each is the job of its series."""
PERIODS = 10
"""CPU periods a second: the kernel's usual 100 ms."""
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}


class Exporter:
    """One page of made-up series, as they are from the next scrape on."""

    def __init__(self, folder: Path, job: str) -> None:
        if job not in JOBS:
            raise ValueError(f"Prometheus scrapes no job {job!r}; it scrapes {', '.join(JOBS)}")
        self._page = page(folder, job)
        self._series: dict[str, float] = {}

    def set(self, metric: str, value: float, **labels: str) -> None:
        """Give a series this value, until it gets another one."""
        self._series[f"{metric}{{{shown(labels)}}}"] = value
        self._write()

    def remove(self, metric: str, **labels: str) -> None:
        del self._series[f"{metric}{{{shown(labels)}}}"]
        self._write()

    def clear(self) -> None:
        self._series.clear()
        self._write()

    def _write(self) -> None:
        self._page.parent.mkdir(parents=True, exist_ok=True)
        beside = self._page.with_suffix(".new")
        beside.write_text("".join(f"{name} {value}\n" for name, value in self._series.items()))
        beside.replace(self._page)


def page(folder: Path, job: str) -> Path:
    """Where a world keeps the page of a job."""
    return folder / "exporters" / f"{job}.prom"


def read(folder: Path, job: str) -> str:
    """The page as it is now; empty when nothing was written."""
    found = page(folder, job)
    return found.read_text() if job in JOBS and found.exists() else ""


@dataclass(slots=True)
class Periods:
    """The CPU periods of one container, counted up at each scrape."""

    at: float
    all: float = 0
    throttled: float = 0

    def count(self, now: float, share: float) -> None:
        ran = (now - self.at) * PERIODS
        self.at, self.all, self.throttled = now, self.all + ran, self.throttled + ran * share


@dataclass(slots=True)
class Kubelet:
    """cAdvisor's page: each container, and once more the pod as a whole without a container."""

    clock: Callable[[], float] = time.monotonic
    _periods: dict[str, Periods] = field(default_factory=dict)

    def text(self, pods: Iterable[Thing]) -> str:
        return "".join(f"{line}\n" for pod in pods for line in self._lines(pod))

    def _lines(self, pod: Thing) -> Iterator[str]:
        meta, container = pod["metadata"], pod["spec"]["containers"][0]
        now = self.clock()
        periods = self._periods.setdefault(meta["uid"], Periods(now))
        periods.count(now, number(pod, "cpu-throttled"))
        values = {
            "container_cpu_cfs_periods_total": int(periods.all),
            "container_cpu_cfs_throttled_periods_total": int(periods.throttled),
            "container_memory_working_set_bytes": int(number(pod, "memory-bytes")),
            "container_spec_memory_limit_bytes": int(memory_limit(pod)),
        }
        whole = {
            "container": "",
            "id": f"/kubepods/burstable/pod{meta['uid']}",
            "image": "",
            "name": "",
            "namespace": meta["namespace"],
            "pod": meta["name"],
        }
        own = whole | {
            "container": container["name"],
            "id": f"{whole['id']}/{container['name']}",
            "image": container["image"],
            "name": f"{meta['uid']}-{container['name']}",
        }
        for name, value in values.items():
            yield f"{name}{{{shown(own)}}} {value}"
            yield f"{name}{{{shown(whole)}}} {value}"


def kube_state(pods: Iterable[Thing]) -> str:
    """kube-state-metrics' page, as far as containers are concerned."""
    return "".join(f"{line}\n" for pod in pods for line in _state(pod))


def _state(pod: Thing) -> Iterator[str]:
    meta, container = pod["metadata"], pod["spec"]["containers"][0]
    labels = {
        "namespace": meta["namespace"],
        "pod": meta["name"],
        "uid": meta["uid"],
        "container": container["name"],
    }
    statuses = pod["status"].get("containerStatuses", [{}])
    restarts = number(pod, "restarts", statuses[0].get("restartCount", 0))
    yield f"kube_pod_container_status_restarts_total{{{shown(labels)}}} {int(restarts)}"
    if limit := memory_limit(pod):
        more = {"node": pod["spec"].get("nodeName", ""), "resource": "memory", "unit": "byte"}
        yield f"kube_pod_container_resource_limits{{{shown(labels | more)}}} {int(limit)}"


def memory_limit(pod: Thing) -> float:
    """Bytes; 0 is none."""
    limits = pod["spec"]["containers"][0].get("resources", {}).get("limits", {})
    return number(pod, "memory-limit", in_bytes(limits.get("memory", "0")))


def in_bytes(quantity: str) -> float:
    """A Kubernetes quantity of memory."""
    for unit, factor in UNITS.items():
        if quantity.endswith(unit):
            return float(quantity.removesuffix(unit)) * factor
    return float(quantity)
