"""What the runtime needs from the outside, as Protocols; adapters implement them, `app` joins them.

Every call that reaches outside has its own timeout and raises only `model.errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, Protocol

from canaryd.model.decision import Answer
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key, SlotName, Weight
from canaryd.model.notice import Notice
from canaryd.model.past import Past
from canaryd.model.question import Failed, PastQuestion, Question, ServerTime, TileQuestion
from canaryd.model.snapshot import Problem, Routing, Sample
from canaryd.model.spec import Slot, Spec
from canaryd.model.status import Phase, Status
from canaryd.model.tile import Tile
from canaryd.model.urgency import Urgency


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...


class Timers(Protocol):
    """One deadline per key; when it is due the key is handed to the callback of its making."""

    def set(self, key: Key, at: datetime | None) -> None:
        """Replace the key's deadline; None removes it."""
        ...


class Sink(Protocol):
    """Where watches put what they see; implemented by the store.

    `obj` is the wire struct of its kind (`wire.watch`), decoded once.
    """

    def replace(self, kind: str, objects: Sequence[Any]) -> None:
        """A full list arrived: what is not in it is gone. Marks the kind as synced."""
        ...

    def apply(self, kind: str, obj: Any) -> None:  # noqa: ANN401 - one of the wire structs
        """An object was added or changed (also by our own write's answer)."""
        ...

    def remove(self, kind: str, namespace: str, name: str, *, unclear: str | None = None) -> None:
        """An object is gone; or it is there, and cannot be understood at the version `unclear`."""
        ...

    def heard(self, kind: str) -> None:
        """The watch of this kind is alive: an event or a bookmark came."""
        ...

    def failed(self, kind: str, message: str | None) -> None:
        """The watch of this kind cannot be kept; a sentence why, None when it is well again."""
        ...


class Writer(Protocol):
    """Writes to the API server; the answer of each write goes into the store before it returns.

    What is more urgent overtakes what waits; a status is `Urgency.STATE`.
    """

    async def patch_status(
        self,
        kind: str,
        key: Key,
        patch: Callable[[], Mapping[str, Any]],
        *,
        resource_version: str,
        of: Key | None = None,
    ) -> None:
        """Merge-patch `status` of a custom resource, conditional on its version.

        The patch is made when its turn has come: a thousand that wait would be memory.
        Raises ConflictError, ForbiddenError, NotFoundError, RefusedError, UnreachableError; and
        OvertakenError when the Canary `of` has news before the write is sent.
        """
        ...

    async def json_patch(
        self,
        kind: str,
        key: Key,
        operations: Sequence[Mapping[str, Any]],
        *,
        urgency: Urgency = Urgency.RISE,
        of: Key | None = None,
    ) -> None:
        """JSON-patch an object; on a conflict or failed `test` re-reads it into the store first.

        Raises OvertakenError when the Canary `of` has news before the write is sent.
        """
        ...

    async def create(self, kind: str, namespace: str, body: Mapping[str, Any]) -> None:
        """Create an object; one that exists already is success (names are deterministic)."""
        ...

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object; one that is gone already is success."""
        ...


class Objects(Protocol):
    """What routers may look up in the store, by kind, namespace and name."""

    def get(self, kind: str, namespace: str, name: str) -> Any | None:  # noqa: ANN401
        """The wire struct, or None."""
        ...

    def within(self, kind: str, namespace: str) -> Iterable[Any]:
        """All objects of the kind in the namespace."""
        ...

    def stamp(self, kind: str, namespace: str) -> int:
        """A number that is another one whenever objects of the kind came, went or changed there.

        It is 0 where there are none.
        """
        ...

    def concern(self, key: Key, namespaces: Set[str]) -> None:
        """Have the Canary decided again when what it is routed by changes in these namespaces."""
        ...


class Router(Protocol):
    """Reads and writes who gets which share of the requests."""

    kinds: Sequence[str]
    """The kinds it wants watched."""

    def read(
        self, objects: Objects, key: Key, spec: Spec, labels: Mapping[SlotName, Mapping[str, str]]
    ) -> Routing | Problem:
        """What is routed now. `labels` are the pod template labels of each slot's workload."""
        ...

    async def set_weight(
        self,
        objects: Objects,
        key: Key,
        spec: Spec,
        slot: Slot,
        weight: Weight,
        *,
        labels: Mapping[SlotName, Mapping[str, str]],
        urgency: Urgency = Urgency.RISE,
    ) -> None:
        """Give the slot that share; touches the two weights and nothing else."""
        ...

    def forget(self, key: Key) -> None:
        """The Canary is gone."""
        ...


