"""The world's Prometheus shows what Istio and the usual exporters would say of gRPC, hung answers,
TCP, the gateway, containers and queues.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from itertools import count
from operator import eq

import pytest

from tests.world.api import path_of
from tests.world.load import GRPC
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
_numbers = count(1)
Good = float | Callable[[float], bool]


class Seen:
    """Waits for values in Prometheus that are about one namespace."""

    def __init__(self, world: World, namespace: str) -> None:
        self._world, self._namespace = world, namespace

    def wait(self, metric: str, good: Good, **labels: object) -> None:
        """Until the sum of the series of the namespace's workloads is good."""
        self._wait(metric, good, {"destination_workload_namespace": self._namespace} | labels)

    def wait_of_pods(self, metric: str, good: Good, **labels: object) -> None:
        """The same for series of its pods."""
        self._wait(metric, good, {"namespace": self._namespace} | labels)

    def wait_for(self, query: str, good: Good) -> None:
        """The same for a query's first value."""
        is_good = good if callable(good) else partial(eq, good)
        self._world.wait_for(lambda: is_good(self._world.prometheus_query(query)[0].value), query)

    def _wait(self, metric: str, good: Good, labels: dict[str, object]) -> None:
        shown = ",".join(f'{name}="{value}"' for name, value in labels.items())
        self.wait_for(f"sum({metric}{{{shown}}})", good)


@pytest.fixture
def host(world: World, namespace: str) -> str:
    """The podinfo case with all weight on v2."""
    name = f"telemetry-{next(_numbers)}.example"
    world.podinfo(namespace, host=name, weights=(0, 100))
    return name


@pytest.fixture
def seen(world: World, namespace: str) -> Seen:
    return Seen(world, namespace)


def test_grpc_errors_are_answers_of_200_with_a_status(
    world: World, namespace: str, host: str, seen: Seen
) -> None:
    world.send(20, host=host, headers=GRPC)
    world.behave(namespace, "podinfo-v2", error_rate=1, grpc_status=5)
    counts = world.send(10, host=host, headers=GRPC)
    assert {answer.outcome for answer in counts} == {"grpc 5"}
    assert counts.failures == 10
    for reporter in ("source", "destination"):
        grpc = {"reporter": reporter, "request_protocol": "grpc", "response_code": 200}
        for status, wanted in (("0", 20), ("5", 10)):
            labels = grpc | {"grpc_response_status": status}
            seen.wait("istio_requests_total", wanted, **labels)


def test_envoy_tries_unavailable_again_and_only_the_pods_count_each_try(
    world: World, namespace: str, host: str, seen: Seen
) -> None:
    world.behave(namespace, "podinfo-v2", error_rate=1, grpc_status=14)
    world.send(10, host=host, headers=GRPC)
    for reporter, wanted in (("source", 10), ("destination", 30)):
        labels = {"reporter": reporter, "grpc_response_status": 14}
        seen.wait("istio_requests_total", wanted, **labels)


def test_a_request_that_hangs_is_code_0_when_the_client_leaves(
    world: World, namespace: str, host: str, seen: Seen
) -> None:
    world.behave(namespace, "podinfo-v2", hang_rate=1)
    counts = world.send(8, host=host, patience=0.3)
    assert {answer.outcome for answer in counts} == {"timeout"}
    for reporter in ("source", "destination"):
        labels = {"reporter": reporter, "response_code": 0, "response_flags": "DC"}
        seen.wait("istio_requests_total", 8, **labels)
    world.behave(namespace, "podinfo-v2", hang_rate=0)
    assert world.send(8, host=host).failures == 0


def test_a_timeout_of_the_route_is_504_at_the_gateway_and_code_0_at_the_pod(
    world: World, namespace: str, host: str, seen: Seen
) -> None:
    route = path_of("virtualservices", namespace, "podinfo")
    change = [{"op": "add", "path": "/spec/http/0/timeout", "value": "0.3s"}]
    world.api.patch(route, change, "json")
    world.behave(namespace, "podinfo-v2", hang_rate=1)

    def is_timed_out() -> bool:
        return {one.outcome for one in world.send(1, host=host, patience=2)} == {"504"}

    world.wait_for(is_timed_out, "the route's timeout to be in force")
    seen.wait("istio_requests_total", 1, reporter="source", response_flags="UT")
    left = {"response_code": 0, "response_flags": "DC"}
    seen.wait("istio_requests_total", lambda value: value >= 1, reporter="destination", **left)


def test_http_requests_have_no_grpc_status(
    world: World, namespace: str, host: str, seen: Seen
) -> None:
    world.send(5, host=host)
    for reporter in ("source", "destination"):
        labels = {"reporter": reporter, "request_protocol": "http", "grpc_response_status": ""}
        seen.wait("istio_requests_total", 5, **labels)


