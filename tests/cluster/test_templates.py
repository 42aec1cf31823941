"""What the ready templates say of series that a real Prometheus scraped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.wire.ready import FILES, FOLDER, NAMES, asked
from tests.world.exporters import Exporter
from tests.world.load import GRPC
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

CRDS = Path(__file__).parents[2] / "crds"
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


OTHERS: Sequence[tuple[str, Labels, float]] = [
    (REQUESTS, requests(OLD, 500), 700),
    (REQUESTS, requests(PRIMARY, 500, workload="shop-v1"), 800),
    (REQUESTS, requests(NEIGHBOUR, 500, workload="other-shop-v2"), 900),
    (REQUESTS, {**requests(ONE, 500), "reporter": "source"}, 600),
    (REQUESTS, {**requests(ONE, 500), "destination_workload_namespace": "test"}, 500),
]
"""Requests that are not the judged revision's."""
BUCKETS = {"50": 60.0, "100": 90.0, "250": 100.0, "+Inf": 100.0}
DURATION = "istio_request_duration_milliseconds"

CASES = [
    Case(
        "codes",
        "istio-http-success-rate",
        90,
        [
            (REQUESTS, requests(ONE, 200), 60),
            (REQUESTS, requests(TWO, 404), 30),
            (REQUESTS, requests(ONE, 503), 6),
            (REQUESTS, requests(TWO, 0), 4),
            *OTHERS,
        ],
    ),
    Case("all-bad", "istio-http-success-rate", 0, [(REQUESTS, requests(ONE, 500), 9), *OTHERS]),
    Case("quiet", "istio-http-success-rate", None, [(REQUESTS, requests(ONE, 200), 0), *OTHERS]),
    Case("unseen", "istio-http-success-rate", None, OTHERS),
    Case(
        "median",
        "istio-http-latency",
        50 * 50 / 60,
        [
            *((f"{DURATION}_bucket", requests(ONE, 200, le=le), n) for le, n in BUCKETS.items()),
            (f"{DURATION}_count", requests(ONE, 200), 100),
            (f"{DURATION}_bucket", requests(OLD, 200, le="+Inf"), 900),
        ],
        given={"quantile": "0.5"},
    ),
    Case(
        "quantile",
        "istio-http-latency",
        100 + 150 * 9 / 10,
        [
            *((f"{DURATION}_bucket", requests(ONE, 200, le=le), n) for le, n in BUCKETS.items()),
            (f"{DURATION}_count", requests(ONE, 200), 100),
        ],
    ),
    Case(
        "quiet",
        "istio-http-latency",
        None,
        [
            *((f"{DURATION}_bucket", requests(ONE, 200, le=le), 0) for le in BUCKETS),
            (f"{DURATION}_count", requests(ONE, 200), 0),
        ],
    ),
    Case(
        "statuses",
        "istio-grpc-success-rate",
        75,
        [
            (REQUESTS, requests(ONE, 200, request_protocol="grpc", grpc_response_status=0), 50),
            (REQUESTS, requests(ONE, 200, request_protocol="grpc", grpc_response_status=5), 25),
            (REQUESTS, requests(TWO, 200, request_protocol="grpc", grpc_response_status=13), 20),
            (REQUESTS, requests(ONE, 503, request_protocol="grpc"), 5),
            (REQUESTS, requests(ONE, 500), 400),
        ],
    ),
    Case(
        "own-good",
        "istio-grpc-success-rate",
        50,
        [
            (REQUESTS, requests(ONE, 200, request_protocol="grpc", grpc_response_status=0), 50),
            (REQUESTS, requests(ONE, 200, request_protocol="grpc", grpc_response_status=5), 50),
        ],
        given={"good": "0"},
    ),
    Case("http-only", "istio-grpc-success-rate", None, [(REQUESTS, requests(ONE, 200), 60)]),
    Case(
        "gateway",
        "ingress-gateway-success-rate",
        98,
        [
            (REQUESTS, sent(200), 98),
            (REQUESTS, sent(503), 2),
            (REQUESTS, sent(503, workload="shop-v1"), 50),
            (REQUESTS, sent(503, gateway="internal"), 50),
        ],
    ),
    Case(
        "other-gateway",
        "ingress-gateway-success-rate",
        50,
        [
            (REQUESTS, sent(200), 98),
            (REQUESTS, sent(200, gateway="internal"), 50),
            (REQUESTS, sent(503, gateway="internal"), 50),
        ],
        given={"gateway": "internal"},
    ),
    Case(
        "calls",
        "istio-upstream-error-rate",
        5,
        [
            (REQUESTS, called(ONE, 200, "cart"), 95),
            (REQUESTS, called(TWO, 503, "cart"), 5),
            (REQUESTS, called(OLD, 503, "cart"), 50),
        ],
    ),
    Case(
        "one-upstream",
        "istio-upstream-error-rate",
        0,
        [(REQUESTS, called(ONE, 200, "cart"), 90), (REQUESTS, called(ONE, 500, "mail"), 90)],
        given={"upstream": "cart"},
    ),
    Case(
        "steady-burn",
        "slo-burn-rate",
        20,
        [(REQUESTS, requests(ONE, 200), 98), (REQUESTS, requests(ONE, 500), 2), *OTHERS],
    ),
    Case(
        "objective",
        "slo-burn-rate",
        2,
        [(REQUESTS, requests(ONE, 200), 98), (REQUESTS, requests(ONE, 500), 2)],
        given={"objective": "99"},
    ),
    Case("no-burn", "slo-burn-rate", 0, [(REQUESTS, requests(ONE, 200), 98), *OTHERS]),
    Case("quiet", "slo-burn-rate", None, [(REQUESTS, requests(ONE, 200), 0)]),
    Case(
        "throttled",
        "cpu-throttling",
        25,
        [
            (PERIODS, container(ONE), 300),
            (THROTTLED, container(ONE), 75),
            (PERIODS, container(ONE, ""), 300),
            (THROTTLED, container(ONE, ""), 300),
            (PERIODS, container(OLD), 300),
            (THROTTLED, container(OLD), 300),
        ],
    ),
    Case(
        "one-container",
        "cpu-throttling",
        10,
        [
            (PERIODS, container(ONE), 300),
            (THROTTLED, container(ONE), 30),
            (PERIODS, container(ONE, "istio-proxy"), 300),
            (THROTTLED, container(ONE, "istio-proxy"), 300),
        ],
        given={"container": "app"},
    ),
    Case("no-limit", "cpu-throttling", None, [(PERIODS, container(OLD), 300)]),
    Case(
        "fullest",
        "memory-saturation",
        80,
        values=[
            ("container_memory_working_set_bytes", container(ONE), 8e8),
            ("container_spec_memory_limit_bytes", container(ONE), 1e9),
            ("container_memory_working_set_bytes", container(TWO), 1e8),
            ("container_spec_memory_limit_bytes", container(TWO), 1e9),
            ("container_memory_working_set_bytes", container(ONE, "unlimited"), 9e9),
            ("container_spec_memory_limit_bytes", container(ONE, "unlimited"), 0),
            ("container_memory_working_set_bytes", container(OLD), 9e8),
            ("container_spec_memory_limit_bytes", container(OLD), 1e9),
        ],
    ),
    Case(
        "unlimited",
        "memory-saturation",
        None,
        values=[
            ("container_memory_working_set_bytes", container(ONE), 8e8),
            ("container_spec_memory_limit_bytes", container(ONE), 0),
        ],
    ),
    Case(
        "limit-of-kube-state-metrics",
        "memory-saturation",
        40,
        values=[
            ("container_memory_working_set_bytes", container(ONE), 8e8),
            (
                "kube_pod_container_resource_limits",
                {**container(ONE), "resource": "memory", "unit": "byte"},
                2e9,
            ),
            (
                "kube_pod_container_resource_limits",
                {**container(ONE), "resource": "cpu", "unit": "core"},
                2,
            ),
        ],
    ),
    Case(
        "of-new-pods",
        "container-restarts",
        3,
        values=[
            ("kube_pod_container_status_restarts_total", container(ONE), 1),
            ("kube_pod_container_status_restarts_total", container(TWO), 2),
            ("kube_pod_container_status_restarts_total", container(OLD), 7),
        ],
    ),
    Case(
        "fullest",
        "jvm-heap",
        60,
        values=[
            ("jvm_memory_used_bytes", {**container(ONE), "area": "heap", "id": "Eden"}, 1e8),
            ("jvm_memory_max_bytes", {**container(ONE), "area": "heap", "id": "Eden"}, -1),
            ("jvm_memory_used_bytes", {**container(ONE), "area": "heap", "id": "Old"}, 5e8),
            ("jvm_memory_max_bytes", {**container(ONE), "area": "heap", "id": "Old"}, 1e9),
            ("jvm_memory_used_bytes", {**container(ONE), "area": "nonheap", "id": "Code"}, 9e8),
        ],
    ),
    Case(
        "waiting",
        "rabbitmq-queue-depth",
        120,
        values=[
            ("rabbitmq_queue_messages_ready", {"queue": "orders", "vhost": "/"}, 120),
            ("rabbitmq_queue_messages_ready", {"queue": "orders", "vhost": "test"}, 9),
            ("rabbitmq_queue_messages_ready", {"queue": "mails", "vhost": "/"}, 9),
        ],
        given={"queue": "orders"},
    ),
    Case(
        "lag",
        "kafka-consumer-lag",
        30,
        values=[
            ("kafka_consumergroup_lag", {"consumergroup": "a", "topic": "t", "partition": 0}, 30),
            ("kafka_consumergroup_lag", {"consumergroup": "a", "topic": "t", "partition": 1}, -1),
            ("kafka_consumergroup_lag", {"consumergroup": "b", "topic": "t", "partition": 0}, 9),
        ],
        given={"group": "a"},
    ),
]


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


