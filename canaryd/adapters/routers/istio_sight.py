"""What one look at the mesh rested on, so that it is not repeated while nothing of it has changed.

Objects are replaced as a whole when they change, so the very same object means the same version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from canaryd.adapters.routers.istio_hosts import Host, full
from canaryd.ports import Objects
from canaryd.wire import watch
from canaryd.wire.watch import DestinationRuleObject, ServiceObject, Subset

_ByHost: TypeAlias = Mapping[Host, Sequence[DestinationRuleObject]]


_SLACK = 64
"""So many namespaces' outdated rules may be kept before they are looked for."""


class Rules:
    """The DestinationRules of a store by host; those of a namespace are sorted once per change."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self._sorted: dict[str, tuple[int, _ByHost]] = {}
        self._most = _SLACK

    def within(self, namespace: str) -> tuple[int, _ByHost]:
        """The namespace's rules, and the stamp at which they are these."""
        stamp = self.objects.stamp(watch.DESTINATIONRULES, namespace)
        if not stamp:
            return stamp, {}
        known = self._sorted.get(namespace)
        if known is not None and known[0] == stamp:
            return known
        by_host: defaultdict[Host, list[DestinationRuleObject]] = defaultdict(list)
        for rule in self.objects.within(watch.DESTINATIONRULES, namespace):
            by_host[full(rule.spec.host, namespace)].append(rule)
        made = self._sorted[namespace] = (stamp, dict(by_host))
        if len(self._sorted) > self._most:
            self._forget()
        return made

    def _forget(self) -> None:
        """Let go of rules that are no more, as those of deleted namespaces: nobody asks for them.

        It is done whenever there are twice as many as were left the last time.
        """
        stamp = self.objects.stamp
        self._sorted = {
            namespace: known
            for namespace, known in self._sorted.items()
            if stamp(watch.DESTINATIONRULES, namespace) == known[0]
        }
        self._most = 2 * len(self._sorted) + _SLACK


class Sight:
    """Looks things up and notes what it was told; `lasts` while it would be told the same."""

    def __init__(self, rules: Rules) -> None:
        self._objects = rules.objects
        self._rules = rules
        self._got: dict[tuple[str, str, str], Any] = {}
        self._stamps: dict[str, int] = {}

    def lasts(self, objects: Objects) -> bool:
        """Whether every object is the one that was seen, and no rule came, went or changed."""
        return (
            self._objects is objects
            and all(objects.get(*place) is seen for place, seen in self._got.items())
            and all(
                objects.stamp(watch.DESTINATIONRULES, namespace) == stamp
                for namespace, stamp in self._stamps.items()
            )
        )

    @property
    def namespaces(self) -> frozenset[str]:
        """Where it looked."""
        return frozenset({*self._stamps, *(place[1] for place in self._got)})

    def get(self, kind: str, namespace: str, name: str) -> Any | None:  # noqa: ANN401
        """The wire struct, or None."""
        found = self._got[kind, namespace, name] = self._objects.get(kind, namespace, name)
        return found

    def service_of(self, host: Host) -> ServiceObject | None:
        """Return the Service behind the host."""
        found = self.get(watch.SERVICES, host.namespace, host.name) if host.namespace else None
        return found if isinstance(found, ServiceObject) else None

    def rules_of(self, host: Host, namespace: str) -> Iterator[DestinationRuleObject]:
        """Yield the host's DestinationRules: the caller's namespace first, then the host's own."""
        for where in dict.fromkeys((namespace, host.namespace or namespace)):
            self._stamps[where], by_host = self._rules.within(where)
            yield from by_host.get(host, ())

    def subset_of(
        self, host: Host, name: str, namespace: str
    ) -> tuple[DestinationRuleObject, Subset] | None:
        """Find the subset among the host's DestinationRules, as seen from `namespace`."""
        for rule in self.rules_of(host, namespace):
            for subset in rule.spec.subsets:
                if subset.name == name:
                    return rule, subset
        return None
