"""Istio's names of hosts, and what DestinationRules and Services select; pure look-ups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from canaryd.ports import Objects
from canaryd.wire import watch
from canaryd.wire.watch import DestinationRuleObject, ServiceObject, Subset

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


def subset_of(
    objects: Objects, host: Host, name: str, namespace: str
) -> tuple[DestinationRuleObject, Subset] | None:
    """Find the subset of that name among the host's DestinationRules, as seen from `namespace`."""
    for rule in rules_of(objects, host, namespace):
        for subset in rule.spec.subsets:
            if subset.name == name:
                return rule, subset
    return None


def rules_of(objects: Objects, host: Host, namespace: str) -> Iterator[DestinationRuleObject]:
    """Yield the host's DestinationRules: the caller's namespace first, then the host's own."""
    for where in dict.fromkeys((namespace, host.namespace or namespace)):
        for rule in objects.within(watch.DESTINATIONRULES, where):
            if full(rule.spec.host, where) == host:
                yield rule


def service_of(objects: Objects, host: Host) -> ServiceObject | None:
    """Return the Service behind the host."""
    service = objects.get(watch.SERVICES, host.namespace, host.name) if host.namespace else None
    return service if isinstance(service, ServiceObject) else None
