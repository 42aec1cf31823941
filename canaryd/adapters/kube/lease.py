"""Holds a Lease while work runs, so that two daemons do not do the same work.

It only avoids waste: what makes a late writer harmless is the resourceVersion on every write.
Only the monotonic clock decides; the times written into the Lease are for people to read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.kinds import LEASES, Catalogue
from canaryd.model.errors import (
    CanarydError,
    ConflictError,
    NotFoundError,
    TerminalError,
    UnreachableError,
)
from canaryd.model.names import FIELD_MANAGER
from canaryd.ports import Clock

log = structlog.get_logger(__name__)

_VERSION = "coordination.k8s.io/v1"
_QUERY = {"fieldManager": FIELD_MANAGER}
_TOLD = 3
"""After so many failures in a row the lease counts as one that cannot be had."""


def _nobody(_: str | None) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a lease lasts, and how it is kept: renew < deadline < duration."""

    duration: timedelta = timedelta(seconds=15)
    """Others take over when they have not seen a change for so long."""
    deadline: timedelta = timedelta(seconds=10)
    """The work is cancelled when no renewal succeeded for so long; the rest is for its ending."""
    renew: timedelta = timedelta(seconds=5)
    retry: timedelta = timedelta(seconds=2)
    """Between tries to get it, and to renew it after a failure."""
    request: timedelta = timedelta(seconds=3)


class _LostError(CanarydError):
    """Somebody else holds the lease, or it could not be renewed in time."""


