"""Plays istiod for one plain Envoy, with files instead of a stream.

Follows VirtualServices, DestinationRules, Services, EndpointSlices and Pods, and writes what Envoy
reads: cds.json, rds.json, one eds-*.json a cluster (an EDS file may hold only one) and envoy.json
to start from. Names, weights, retries and endpoint metadata are as istiod's, so metrics look alike
too. A VirtualService with a field that is not translated is reported and changes nothing.

    python -m tests.world.mesh_standin SERVER TOKEN CA FOLDER PORT ADMIN_PORT
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.world.mirror import Mirror, connect, workload
from tests.world.telemetry import GATEWAY
from tests.world.translation import RETRY, Json, UnknownFieldError, envoy_routes, only

DOMAIN = "svc.cluster.local"
SERVICES, PODS = "/api/v1/services", "/api/v1/pods"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
RULES = "/apis/networking.istio.io/v1/destinationrules"
ROUTES = "/apis/networking.istio.io/v1/virtualservices"
# As istiod's where a DestinationRule says nothing.
UNLIMITED = dict.fromkeys(
    ("max_connections", "max_pending_requests", "max_requests", "max_retries"), 2**32 - 1
)
DEBOUNCE = 0.1  # seconds, as istiod's PILOT_DEBOUNCE_AFTER
TYPE = "type.googleapis.com/envoy."
# Labels of its own series, as Istio has them. Envoy's rule ends a cluster's name at its first dot.
LABELS = [
    {"tag_name": "cluster_name", "regex": r"^cluster\.((.+?(\..+?\.svc\.cluster\.local)?)\.)"},
    {"tag_name": "response_code", "regex": r"_rq(_(\d{3}))$"},
    {"tag_name": "response_code_class", "regex": r"_rq(_(\dxx))$"},
]


def full(host: str, namespace: str) -> str:
    return host if "." in host or host == "*" else f"{host}.{namespace}.{DOMAIN}"


class Mesh:
    """What the API says now, and Envoy's files for it."""

    def __init__(self, mirror: Mirror, folder: Path) -> None:
        self._mirror = mirror
        self._folder = folder
        self._services: dict[str, Json] = {
            f"{name}.{namespace}.{DOMAIN}": service
            for (namespace, name), service in mirror[SERVICES].items()
        }
        self._slices: dict[tuple[str, str], list[Json]] = {}
        for (namespace, _), piece in mirror[SLICES].items():
            labels = piece["metadata"].get("labels", {})
            owner = labels.get("kubernetes.io/service-name", "")
            self._slices.setdefault((namespace, owner), []).append(piece)

    def files(self) -> dict[str, list[Json]]:
        """Each file's resources; routes last, after what they name."""
        clusters, loads = [], {}
        for name, labels, service, port in self._clusters():
            file = f"eds-{name.replace('|', '-')}.json"
            clusters.append(
                {
                    "@type": TYPE + "config.cluster.v3.Cluster",
                    "name": name,
                    "type": "EDS",
                    "connect_timeout": "10s",
                    "circuit_breakers": {"thresholds": [UNLIMITED]},
                    "eds_cluster_config": {"eds_config": source(self._folder / file)},
                }
            )
            ends = {"lb_endpoints": list(self._endpoints(labels, service, port))}
            loads[file] = [
                {
                    "@type": TYPE + "config.endpoint.v3.ClusterLoadAssignment",
                    "cluster_name": name,
                    "endpoints": [ends],
                }
            ]
        routes = {
            "@type": TYPE + "config.route.v3.RouteConfiguration",
            "name": "http",
            "virtual_hosts": [_virtual_host(*item) for item in self._hosts().items()],
            "validate_clusters": False,
            "ignore_port_in_host_matching": True,
        }
        return loads | {"cds.json": clusters, "rds.json": [routes]}

    def _clusters(self) -> Iterator[tuple[str, dict[str, str], Json, Json]]:
        """(name, subset labels, service, port) for each port and subset of each service."""
        subsets: dict[str, list[Json]] = {}
        for (namespace, _), rule in self._mirror[RULES].items():
            host = full(rule["spec"]["host"], namespace)
            subsets.setdefault(host, []).extend(rule["spec"].get("subsets", []))
        for host, service in self._services.items():
            for port in service["spec"].get("ports", []):
                for subset in [{"name": "", "labels": {}}, *subsets.get(host, [])]:
                    name = f"outbound|{port['port']}|{subset['name']}|{host}"
                    yield name, subset.get("labels", {}), service, port

    def _endpoints(self, labels: dict[str, str], service: Json, port: Json) -> Iterator[Json]:
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        wanted = port.get("name", "")
        for piece in self._slices.get((namespace, name), []):
            ports = {one.get("name", ""): one["port"] for one in piece.get("ports") or []}
            for end in piece.get("endpoints") or []:
                pod = self._mirror[PODS].get((namespace, end.get("targetRef", {}).get("name")))
                if pod is None or wanted not in ports:
                    continue
                has = pod["metadata"].get("labels", {})
                unready = end.get("conditions", {}).get("ready") is False
                if unready or labels.items() - has.items():
                    continue
                at = {"address": end["addresses"][0], "port_value": ports[wanted]}
                about = {"istio": {"workload": _identity(pod)}}
                yield {
                    "endpoint": {"address": {"socket_address": at}},
                    "metadata": {"filter_metadata": about},
                }

    def _hosts(self) -> dict[str, list[Json]]:
        """{host: routes}: VirtualServices of one host by age, then services without any."""
        found: dict[str, list[Json]] = {}
        age = sorted(
            self._mirror[ROUTES].items(), key=lambda item: item[1]["metadata"]["creationTimestamp"]
        )
        for (namespace, name), service in age:
            try:
                spec = only(service["spec"], "hosts", "gateways", "http", "exportTo")
                made = [
                    envoy
                    for route in spec.get("http", [])
                    for envoy in envoy_routes(route, partial(self._cluster, namespace))
                ]
            except UnknownFieldError as error:
                raise UnknownFieldError(f"VirtualService {namespace}/{name}: {error}") from error
            for host in spec["hosts"]:
                found.setdefault(full(host, namespace), []).extend(made)
        for host, service in self._services.items():
            if host not in found and service["spec"].get("ports"):
                to = {"cluster": self._cluster("", {"host": host}), "timeout": "0s"}
                found[host] = [{"match": {"prefix": "/"}, "route": to | {"retry_policy": RETRY}}]
        return found

    def _cluster(self, namespace: str, destination: Json) -> str:
        host = full(only(destination, "host", "subset", "port")["host"], namespace)
        service = self._services.get(host, {"spec": {"ports": [{"port": 80}]}})
        port = destination.get("port", {}).get("number", service["spec"]["ports"][0]["port"])
        return f"outbound|{port}|{destination.get('subset', '')}|{host}"


