"""A running world: a real API server, Envoy and Prometheus, and pods that answer as tests say.

Only inside the namespace that `python -m tests.world run` makes. Everything is synchronous.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Unpack

from tests.world import gateway
from tests.world.api import path_of
from tests.world.behaviour import Knobs, notes
from tests.world.cluster import Cluster
from tests.world.exporters import Exporter
from tests.world.load import PATIENCE, Asking, Counts, Load, exchange, send
from tests.world.mirror import workload as workload_of
from tests.world.pki import Tls
from tests.world.plan import (
    API,
    ENVOY_ADMIN,
    FLEET,
    GATEWAY_PORT,
    PROMETHEUS,
    TCP_PORT,
    fetch_json,
)
from tests.world.podinfo import podinfo
from tests.world.prometheus import Series, ask
from tests.world.proxy import FaultProxy


class World(Cluster):
    """One world. `with World.start(folder, tools) as world: …` ends all of it."""

    prometheus_url = PROMETHEUS
    gateway_url = f"http://127.0.0.1:{GATEWAY_PORT}"

    # --- workloads --------------------------------------------------------------------------------

    def podinfo(
        self,
        namespace: str = "demo",
        *,
        host: str = "*",
        replicas: int = 1,
        weights: tuple[int, int] = (90, 10),
    ) -> None:
        """Apply the podinfo 90/10 case, and wait until Envoy splits by it to ready pods."""
        self.apply(podinfo(namespace, host=host, replicas=replicas, weights=weights))
        for name in ("podinfo-v1", "podinfo-v2"):
            self.wait_available(namespace, name)
        first, second = weights
        self.wait_weights({"v1": first, "v2": second}, host=host)
        service = f"podinfo.{namespace}.svc.cluster.local"
        self.wait_for(
            lambda: all(len(self.endpoints(service, v)) == replicas for v in ("v1", "v2")),
            f"Envoy to know the pods of {service}",
        )

    def wait_available(self, namespace: str, deployment: str) -> None:
        """Wait until the newest template of a Deployment is rolled out and ready."""

        def rolled_out() -> bool:
            found = self.get("deployments", namespace, deployment)
            status, wanted = found.get("status", {}), found["spec"]["replicas"]
            counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
            seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
            return seen and all(status.get(count, 0) == wanted for count in counts)

        self.wait_for(rolled_out, f"Deployment {namespace}/{deployment} to be rolled out")

    def set_image(
        self, namespace: str, deployment: str, image: str, **behaviour: Unpack[Knobs]
    ) -> None:
        """Push: a new image, with the behaviour that its pods have from their first answer on."""
        container = self.get("deployments", namespace, deployment)["spec"]["template"]["spec"]
        containers = [{"name": container["containers"][0]["name"], "image": image}]
        template: dict[str, Any] = {"spec": {"containers": containers}}
        if turned := notes(behaviour):
            template["metadata"] = {"annotations": turned}
        path = path_of("deployments", namespace, deployment)
        self.api.patch(path, {"spec": {"template": template}}, "strategic")

    def pods(self, namespace: str, workload: str | None = None) -> list[dict[str, Any]]:
        """The pods of a namespace, or of one of its Deployments."""
        found = self.api.list(path_of("pods", namespace))
        return [pod for pod in found if workload in {None, workload_of(pod)}]

    def behave(
        self, namespace: str, workload: str | None = None, **behaviour: Unpack[Knobs]
    ) -> None:
        """Turn the behaviour of the pods that are there (no new ReplicaSet), and wait for it."""
        turned = notes(behaviour)
        names = [pod["metadata"]["name"] for pod in self.pods(namespace, workload)]
        for name in names:
            path = path_of("pods", namespace, name)
            self.api.patch(path, {"metadata": {"annotations": turned}})

        def in_force() -> bool:
            seen = fetch_json(f"{FLEET}/behaviour")
            return all(turned.items() <= seen[f"{namespace}/{name}"].items() for name in names)

        self.wait_for(in_force, f"the pods {names} to behave so")

    def pod_unready(self, namespace: str, name: str) -> None:
        """As when its readiness probe fails; it stays so until `pod_ready`."""
        self._ready(namespace, name, ready=False)

    def pod_ready(self, namespace: str, name: str) -> None:
        self._ready(namespace, name, ready=True)

    def _ready(self, namespace: str, name: str, *, ready: bool) -> None:
        path = path_of("pods", namespace, name)
        pod = self.api.get(path)
        containers = [dict(one, ready=ready) for one in pod["status"].get("containerStatuses", [])]
        now = "True" if ready else "False"
        conditions = [{"type": kind, "status": now} for kind in ("Ready", "ContainersReady")]
        status = {"conditions": conditions, "containerStatuses": containers}
        # Strategic: the other conditions stay.
        self.api.patch(f"{path}/status", {"status": status}, "strategic")

    # --- Envoy ------------------------------------------------------------------------------------

    def envoy_weights(self, host: str = "*", route: str | int | None = None) -> dict[str, int]:
        """{subset: weight} of a route as Envoy has it now; a subset without any is there with 0.

        The route by its name in the VirtualService or its place; else the last one that splits.
        """
        return gateway.weights(fetch_json(f"{ENVOY_ADMIN}/config_dump"), host, route)

    def wait_weights(
        self, wanted: Mapping[str, int], host: str = "*", route: str | int | None = None
    ) -> None:
        self.wait_for(
            lambda: _same(self.envoy_weights(host, route), wanted), f"Envoy to split {dict(wanted)}"
        )

    def endpoints(self, service: str, subset: str = "") -> set[str]:
        """The pod addresses to which Envoy would send requests for this host and subset."""
        return gateway.endpoints(fetch_json(f"{ENVOY_ADMIN}/clusters?format=json"), service, subset)

    def load(
        self,
        rate: float = 100,
        *,
        path: str = "/",
        host: str = "world",
        headers: Mapping[str, str] | None = None,
        connections: int = 16,
        patience: float = PATIENCE,
    ) -> Load:
        """Requests through Envoy at a rate, for the length of a `with`."""
        ask = Asking(GATEWAY_PORT, path, {"host": host, **(headers or {})}, patience)
        return Load(ask, rate=rate, connections=connections)

    def send(
        self,
        count: int,
        *,
        path: str = "/",
        host: str = "world",
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> Counts:
        """Exactly so many requests through Envoy, as fast as they are answered."""
        named = {"host": host, **(headers or {})}
        return send(Asking(GATEWAY_PORT, path, named, patience), count)

    def send_tcp(self, namespace: str, workload: str, data: bytes = b"x", count: int = 1) -> bytes:
        """So many TCP connections to each pod, one after the other, past Envoy; what came back."""
        addresses = [pod["status"]["podIP"] for pod in self.pods(namespace, workload)]
        places = [(address, TCP_PORT) for address in addresses for _ in range(count)]
        return b"".join(exchange(place, data) for place in places)

    # --- Prometheus -------------------------------------------------------------------------------

    def prometheus_query(self, query: str) -> list[Series]:
        """An instant query, sent past every fault proxy."""
        return ask(PROMETHEUS, query)

    def exporter(self, job: str) -> Exporter:
        """A page of made-up series that Prometheus scrapes; the jobs are in `exporters.JOBS`."""
        return Exporter(self.folder, job)

    def wait_scraped(self, namespace: str, workload: str | None = None) -> None:
        """Wait until Prometheus has asked each of the pods that are there to stay."""
        query = f'up{{job="pods",namespace="{namespace}"}} == 1'

        def all_are() -> bool:
            found = (pod["metadata"] for pod in self.pods(namespace, workload))
            wanted = {meta["name"] for meta in found if "deletionTimestamp" not in meta}
            return wanted <= {one.labels["pod"] for one in self.prometheus_query(query)}

        self.wait_for(all_are, f"Prometheus to scrape the pods of {workload or namespace}")

    # --- fault proxies ----------------------------------------------------------------------------

    @contextmanager
    def api_proxy(self, port: int = 0) -> Iterator[FaultProxy]:
        """A proxy before the API server, with TLS that the world's CA vouches for."""
        pki = self.tools.pki
        with FaultProxy(
            API, tls=Tls(pki / "server.crt", pki / "server.key", self.ca_file), port=port
        ) as proxy:
            yield proxy

    @contextmanager
    def prometheus_proxy(self, port: int = 0) -> Iterator[FaultProxy]:
        """A proxy before Prometheus."""
        with FaultProxy(PROMETHEUS, port=port) as proxy:
            yield proxy


def _same(seen: Mapping[str, int], wanted: Mapping[str, int]) -> bool:
    return all(seen.get(name, 0) == wanted.get(name, 0) for name in seen.keys() | wanted.keys())
