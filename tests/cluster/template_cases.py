"""Series of every kind, and the number that a ready template must make of them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.cluster.templates import (
    NEIGHBOUR,
    OLD,
    ONE,
    PERIODS,
    PRIMARY,
    REQUESTS,
    THROTTLED,
    TWO,
    Case,
    Labels,
    called,
    container,
    requests,
    sent,
)

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
