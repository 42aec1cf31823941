"""What each part of a world is started with, and how it says that it is ready.

Every world has a network namespace of its own, so the addresses are always the same.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import sys
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.world.build import CHOICE, Tools
from tests.world.namespace import POD_ADDRESS
from tests.world.part import Recipe

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TOKEN = "admin-token"  # noqa: S105 - opens nothing outside a world
API = "https://127.0.0.1:6443"
GATEWAY_PORT = 8081
ENVOY_ADMIN = "http://127.0.0.1:18001"
PROMETHEUS = "http://127.0.0.1:9090"
FLEET = "http://127.0.0.1:15020"
POD_PORTS = ("9898", "8080")
TCP_PORT = 9000
# In the order in which they are started.
PARTS = (
    *("etcd", "apiserver", "controllers", "scheduler", "kwok"),
    *("fleet", "mesh", "envoy", "prometheus"),
)
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}
FAST = ("--kube-api-qps", "500", "--kube-api-burst", "1000", "--leader-elect=false")


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one world."""

    folder: Path
    tools: Tools

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        return self.folder / "log" / "audit.log"

    @property
    def ca(self) -> Path:
        return self.tools.pki / "ca.crt"

    def prepare(self) -> None:
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        (self.folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
        shutil.copy(HERE / "prometheus.yml", self.folder)
        (self.folder / "audit.yaml").write_text(json.dumps(POLICY))
        self.kubeconfig.write_text(kubeconfig(API, TOKEN, self.ca))


def kubeconfig(server: str, token: str, ca: Path, namespace: str = "default") -> str:
    """A kubeconfig with one context."""
    cluster = {"server": server, "certificate-authority": str(ca)}
    context = {"cluster": "world", "user": "world", "namespace": namespace}
    made = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "world",
        "contexts": [{"name": "world", "context": context}],
        "clusters": [{"name": "world", "cluster": cluster}],
        "users": [{"name": "world", "user": {"token": token}}],
    }
    return json.dumps(made, indent=1)


def recipes(layout: Layout) -> dict[str, Recipe]:
    """The recipe of each part by name."""
    made = [*_control_plane(layout), *_stand_ins(layout), _envoy(layout), _prometheus(layout)]
    return {recipe.name: recipe for recipe in made}


def _control_plane(layout: Layout) -> list[Recipe]:
    hk, pki, folder = layout.tools.hk, layout.tools.pki, layout.folder
    account_key, config = pki / "sa.key", ("--kubeconfig", layout.kubeconfig)
    local = ("--bind-address", "127.0.0.1", "--cert-dir", folder / "certs")
    etcd = (
        *(hk, "etcd", "--data-dir", "etcd", "--unsafe-no-fsync", "--log-level", "warn"),
        # As kubeadm sets it up: without it a watch of a kind without news has no bookmarks either.
        *("--watch-progress-notify-interval", "5s"),
    )
    apiserver = (
        *(hk, "kube-apiserver", "--etcd-servers", "http://127.0.0.1:2379", *local),
        *("--tls-cert-file", pki / "server.crt", "--tls-private-key-file", pki / "server.key"),
        *("--advertise-address", POD_ADDRESS, "--service-cluster-ip-range", "10.96.0.0/16"),
        *("--allow-privileged", "--token-auth-file", "tokens.csv", "--authorization-mode", "RBAC"),
        *("--event-ttl", "24h"),  # a measurement of hours counts them at its end
        *("--audit-policy-file", "audit.yaml", "--audit-log-path", layout.audit_log),
        *("--service-account-key-file", account_key),
        *("--service-account-signing-key-file", account_key),
        *("--service-account-issuer", "https://kubernetes.default.svc"),
        # Else a SIGTERM waits a minute for the watches to end.
        "--shutdown-send-retry-after",
    )
    controllers = (
        *(hk, "kube-controller-manager", *config, *local, *FAST),
        *("--service-account-private-key-file", account_key, "--root-ca-file", layout.ca),
        *("--concurrent-deployment-syncs", "20"),
    )
    kwok = (
        *(layout.tools.kwok, *config, "--config", layout.tools.stages, "--manage-all-nodes"),
        # Without leases the real node-lifecycle controller takes the node for lost.
        *("--node-lease-duration-seconds", "40", "--cidr", "10.244.0.0/16"),
        *("--node-ip", POD_ADDRESS),
    )
    node = f"{API}/api/v1/nodes/fake"
    return [
        Recipe("etcd", etcd, _answers("http://127.0.0.1:2379/health")),
        Recipe("apiserver", apiserver, _answers(f"{API}/readyz", layout.ca)),
        Recipe("controllers", controllers, _answers("https://127.0.0.1:10257/healthz")),
        Recipe(
            "scheduler",
            (hk, "kube-scheduler", *config, *local, *FAST),
            _answers("https://127.0.0.1:10259/healthz"),
        ),
        Recipe("kwok", kwok, lambda: _is_ready(fetch_json(node, layout.ca))),
    ]


