"""What a decision sees of a slot's workload, worked out once per version of its objects.

The store replaces objects as a whole: the very same object is the same version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_
from typing import NamedTuple

from canaryd.model.names import Key, Revision
from canaryd.model.snapshot import Workload
from canaryd.runtime.store import Store
from canaryd.wire.watch import DEPLOYMENTS, HASH_LABEL, REVISION
from canaryd.wire.workload import Deployment, ReplicaSet


class Seen(NamedTuple):
    """A workload, and the labels of its pods; no labels while there is no Deployment."""

    workload: Workload
    labels: Mapping[str, str] | None


class _From(NamedTuple):
    """The objects that something was worked out from."""

    deployment: Deployment
    owned: Sequence[ReplicaSet]
    judged: Revision | None

    def still(self, other: _From) -> bool:
        """Whether these are the very same versions."""
        return (
            self.deployment is other.deployment
            and self.judged == other.judged
            and len(self.owned) == len(other.owned)
            and all(map(is_, self.owned, other.owned))
        )


class Workloads:
    """Of each Canary what its slots' objects came to, as long as they are these."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[Key, dict[str, tuple[_From, Seen]]] = {}

    def look(self, key: Key, name: str, judged: Revision | None) -> Seen:
        """The Deployment of that name; `judged` is the running rollout's revision.

        In a rollout the labels are the judged revision's while it is there: a push that its subset
        does not select must still be taken off the traffic.
        """
        known = self._known.setdefault(key, {})
        deployment: Deployment | None = self._store.get(DEPLOYMENTS, key.namespace, name)
        if deployment is None:
            known.pop(name, None)
            return Seen(Workload(name=name, exists=False), None)
        owned = tuple(self._store.owned_by(key.namespace, deployment.metadata.uid))
        found, last = _From(deployment, owned, judged), known.get(name)
        if last is not None and last[0].still(found):
            return last[1]
        seen = Seen(_workload(name, deployment, owned), _labels(found))
        known[name] = (found, seen)
        return seen

    def forget(self, key: Key) -> None:
        """The Canary is gone."""
        self._known.pop(key, None)


def _labels(found: _From) -> Mapping[str, str]:
    for owned in found.owned:
        if found.judged is not None and owned.metadata.labels.get(HASH_LABEL) == found.judged:
            return owned.template.labels
    return found.deployment.template.labels


def _workload(name: str, deployment: Deployment, owned: Sequence[ReplicaSet]) -> Workload:
    meta, template = deployment.metadata, deployment.template
    number = meta.annotations.get(REVISION)
    current = next(
        (
            one
            for one in owned
            if number is not None and one.metadata.annotations.get(REVISION) == number
        ),
        None,
    )
    last = None
    if current is not None and HASH_LABEL in current.metadata.labels:
        last = Revision(current.metadata.labels[HASH_LABEL])
    moved = current is not None and current.template.digest != template.digest
    # Where the templates are equal nothing but the scale can have changed: no need to wait for
    # Kubernetes to have seen it.
    return Workload(
        name=name,
        revision=last if not deployment.paused and not moved else None,
        last_revision=last,
        moved=moved and not deployment.paused,
        paused=deployment.paused,
        images=template.images,
        replicas=deployment.replicas,
        ready=current.ready if current is not None else 0,
        serving=sum(one.ready for one in owned),
        generation=meta.generation,
    )
