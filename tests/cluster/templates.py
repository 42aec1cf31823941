"""Series as exporters write them, and what a real Prometheus makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tests.world.exporters import Exporter
from tests.world.world import World

HASH = "6d4cf56db6"
CANARY: Mapping[str, str] = {
    "name": "shop",
    "namespace": "prod",
    "target": "shop-v2",
    "primary": "shop-v1",
    "canary": "shop-v2",
    "service": "shop",
    "revision": HASH,
    "interval": "60s",
    "weight": "10",
}
ONE, TWO = (f"shop-v2-{HASH}-{end}" for end in ("abcde", "fghij"))
OLD, PRIMARY, NEIGHBOUR = (
    "shop-v2-5c8f7d9b4-abcde",
    "shop-v1-7b9c6d5f88-abcde",
    f"other-shop-v2-{HASH}-abcde",
)
LONG_AGO = 1_000_000.0
"""What counters begin with, so that Prometheus takes none for new."""

Labels = Mapping[str, object]


def requests(pod: str, code: int, *, workload: str = "shop-v2", **more: object) -> Labels:
    return {
        "reporter": "destination",
        "destination_workload": workload,
        "destination_workload_namespace": "prod",
        "pod": pod,
        "response_code": code,
        "request_protocol": "http",
        **more,
    }


def sent(code: int, gateway: str = "istio-ingressgateway", workload: str = "shop-v2") -> Labels:
    return {
        "reporter": "source",
        "source_workload": gateway,
        "source_workload_namespace": "istio-system",
        "destination_workload": workload,
        "destination_workload_namespace": "prod",
        "pod": f"{gateway}-abc",
        "response_code": code,
    }


def called(pod: str, code: int, upstream: str) -> Labels:
    return {
        "reporter": "source",
        "source_workload": "shop-v2",
        "source_workload_namespace": "prod",
        "pod": pod,
        "destination_service_name": upstream,
        "response_code": code,
    }


def container(pod: str, name: str = "app") -> Labels:
    return {"namespace": "prod", "pod": pod, "container": name}


REQUESTS = "istio_requests_total"
THROTTLED, PERIODS = (
    "container_cpu_cfs_throttled_periods_total",
    "container_cpu_cfs_periods_total",
)


@dataclass(frozen=True, slots=True)
class Case:
    """Series as they are now and how much their counters grew, and what a template makes of it."""

    id: str
    template: str
    expected: float | None
    """None: no number."""
    grown: Sequence[tuple[str, Labels, float]] = ()
    values: Sequence[tuple[str, Labels, float]] = ()
    given: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture
def page(world: World) -> Iterator[Exporter]:
    """A page that is empty again afterwards."""
    exporter = world.exporter("application")
    yield exporter
    exporter.clear()


def shown(labels: Labels) -> dict[str, str]:
    return {name: str(value) for name, value in labels.items() if value != ""}


def number(world: World, query: str) -> float | None:
    """The one number that a query gives; None when it gives none."""
    series = world.prometheus_query(query)
    assert len(series) <= 1, series
    return series[0].value if series else None


def serve(world: World, page: Exporter, case: Case, mark: str) -> None:
    """Have Prometheus scrape the case's series, counters before and after they grew."""
    seen = f'template_case{{id="{mark}"}}'
    for metric, labels, _ in case.grown:
        page.set(metric, LONG_AGO, **shown(labels))
    page.set("template_case", 1, id=mark)
    world.wait_for(lambda: number(world, seen) == 1, "the counters to be scraped")
    for metric, labels, growth in case.grown:
        page.set(metric, LONG_AGO + growth, **shown(labels))
    for metric, labels, value in case.values:
        page.set(metric, value, **shown(labels))
    page.set("template_case", 2, id=mark)
    world.wait_for(lambda: number(world, seen) == 2, "their growth to be scraped")
