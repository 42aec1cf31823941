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
from canaryd.runtime.templates import HASH_LABEL, REVISION, read_template
from canaryd.wire import watch


class Seen(NamedTuple):
    """A workload, and the labels of its pods; no labels while there is no Deployment."""

    workload: Workload
    labels: Mapping[str, str] | None


class _From(NamedTuple):
    """The objects that something was worked out from."""

    deployment: watch.DeploymentObject
    owned: Sequence[watch.ReplicaSetObject]
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
        deployment: watch.DeploymentObject | None = self._store.get(
            watch.DEPLOYMENTS, key.namespace, name
        )
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
            return read_template(bytes(owned.spec.template)).labels
    return read_template(bytes(found.deployment.spec.template)).labels


def _workload(
    name: str, deployment: watch.DeploymentObject, owned: Sequence[watch.ReplicaSetObject]
) -> Workload:
    meta, spec = deployment.metadata, deployment.spec
    number = meta.annotations.get(REVISION)
    current = next(
        (
            one
            for one in owned
            if number is not None and one.metadata.annotations.get(REVISION) == number
        ),
        None,
    )
    template = read_template(bytes(spec.template))
    observed = deployment.status.observed_generation >= meta.generation
    last = None
    if current is not None and HASH_LABEL in current.metadata.labels:
        last = Revision(current.metadata.labels[HASH_LABEL])
    moved = (
        current is not None
        and read_template(bytes(current.spec.template)).digest != template.digest
    )
    return Workload(
        name=name,
        revision=last if observed and not spec.paused and not moved else None,
        last_revision=last,
        moved=moved and not spec.paused,
        paused=spec.paused,
        images=template.images,
        replicas=spec.replicas,
        ready=current.status.ready_replicas if current is not None else 0,
        serving=sum(one.status.ready_replicas for one in owned),
        generation=meta.generation,
    )