@pytest.mark.parametrize("case", CASES, ids=[f"{case.template}-{case.id}" for case in CASES])
def test_a_template_gives_the_number_that_the_series_mean(
    world: World, page: Exporter, case: Case
) -> None:
    # A namespace of its own keeps the series of one case out of the next one's window.
    namespace = f"case-{CASES.index(case)}"

    def moved(series: Sequence[tuple[str, Labels, float]]) -> list[tuple[str, Labels, float]]:
        return [
            (metric, {k: namespace if v == "prod" else v for k, v in labels.items()}, value)
            for metric, labels, value in series
        ]

    here = Case(case.id, case.template, case.expected, moved(case.grown), moved(case.values))
    serve(world, page, here, mark=namespace)
    found = number(world, asked(case.template, {**CANARY, "namespace": namespace}, **case.given))

    if case.expected is None:
        assert found is None
    else:
        assert found == pytest.approx(case.expected)


def test_every_template_is_tried() -> None:
    by_fleet = {"pod-cpu", "istio-tcp-connections", "istio-tcp-bytes"}

    assert {case.template for case in CASES} | by_fleet == set(NAMES)


def test_the_busiest_pods_cpu_is_found(world: World, page: Exporter) -> None:
    usage, pods = "container_cpu_usage_seconds_total", {ONE: 30.0, TWO: 1.0, OLD: 900.0}
    grown = [(usage, {**container(pod), "namespace": "cpu"}, by) for pod, by in pods.items()]
    serve(world, page, Case("cpu", "pod-cpu", None, grown), mark="cpu")
    busiest = number(world, asked("pod-cpu", {**CANARY, "namespace": "cpu"}))
    quiet = number(world, f'rate({usage}{{namespace="cpu", pod="{TWO}"}}[60s])')

    assert busiest is not None
    assert quiet is not None
    assert busiest / quiet == pytest.approx(30, rel=0.1), "asked at two instants"


