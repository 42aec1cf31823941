"""What the ready templates say of real pods under load, and of their exporters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.cluster.templates import CANARY, number
from tests.wire.ready import asked
from tests.world.load import GRPC
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


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
