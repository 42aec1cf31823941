"""From the store to a snapshot: memory only, no I/O; what is missing is a value in it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from canaryd.model.names import Key, Revision
from canaryd.model.snapshot import Problem, Request, Routing, Snapshot, Workload
from canaryd.model.spec import Spec
from canaryd.model.status import Status
from canaryd.model.waits import Waits
from canaryd.ports import Router
from canaryd.runtime.resolve import Templates
from canaryd.runtime.store import Store
from canaryd.runtime.templates import HASH_LABEL, read_template
from canaryd.runtime.view import CanaryView
from canaryd.wire import watch
from canaryd.wire.request import parse_request

REVISION = "deployment.kubernetes.io/revision"
"""Kubernetes' own number of a Deployment's revision, on the Deployment and on its ReplicaSets."""


class Gatherer:
    """Makes snapshots; `router` reads the routes."""

    def __init__(self, *, store: Store, router: Router, waits: Waits) -> None:
        self._store = store
        self._router = router
        self._waits = waits
        self._templates = Templates(store)

    def __call__(self, key: Key) -> Snapshot | Problem | None:
        """The snapshot; the Problem that stands in the way of one; None when the Canary is gone."""
        canary = self._store.canaries.get(key)
        if canary is None:
            return None
        if isinstance(canary.status, Problem):
            return canary.status
        if isinstance(canary.spec, Problem):
            return canary.spec
        return self._snapshot(canary, self._templates.complete(canary.spec), canary.status)

    def _snapshot(self, canary: CanaryView, spec: Spec, status: Status) -> Snapshot:
        key, namespace = canary.key, canary.key.namespace
        deployments = {s.name: self._deployment(namespace, s.deployment) for s in spec.slots}
        labels = {
            name: self._labels(found, status)
            for name, found in deployments.items()
            if found is not None
        }
        problems = list(self._twin(canary))
        routing = None
        if all(deployments.values()) or status.rollout is not None:
            read = self._router.read(self._store, key, spec, labels)
            routing = read if isinstance(read, Routing) else None
            if isinstance(read, Problem):
                problems.append(read)
        return Snapshot(
            key=key,
            uid=canary.uid,
            generation=canary.generation,
            spec=spec,
            status=status,
            workloads={
                slot.name: self._workload(namespace, slot.deployment, deployments[slot.name])
                for slot in spec.slots
            },
            routing=routing,
            problems=tuple(problems),
            samples=dict(self._store.samples.get(key, {})),
            counting=self._store.counting(key),
            requests=self._requests(key),
            stale=self._store.stale(),
            resource_version=canary.resource_version,
            denied=self._store.denied.get(key),
            waits=self._waits,
        )

    def _deployment(self, namespace: str, name: str) -> watch.DeploymentObject | None:
        found: watch.DeploymentObject | None = self._store.get(watch.DEPLOYMENTS, namespace, name)
        return found

    def _labels(self, deployment: watch.DeploymentObject, status: Status) -> Mapping[str, str]:
        """The labels of a slot's pods.

        In a rollout those of the judged revision while it is there: a push that its subset does
        not select must still be taken off the traffic.
        """
        meta = deployment.metadata
        judged = status.rollout.revision if status.rollout is not None else None
        for owned in self._store.owned_by(meta.namespace, meta.uid):
            if judged is not None and owned.metadata.labels.get(HASH_LABEL) == judged:
                return read_template(bytes(owned.spec.template)).labels
        return read_template(bytes(deployment.spec.template)).labels

    def _workload(
        self, namespace: str, name: str, deployment: watch.DeploymentObject | None
    ) -> Workload:
        if deployment is None:
            return Workload(name=name, exists=False)
        meta, spec = deployment.metadata, deployment.spec
        number = meta.annotations.get(REVISION)
        owned = list(self._store.owned_by(namespace, meta.uid))
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

    def _twin(self, canary: CanaryView) -> list[Problem]:
        """An older Canary with one of the same workloads goes on; the younger says so."""
        mine = (canary.created or LONG_AGO, canary.key)
        for key in sorted(self._store.index.sharing(canary)):
            other = self._store.canaries[key]
            if (other.created or LONG_AGO, other.key) < mine:
                shared = ", ".join(sorted({*canary.deployments} & {*other.deployments}))
                return [
                    Problem(
                        "TargetTaken",
                        f"Deployment {shared} (spec.slots) belongs to the older Canary {key}; "
                        "this one touches nothing. Delete one of the two Canaries",
                    )
                ]
        return []

    def _requests(self, key: Key) -> tuple[Request, ...]:
        waiting: list[Request] = []
        for obj in self._store.requests(key):
            with suppress(ValueError):  # the API server lets no unreadable one in
                request = parse_request(obj)
                if request is not None:
                    waiting.append(request)
        return tuple(sorted(waiting, key=lambda request: (request.created_at, request.name)))


LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