def test_kubectl_applies_all_of_them_to_the_whole_cluster(world: World) -> None:
    world.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(CRDS))
    world.kubectl("wait", "--for=condition=established", "--all", "crd", "--timeout=60s")
    world.kubectl("apply", "--server-side", "-k", str(FOLDER))
    names = world.kubectl("get", "-k", str(FOLDER), "-o", "name").split()

    assert len(names) == len(FILES)


@dataclass(frozen=True, slots=True)
class Live:
    """The podinfo case, and what templates say of its canary."""

    world: World
    namespace: str
    host: str

    @property
    def variables(self) -> dict[str, str]:
        (pod,) = self.world.pods(self.namespace, "podinfo-v2")
        revision = pod["metadata"]["labels"]["pod-template-hash"]
        names = {"namespace": self.namespace, "canary": "podinfo-v2", "primary": "podinfo-v1"}
        return {**CANARY, **names, "revision": revision, "interval": "10s"}

    def value(self, template: str, **given: str) -> float | None:
        return number(self.world, asked(template, self.variables, **given))

    def wait(self, template: str, holds: Callable[[float], bool], **given: str) -> None:
        def held() -> bool:
            value = self.value(template, **given)
            return value is not None and holds(value)

        self.world.wait_for(held, f"{template} to be so")