class KubeLease:
    """`ports.Lease` on one coordination.k8s.io/v1 Lease."""

    def __init__(
        self,
        api: Api,
        catalogue: Catalogue,
        clock: Clock,
        *,
        namespace: str,
        name: str,
        identity: str,
        times: LeaseTimes | None = None,
        tell: Callable[[str | None], None] = _nobody,
    ) -> None:
        self._api = api
        self._clock = clock
        self._resource = catalogue[LEASES]
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._times = times or LeaseTimes()
        self._tell = tell
        self._told: str | None = None
        self._failures = 0
        """In a row; that somebody else holds the lease is none."""
        self._lease: dict[str, Any] = {}
        """The object as last read or written; its resourceVersion fences the next write."""
        self._observed: tuple[dict[str, Any], float] = ({}, 0.0)
        """What another holder wrote last, and when that was first seen here."""
        self._renewed_at = 0.0
        self._attempts: set[str] = set()
        """The renewTimes of the last good write and of all since whose fate is not known."""
        self.held = False

    async def hold(self, work: Callable[[], Any]) -> None:
        """Wait for the lease, then run `work` once; return when it is done or the lease is lost.

        What `work` raises is raised after the release. A cancelled or lost work is awaited first.
        """
        await self._acquire()
        self.held = True
        log.info("lease acquired", identity=self._identity)
        try:
            error = await self._run(work)
        finally:
            self.held = False
            await self._release()
        if error is not None:
            raise error

    async def _run(self, work: Callable[[], Any]) -> Exception | None:
        async with asyncio.TaskGroup() as group:
            worker = group.create_task(_outcome(work))
            keeper = group.create_task(self._keep())
            try:
                await asyncio.wait({worker, keeper}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                worker.cancel()
                await asyncio.wait({worker})  # renewing goes on: the work may take time to end
                keeper.cancel()
        return None if worker.cancelled() else worker.result()

    async def _keep(self) -> None:
        """Renew until the lease is lost."""
        pause = self._times.renew
        while True:
            left = self._renewed_at + self._times.deadline.total_seconds() - self._clock.monotonic()
            await asyncio.sleep(min(pause.total_seconds(), max(left, 0)))
            try:
                await self._renew()
            except _LostError as error:
                log.warning("lease lost", identity=self._identity, error=str(error))
                return
            except CanarydError as error:
                self._failed(error)
                pause = self._times.retry
            else:
                self._well()
                pause = self._times.renew

    async def _renew(self) -> None:
        left = self._renewed_at + self._times.deadline.total_seconds() - self._clock.monotonic()
        if left <= 0:
            raise _LostError("it could not be renewed in time")
        await self._fenced({}, min(self._times.request, timedelta(seconds=left)))

    async def _fenced(self, changes: dict[str, Any], request: timedelta) -> None:
        """Write the lease, if it is still ours; a version in the way is read first."""
        try:
            await self._write(self._spec() | changes, request)
        except ConflictError:
            await self._reread(request)
            await self._write(self._spec() | changes, request)
        except NotFoundError as error:
            raise _LostError("somebody deleted it") from error

    async def _reread(self, request: timedelta) -> None:
        """Take the version that was in the way, if the lease in it is still ours.

        A write of ours whose answer got lost may have been it; a twin of the same name may, too.
        """
        found = await self._read(request)
        spec = found.get("spec", {})
        holder = spec.get("holderIdentity") or "nobody"
        if holder != self._identity:
            message = f"{holder} holds it"
            raise _LostError(message)
        if spec.get("renewTime") not in self._attempts:
            message = f"another process calls itself {holder}, too"
            raise _LostError(message)
        self._lease = found  # only now: with another's version, another's lease could be released

    async def _acquire(self) -> None:
        while True:
            try:
                ours = await self._try()
            except CanarydError as error:
                self._failed(error)
            else:
                self._well()
                if ours:
                    return
            await asyncio.sleep(self._times.retry.total_seconds())

    def _failed(self, error: CanarydError) -> None:
        """Say why nothing is decided: at once where trying again does not help."""
        self._failures += 1
        terminal = isinstance(error, TerminalError)
        if not terminal and self._failures < _TOLD:
            log.info("lease not acquired or renewed", identity=self._identity, error=str(error))
            return
        message = (
            f"the Lease {self._name} in namespace {self._namespace} cannot be taken or renewed, and"
            f" without it nothing is decided: {error}"
        )
        if isinstance(error, NotFoundError):
            message += "; is that namespace there? another one is named with --namespace"
        if message != self._told:
            self._told = message
            self._tell(message)
            log.warning("lease cannot be had", identity=self._identity, error=message)

    def _well(self) -> None:
        self._failures = 0
        if self._told is not None:
            self._told = None
            self._tell(None)
            log.info("lease can be had again", identity=self._identity)

    async def _try(self) -> bool:
        try:
            self._lease = await self._read(self._times.request)
        except NotFoundError:
            self._lease = {}
        spec = self._lease.get("spec", {})
        if not self._free(spec):
            return False
        taken = self._spec() | {"acquireTime": self._now()}
        if spec.get("holderIdentity") != self._identity:
            taken["leaseTransitions"] = (spec.get("leaseTransitions") or 0) + 1
        try:
            await self._write(taken, self._times.request)
        except ConflictError:
            return False
        return True

    def _free(self, spec: dict[str, Any]) -> bool:
        """Tell whether the lease may be taken: nobody's, our own, or its holder silent for long."""
        seen, since = self._observed
        now = self._clock.monotonic()
        if spec != seen:
            self._observed = (spec, now)
            since = now
        if spec.get("holderIdentity", "") in {"", self._identity}:
            return True
        duration = spec.get("leaseDurationSeconds") or self._times.duration.total_seconds()
        return bool(now - since >= duration)

    async def _release(self) -> None:
        """Let the next one take over at once, if the lease is still ours."""
        try:
            await self._fenced({"holderIdentity": ""}, self._times.request)
        except CanarydError as error:
            log.info("lease not released", identity=self._identity, error=str(error))
        else:
            log.info("lease released", identity=self._identity)

    def _spec(self) -> dict[str, Any]:
        before: dict[str, Any] = self._lease.get("spec", {})
        return before | {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._times.duration.total_seconds())),
            "renewTime": self._now(),
        }

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    async def _read(self, request: timedelta) -> dict[str, Any]:
        call = self._resource.one("get", self._namespace, self._name)
        return _decoded(await self._api.send(call, timeout=request))

    async def _write(self, spec: dict[str, Any], request: timedelta) -> None:
        """Update the lease that was read, or create it; count from before the request."""
        asked_at = self._clock.monotonic()
        self._attempts.add(spec["renewTime"])
        if self._lease:
            call = self._resource.one("update", self._namespace, self._name)
            body = self._lease | {"spec": spec}
        else:
            call = self._resource.within("create", self._namespace, self._name)
            metadata = {"name": self._name, "namespace": self._namespace}
            body = {"apiVersion": _VERSION, "kind": "Lease", "metadata": metadata, "spec": spec}
        encoded = msgspec.json.encode(body)
        answer = await self._api.send(call, query=_QUERY, body=encoded, timeout=request)
        self._lease = _decoded(answer)
        self._renewed_at = asked_at
        self._attempts = {spec["renewTime"]}


async def _outcome(work: Callable[[], Any]) -> Exception | None:
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - raised again after the release
        return error
    return None


def _decoded(answer: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.DecodeError as error:
        message = f"the answer about the lease is no object: {error}"
        raise UnreachableError(message) from error
