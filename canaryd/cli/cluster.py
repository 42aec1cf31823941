"""What commands ask of the API server, as the person who runs them; knows nothing of terminals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import msgspec

from canaryd.adapters.clock import SystemClock
from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.connect import (
    HOME,
    UNUSABLE,
    Connection,
    connect_by_kubeconfig,
    connect_in_cluster,
    kubeconfigs,
    own_namespace,
)
from canaryd.adapters.kube.events import Decoder
from canaryd.adapters.kube.kinds import Call, Catalogue
from canaryd.adapters.kube.library import list_kube_config_contexts
from canaryd.cli.exits import NoCanary, Stop
from canaryd.cli.options import Where
from canaryd.cli.rights import lacking
from canaryd.model.errors import CanarydError, NotFoundError, RefusedError, UnreachableError
from canaryd.model.names import Key
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Spec
from canaryd.model.status import Status
from canaryd.ports import Clock
from canaryd.runtime.view import CanaryView, view
from canaryd.wire import watch

Result = TypeVar("Result")

PAGE = 500
UNKNOWN_KIND = (
    "this cluster does not know Canaries; install canaryd as docs/how-to/install.md says:"
    " kubectl apply --server-side -k deploy/overlays/mine"
)
_REVIEW = Call(
    "create",
    "selfsubjectreviews.authentication.k8s.io",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
)


class _List(msgspec.Struct):
    metadata: dict[str, Any] = {}
    items: list[msgspec.Raw] = []


class Cluster:
    """The API server, seen from one namespace."""

    def __init__(self, api: Api, namespace: str, clock: Clock) -> None:
        self.api = api
        self.namespace = namespace
        self.clock = clock
        self.catalogue = Catalogue()

    def key(self, name: str) -> Key:
        """The key of an object in this namespace."""
        return Key(self.namespace, name)

    async def raw(self, kind: str, name: str) -> bytes:
        """One object, as the server writes it."""
        return await self.api.send(self.catalogue[kind].one("get", self.namespace, name))

    async def get(self, kind: str, name: str) -> Any:  # noqa: ANN401 - one of the wire structs
        """One object as its wire struct."""
        call = self.catalogue[kind].one("get", self.namespace, name)
        return Decoder(kind).one(call, await self.api.send(call))

    async def raw_canary(self, name: str) -> bytes:
        """One Canary; one that is not there ends the command."""
        try:
            return await self.raw(watch.CANARIES, name)
        except NotFoundError as error:
            await self._known()
            message = f"there is no Canary {self.key(name)}"
            raise NoCanary(message) from error

    async def canary(self, name: str) -> CanaryView:
        """One Canary, parsed; one that is not there ends the command."""
        raw = await self.raw_canary(name)
        call = self.catalogue[watch.CANARIES].one("get", self.namespace, name)
        return view(Decoder(watch.CANARIES).one(call, raw), None)

    async def _known(self) -> None:
        """Raise unless the server knows Canaries at all: no name, and no kind, is both 404."""
        call = self.catalogue[watch.CANARIES].within("list", self.namespace)
        try:
            await self.api.send(call, query={"limit": "1"})
        except NotFoundError as error:
            raise RefusedError(UNKNOWN_KIND) from error

    async def listed(
        self, kind: str, *, everywhere: bool = False, selector: str = ""
    ) -> list[bytes]:
        """All objects of a kind as the server writes them, in this namespace or everywhere."""
        resource = self.catalogue[kind]
        call = (
            resource.everywhere("list") if everywhere else resource.within("list", self.namespace)
        )
        query = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        objects: list[bytes] = []
        while True:
            page = _decoded(call, await self.api.send(call, query=query), _List)
            objects += [bytes(item) for item in page.items]
            token = page.metadata.get("continue")
            if not token:
                return objects
            query["continue"] = token

    async def canaries(self, *, everywhere: bool = False) -> list[bytes]:
        """All Canaries, of this namespace or of all."""
        try:
            return await self.listed(watch.CANARIES, everywhere=everywhere)
        except NotFoundError as error:
            raise RefusedError(UNKNOWN_KIND) from error

    async def create(self, kind: str, body: Mapping[str, Any]) -> bytes:
        """Create an object; return what the server made of it."""
        call = self.catalogue[kind].within("create", self.namespace)
        return await self.api.send(call, body=msgspec.json.encode(body))

    async def whoami(self) -> str:
        """The name under which the API server knows whoever runs this."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await self.api.send(_REVIEW, body=msgspec.json.encode(body))
        review = _decoded(_REVIEW, answer, dict[str, Any])
        name = review.get("status", {}).get("userInfo", {}).get("username")
        if not isinstance(name, str) or not name:
            raise UnreachableError(_REVIEW.says("the answer has no user name"))
        return name


def ask(where: Where, work: Callable[[Cluster], Awaitable[Result]]) -> Result:
    """Connect, do the work, and end as a command ends: no traceback for what may happen."""

    async def connected() -> Result:
        async with cluster(where) as found:
            return await work(found)

    try:
        return asyncio.run(connected())
    except CanarydError as error:
        sentence = " ".join(str(error).split())  # parsers like to draw their mistakes
        raise Stop(sentence) from error


def readable(canary: CanaryView) -> tuple[Spec, Status]:
    """Spec and status of a Canary; one that cannot be read ends the command."""
    spec, status = canary.spec, canary.status
    for part in (spec, status):
        if isinstance(part, Problem):
            message = f"Canary {canary.key} cannot be worked on: {part.message}"
            raise Stop(message)
    return cast("Spec", spec), cast("Status", status)


@asynccontextmanager
async def cluster(where: Where) -> AsyncIterator[Cluster]:
    """Connect as kubectl does; in a pod without kubeconfig, as the pod."""
    clock = SystemClock()
    path = where.kubeconfig or HOME
    in_pod = where.kubeconfig is None and not kubeconfigs(path) and own_namespace() is not None
    namespace: str | None
    connection: Connection
    if in_pod:
        connection, namespace = await connect_in_cluster(clock), own_namespace()
    elif not kubeconfigs(path):
        message = f"there is no kubeconfig {path}; give --kubeconfig or set KUBECONFIG"
        raise RefusedError(message)
    else:
        connection = await connect_by_kubeconfig(clock, path=path, context=where.context)
        namespace = _context_namespace(path, where.context)
    api = Api(connection, lacking=lacking)
    try:
        yield Cluster(api, where.namespace or namespace or "default", clock)
    finally:
        await api.aclose()


def _context_namespace(path: str, context: str | None) -> str | None:
    try:
        contexts, current = list_kube_config_contexts(config_file=path)
    except UNUSABLE:
        return None  # whoever connects says what is wrong with the file
    chosen = current
    if context is not None:
        chosen = next((found for found in contexts if found["name"] == context), None)
    found = (chosen or {}).get("context", {}).get("namespace")
    return found if isinstance(found, str) else None


def _decoded(call: Call, body: bytes, kind: type[Result]) -> Result:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise UnreachableError(call.says(f"the answer is not understood: {error}")) from error