@pytest.fixture
def live(world: World, namespace: str) -> Live:
    host = f"{namespace}.example"
    world.podinfo(namespace, host=host, weights=(50, 50))
    world.wait_scraped(namespace)
    return Live(world, namespace, host)


def test_requests_to_real_pods_are_judged(live: Live) -> None:
    assert live.value("istio-http-success-rate") is None
    live.world.behave(live.namespace, "podinfo-v2", delay_ms=60)
    with live.world.load(rate=50, host=live.host):
        live.wait("istio-http-success-rate", lambda value: value == 100)
        live.wait("istio-http-latency", lambda value: 50 < value <= 100)
        live.wait("slo-burn-rate", lambda value: value == 0, short="5s")
        live.world.behave(live.namespace, "podinfo-v2", error_rate=1.0, delay_ms=0)
        live.wait("istio-http-success-rate", lambda value: value == 0)
        live.wait("slo-burn-rate", lambda value: value == pytest.approx(1000), short="5s")
    live.world.wait_for(
        lambda: live.value("istio-http-success-rate") is None, "no traffic to be no number"
    )


def test_grpc_calls_to_real_pods_are_judged(live: Live) -> None:
    with live.world.load(rate=50, host=live.host, headers=GRPC):
        live.wait("istio-grpc-success-rate", lambda value: value == 100)
        live.world.behave(live.namespace, "podinfo-v2", error_rate=1.0)
        live.wait("istio-grpc-success-rate", lambda value: value == 0)


def test_tcp_connections_to_real_pods_are_counted(live: Live) -> None:
    def flowing() -> bool:
        live.world.send_tcp(live.namespace, "podinfo-v2", data=b"x" * 1000, count=10)
        opened = live.value("istio-tcp-connections")
        sent = live.value("istio-tcp-bytes")
        received = live.value("istio-tcp-bytes", direction="received")
        return bool(opened and sent == received == pytest.approx(1000 * opened))

    live.world.wait_for(flowing, "a thousand bytes per connection")


def test_containers_of_real_pods_are_looked_at(live: Live) -> None:
    live.world.behave(
        live.namespace,
        "podinfo-v2",
        cpu_throttled=0.5,
        memory_bytes=3e8,
        memory_limit=4e8,
        restarts=2,
    )
    live.wait("cpu-throttling", lambda value: 45 < value < 55)
    live.wait("memory-saturation", lambda value: value == pytest.approx(75))
    live.wait("container-restarts", lambda value: value == 2)
    live.wait("container-restarts", lambda value: value == 0)


def test_a_queue_and_a_topic_are_asked_of_their_exporters(world: World) -> None:
    rabbitmq, kafka = world.exporter("rabbitmq"), world.exporter("kafka-exporter")
    rabbitmq.set("rabbitmq_queue_messages_ready", 7, queue="bills", vhost="/")
    kafka.set("kafka_consumergroup_lag", 40, consumergroup="bills", topic="b", partition="0")
    try:
        world.wait_for(
            lambda: number(world, asked("rabbitmq-queue-depth", CANARY, queue="bills")) == 7,
            "the queue's depth",
        )
        world.wait_for(
            lambda: number(world, asked("kafka-consumer-lag", CANARY, group="bills")) == 40,
            "the group's lag",
        )
    finally:
        rabbitmq.clear()
        kafka.clear()
