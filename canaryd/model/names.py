"""Names of things: keys, revisions, slots and weights."""

from __future__ import annotations

from typing import NamedTuple, NewType

from typing_extensions import override


class Key(NamedTuple):
    """What is reconciled: one Canary, by namespace and name."""

    namespace: str
    name: str

    @override
    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


Revision = NewType("Revision", str)
"""Kubernetes' own identity of a pod template: the ReplicaSet's pod-template-hash."""

SlotName = NewType("SlotName", str)
"""The user's name for one of the two workloads that take turns."""

Weight = NewType("Weight", int)
"""The canary's share of requests in per cent, 0 to 100; the primary's is derived."""

NO_TRAFFIC = Weight(0)
ALL_TRAFFIC = Weight(100)

FIELD_MANAGER = "canaryd"
"""The name under which canaryd's own writes stand in `metadata.managedFields`."""