def _is_ready(node: Any) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _stand_ins(layout: Layout) -> list[Recipe]:
    reach = (API, TOKEN, layout.ca)
    mesh = layout.folder / "mesh"
    here = {"PYTHONPATH": str(ROOT)}

    def module(name: str, *args: str | Path) -> tuple[str | Path, ...]:
        return sys.executable, "-m", f"tests.world.{name}", *reach, *args

    ports = (str(GATEWAY_PORT), ENVOY_ADMIN.rpartition(":")[2])
    metrics = FLEET.rpartition(":")[2]
    fleet = module("fleet", layout.folder, metrics, str(TCP_PORT), *POD_PORTS)
    written = mesh / "rds.json"
    return [
        Recipe("fleet", fleet, _answers(FLEET), here),
        Recipe("mesh", module("mesh_standin", mesh, *ports), written.exists, here),
    ]


def _envoy(layout: Layout) -> Recipe:
    command = (
        *(layout.tools.envoy, "-c", layout.folder / "mesh" / "envoy.json", "--concurrency", "1"),
        *("--use-dynamic-base-id", "-l", "warning"),
    )
    return Recipe("envoy", command, _answers(f"{ENVOY_ADMIN}/ready"))


def _prometheus(layout: Layout) -> Recipe:
    tools = layout.tools
    newer = os.environ.get(CHOICE) == "3"
    return prometheus(
        tools.prometheus3 if newer else tools.prometheus,
        layout.folder / "prometheus.yml",
        layout.folder / "prometheus",
        PROMETHEUS,
    )


def prometheus(
    program: Path, config: Path, data: Path, url: str, flags: Sequence[str | Path] = ()
) -> Recipe:
    """A Prometheus of any version; `url` is where it listens."""
    command: tuple[str | Path, ...] = (
        *(program, "--config.file", config, "--storage.tsdb.path", data),
        *("--web.listen-address", url.removeprefix("http://")),
        # Else targets found are scraped up to 5 s later.
        *("--scrape.discovery-reload-interval", "100ms", *flags),
    )
    return Recipe("prometheus", command, _answers(f"{url}/-/ready"))


def fetch(url: str, ca: Path | None = None, timeout: float = 5) -> bytes:
    """A GET, as admin when it goes to the API server."""
    tls = None
    if url.startswith("https:"):
        tls = ssl.create_default_context(cafile=str(ca) if ca else None)
        if ca is None:  # a part with a certificate that it made itself
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {TOKEN}"} if ca else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=tls) as answer:
            body: bytes = answer.read()
            return body
    except http.client.HTTPException as error:
        raise OSError(f"{url}: {error!r}") from error


def fetch_json(url: str, ca: Path | None = None) -> Any:
    return json.loads(fetch(url, ca))


def _answers(url: str, ca: Path | None = None) -> Callable[[], object]:
    return lambda: fetch(url, ca) is not None
