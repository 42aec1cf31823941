"""From the store to a snapshot: memory only, no I/O; what is missing is a value in it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from canaryd.model.names import Key
from canaryd.model.snapshot import Problem, Request, Routing, Snapshot
from canaryd.model.spec import Spec
from canaryd.model.status import Status
from canaryd.model.waits import Waits
from canaryd.ports import Router
from canaryd.runtime.owed import Owed
from canaryd.runtime.resolve import Templates
from canaryd.runtime.store import Store
from canaryd.runtime.view import CanaryView
from canaryd.runtime.workloads import Workloads
from canaryd.wire.request import parse_request


class Gatherer:
    """Makes snapshots; `router` reads the routes."""

    def __init__(self, *, store: Store, router: Router, owed: Owed, waits: Waits) -> None:
        self._store = store
        self._router = router
        self._owed = owed
        self._waits = waits
        self._templates = Templates(store)
        self._workloads = Workloads(store)

    def __call__(self, key: Key) -> Snapshot | Problem | None:
        """The snapshot; the Problem that stands in the way of one; None when the Canary is gone."""
        canary = self._store.canaries.get(key)
        if canary is None:
            self._router.forget(key)
            self._workloads.forget(key)
            return None
        if isinstance(canary.status, Problem):
            return canary.status
        if isinstance(canary.spec, Problem):
            return canary.spec
        return self._snapshot(canary, self._templates.complete(canary.spec), canary.status)

    def _snapshot(self, canary: CanaryView, spec: Spec, stored: Status) -> Snapshot:
        key, owed = canary.key, self._owed.of(canary)
        status = owed if owed is not None else stored
        judged = status.rollout.revision if status.rollout is not None else None
        seen = {
            slot.name: self._workloads.look(key, slot.deployment, judged) for slot in spec.slots
        }
        labels = {name: one.labels for name, one in seen.items() if one.labels is not None}
        problems = list(self._twin(canary))
        routing = None
        if len(labels) == len(seen) or status.rollout is not None:
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
            workloads={name: one.workload for name, one in seen.items()},
            routing=routing,
            problems=tuple(problems),
            samples=self._store.answers(key, spec),
            counting=self._store.counting(key),
            requests=self._requests(key),
            deleting=canary.deleting,
            stale=self._store.stale(),
            resource_version=canary.resource_version,
            written=canary.written,
            stored=stored if owed is not None else None,
            denied=self._store.denied.get(key),
            waits=self._waits,
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
