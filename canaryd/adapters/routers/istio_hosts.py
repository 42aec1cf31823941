"""Istio's names of hosts, and what labels select; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

_SERVICE_PARTS = 2


class Host(NamedTuple):
    """A host in full form: a Service, or a name outside of the cluster (namespace is empty)."""

    name: str
    namespace: str

    @property
    def words(self) -> str:
        """The full name."""
        return f"{self.name}.{self.namespace}.svc.cluster.local" if self.namespace else self.name


def full(host: str, namespace: str) -> Host:
    """Resolve `name`, `name.ns`, `name.ns.svc` and `name.ns.svc.cluster.local`."""
    name, *rest = host.rstrip(".").lower().split(".")
    if not rest:
        return Host(name, namespace)
    if len(rest) < _SERVICE_PARTS or rest[1] == "svc":
        return Host(name, rest[0])
    return Host(host.lower(), "")


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Tell whether all of the selector's labels are among these."""
    return selector.items() <= labels.items()