class Metrics(Protocol):
    """Asks one metrics server; never raises: what went wrong is in the answers."""

    async def ask(self, questions: Sequence[Question]) -> Mapping[tuple[Key, str], Sample]:
        """One sample per question. Built-ins of one metric and window share one query."""
        ...

    async def tiles(
        self, questions: Sequence[TileQuestion], *, time: ServerTime
    ) -> Mapping[Key, Tile | Failed]:
        """One tile per question (at most one question per Canary); alike ones share one query."""
        ...

    async def past(self, question: PastQuestion) -> Past | Failed:
        """What each pod did in each column, oldest first."""
        ...

    async def time(self, sample: TileQuestion) -> ServerTime | Failed:
        """What time it is there, and how often the sample's workloads are scraped."""
        ...


class MetricsServers(Protocol):
    """Finds the metrics server that a Canary names, with its login."""

    async def find(self, server: MetricsServer | None) -> Metrics:
        """The server; None: the daemon's own. Raises what reading its Secret raises."""
        ...


class Provider(Protocol):
    """Delivers notices to one kind of receiver."""

    async def send(self, notice: Notice, *, key: Key, uid: str) -> None:
        """Deliver once; `<uid>-<seq>` is the notice's id, for ever.

        Raises TransientError (try again) or TerminalError (give up).
        """
        ...


class History(Protocol):
    """Writes down what happened; never read by a decision, never in the way of one."""

    def record(self, key: Key, before: Status, after: Status, notices: Sequence[Notice]) -> None:
        """Queue rollouts, steps and notices for writing; returns at once."""
        ...


class Lease(Protocol):
    """Avoids two daemons doing the same work; the resourceVersion on every write is the fence."""

    async def hold(self, work: Callable[[], Any]) -> None:
        """Wait for the lease, run `work` while it lasts, cancel and await it when it ends."""
        ...


class Answers(Protocol):
    """Answers CanaryRequests."""

    async def answer(self, key: Key, answer: Answer) -> None:
        """Write the request's status."""
        ...


class Receivers(Protocol):
    """Finds out how to reach the receiver that an AlertProvider names."""

    async def find(self, provider: Key) -> Provider:
        """The provider, with its secret. Raises NotFoundError, RefusedError or a TransientError."""
        ...


class Meter(Protocol):
    """Counts what happens, for /metrics."""

    def reconciled(self, seconds: float, outcome: str) -> None:
        """A reconcile took so long and ended so: ok, waits, conflict, bug and so on."""
        ...

    def queued(self, depth: int) -> None:
        """So many keys wait."""
        ...

    def receiver(self, provider: str) -> None:
        """There may be notices to this AlertProvider (`namespace/name`) from now on."""
        ...

    def notified(self, provider: str, *, delivered: bool) -> None:
        """A notice to this AlertProvider (`namespace/name`) arrived, or was given up."""
        ...

    def keep_receivers(self, named: Collection[str]) -> None:
        """No alert names any other AlertProvider (`namespace/name`) now."""
        ...

    def decided(self, phase: Phase) -> None:
        """A decision was made."""
        ...

    def canary(self, key: Key, status: Status) -> None:
        """Where a Canary is now."""
        ...

    def forget(self, key: Key) -> None:
        """A Canary is gone."""
        ...


class Secrets(Protocol):
    """Reads Kubernetes Secrets, where RBAC lets it."""

    async def read(self, namespace: str, name: str) -> Mapping[str, str]:
        """The Secret's decoded data. Raises ForbiddenError, NotFoundError or a TransientError."""
        ...