def _identity(pod: Json) -> str:
    """workload;namespace;app;version;cluster, as istiod puts it beside each endpoint."""
    labels = pod["metadata"].get("labels", {})
    app = labels.get("service.istio.io/canonical-name", labels.get("app", workload(pod)))
    version = labels.get("service.istio.io/canonical-revision", labels.get("version", "latest"))
    return f"{workload(pod)};{pod['metadata']['namespace']};{app};{version};Kubernetes"


def _virtual_host(host: str, routes: list[Json]) -> Json:
    short = host.removesuffix("." + DOMAIN)
    names = {host, short, short + ".svc"} if short != host else {host}
    return {"name": host, "domains": sorted(names), "routes": routes}


def source(file: Path) -> Json:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(file)}}


def bootstrap(folder: Path, port: int, admin: int) -> Json:
    """What Envoy starts with: one listener, the files, Istio's two metrics by reporter source."""
    tags = {
        "reporter": "source",
        "destination": "%METADATA(UPSTREAM_HOST:istio:workload)%",
        "upstream_cluster": "%UPSTREAM_CLUSTER%",  # outbound|port|subset|host
        "response_code": "%RESPONSE_CODE%",
        "response_flags": "%RESPONSE_FLAGS%",
        "request_protocol": "%REQ(CONTENT-TYPE)%",  # Istio, too, knows gRPC by it
        "grpc_response_status": "%GRPC_STATUS_NUMBER%",
        **GATEWAY,
    }
    made = [{"name": name, "value_format": value} for name, value in tags.items()]
    duration: Json = {"stat": {"name": "request_duration_milliseconds", "tags": made}}
    metrics = {
        "@type": TYPE + "extensions.access_loggers.stats.v3.Config",
        "stat_prefix": "istio",
        "counters": [{"stat": {"name": "requests_total", "tags": made}, "value_fixed": 1}],
        "histograms": [duration | {"unit": "Milliseconds", "value_format": "%DURATION%"}],
    }
    router = {"@type": TYPE + "extensions.filters.http.router.v3.Router"}
    manager: Json = {
        "@type": TYPE + "extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "http",
        "normalize_path": True,
        "rds": {"route_config_name": "http", "config_source": source(folder / "rds.json")},
        "access_log": [{"name": "istio", "typed_config": metrics}],
        "http_filters": [{"name": "router", "typed_config": router}],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    listener = {"name": "http", "address": _local(port), "filter_chains": [chain]}
    return {
        "node": {"id": "stand-in", "cluster": "stand-in"},
        "admin": {"address": _local(admin)},
        "dynamic_resources": {"cds_config": source(folder / "cds.json")},
        "stats_config": {"use_all_default_tags": False, "stats_tags": LABELS},
        "static_resources": {"listeners": [listener]},
    }


def _local(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


class Files:
    """Replaces a file when its content changes: Envoy follows moves, not writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: dict[str, str] = {}

    def write(self, name: str, thing: Any) -> None:
        body = json.dumps(thing, indent=1)
        if self._last.get(name) != body:
            beside = self._folder / f"{name}.new"
            beside.write_text(body)
            beside.replace(self._folder / name)
            self._last[name] = body


def main(args: list[str]) -> None:
    mirror = connect(args, [SERVICES, SLICES, PODS, RULES, ROUTES])
    folder = Path(args[3]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(folder)
    files.write("envoy.json", bootstrap(folder, int(args[4]), int(args[5])))
    while mirror.changed.wait():
        mirror.changed.clear()
        time.sleep(DEBOUNCE)
        try:
            wanted = Mesh(mirror, folder).files()
        except UnknownFieldError as error:
            print(f"kept the last configuration: {error}", file=sys.stderr, flush=True)
            continue
        for name, resources in wanted.items():
            files.write(name, {"resources": resources})


if __name__ == "__main__":
    main(sys.argv[1:])