def test_tcp_connections_and_bytes_are_counted_by_the_pod(
    world: World, namespace: str, host: str, seen: Seen
) -> None:
    assert world.send_tcp(namespace, "podinfo-v2", b"hello", count=3) == b"hello" * 3
    world.behave(namespace, "podinfo-v2", error_rate=1)
    assert world.send_tcp(namespace, "podinfo-v2", b"hello", count=2) == b""
    wanted = {
        "istio_tcp_connections_opened_total": 5,
        "istio_tcp_connections_closed_total": 5,
        "istio_tcp_received_bytes_total": 15,
        "istio_tcp_sent_bytes_total": 15,
    }
    labels = {"destination_workload": "podinfo-v2", "request_protocol": "tcp"}
    for metric, value in wanted.items():
        seen.wait(metric, value, reporter="destination", **labels)


def test_the_gateway_names_itself_and_its_clusters(
    world: World, namespace: str, host: str, seen: Seen
) -> None:
    world.behave(namespace, "podinfo-v2", error_rate=1)
    world.send(6, host=host)
    gateway = {"source_workload": "istio-ingressgateway", "reporter": "source"}
    gateway["source_workload_namespace"] = "istio-system"
    gateway["destination_service"] = f"podinfo.{namespace}.svc.cluster.local"
    seen.wait("istio_requests_total", 6, response_code=500, **gateway)
    cluster = f"outbound|80|v2|podinfo.{namespace}.svc.cluster.local"
    for label in ('response_code="500"', 'response_code_class="5xx"'):
        seen.wait_for(f'envoy_cluster_upstream_rq{{cluster_name="{cluster}",{label}}}', 6)


def test_containers_are_throttled_and_fill_their_memory_as_told(
    world: World, namespace: str, host: str, seen: Seen
) -> None:
    world.behave(namespace, "podinfo-v2", cpu_throttled=0.5, memory_bytes=9e7, memory_limit=1e8)
    world.behave(namespace, "podinfo-v2", restarts=2)
    (pod,) = world.pods(namespace, "podinfo-v2")
    labels = {"pod": pod["metadata"]["name"], "container": "podinfo"}
    throttled = "container_cpu_cfs_throttled_periods_total"
    seen.wait_of_pods(throttled, lambda value: value >= 10, **labels)
    seen.wait_of_pods("container_cpu_cfs_periods_total", lambda value: value >= 20, **labels)
    seen.wait_of_pods("container_memory_working_set_bytes", 9e7, **labels)
    seen.wait_of_pods("container_spec_memory_limit_bytes", 1e8, **labels)
    restarts = "kube_pod_container_status_restarts_total"
    seen.wait_of_pods(restarts, 2, **labels)
    limits, memory = "kube_pod_container_resource_limits", {"resource": "memory", "unit": "byte"}
    seen.wait_of_pods(limits, 1e8, **labels, **memory)
    # As cAdvisor does: the pod as a whole once more, so that a sum without container="…" is double.
    whole = {"pod": pod["metadata"]["name"]}
    seen.wait_of_pods("container_memory_working_set_bytes", 1.8e8, **whole)


def test_the_limit_of_a_container_is_what_its_resources_say(
    world: World, namespace: str, host: str, seen: Seen
) -> None:
    limits = {"name": "podinfo", "resources": {"limits": {"memory": "128Mi"}}}
    change = {"spec": {"template": {"spec": {"containers": [limits]}}}}
    world.kubectl(*("-n", namespace, "patch", "deployment", "podinfo-v1", "-p", json.dumps(change)))
    world.wait_available(namespace, "podinfo-v1")
    seen.wait_of_pods("kube_pod_container_resource_limits", 128 * 2**20, unit="byte")


def test_queues_and_consumers_say_what_a_test_writes(
    world: World, namespace: str, seen: Seen
) -> None:
    rabbitmq, kafka = world.exporter("rabbitmq"), world.exporter("kafka-exporter")
    rabbitmq.set("rabbitmq_queue_messages_ready", 120, queue=namespace, vhost="/")
    kafka.set("kafka_consumergroup_lag", 7, consumergroup=namespace, topic="t", partition="0")
    ready = f'rabbitmq_queue_messages_ready{{job="rabbitmq",queue="{namespace}"}}'
    lag = f'kafka_consumergroup_lag{{job="kafka-exporter",consumergroup="{namespace}"}}'
    seen.wait_for(ready, 120)
    seen.wait_for(lag, 7)
    rabbitmq.set("rabbitmq_queue_messages_ready", 3, queue=namespace, vhost="/")
    seen.wait_for(ready, 3)
    rabbitmq.clear()
    world.wait_for(lambda: not world.prometheus_query(ready), "the queue to be gone")
    with pytest.raises(ValueError, match="no job 'nats'"):
        world.exporter("nats")


def test_new_pods_are_scraped(world: World, namespace: str, host: str) -> None:
    world.set_image(namespace, "podinfo-v2", "ghcr.io/stefanprodan/podinfo:6.8.0")
    world.wait_available(namespace, "podinfo-v2")
    world.wait_scraped(namespace)
    names = {
        one.labels["pod"]
        for one in world.prometheus_query(f'up{{job="pods",namespace="{namespace}"}} == 1')
    }
    staying = [
        pod["metadata"]["name"]
        for pod in world.pods(namespace)
        if "deletionTimestamp" not in pod["metadata"]
    ]
    assert names >= set(staying)
