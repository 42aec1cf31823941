"""The kinds canaryd touches: their groups, versions and paths. Makes no request but discovery's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import msgspec

from canaryd.model.errors import NotFoundError, RefusedError, UnreachableError
from canaryd.wire import watch

EVENTS = "events"
LEASES = "leases"

METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
}
"""The HTTP method of each verb of RBAC."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


def part(name: str) -> str:
    """Return a name as one part of a path; raises RefusedError for what would be another path."""
    if name in {"", ".", ".."} or "/" in name or "%" in name or not name.isascii():
        message = f"{name!r} is no name that Kubernetes gives an object"
        raise RefusedError(message)
    return quote(name, safe="")


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to ask of the API server, in the words of RBAC."""

    verb: str
    resource: str
    path: str
    where: str = ""

    @property
    def kind(self) -> str:
        """The plural, without group and subresource: deployments; what discovery asks is apis."""
        return self.resource.lstrip("/").partition("/")[0].partition(".")[0]

    @property
    def permission(self) -> str:
        """What RBAC must allow: verb and resource."""
        return f"{self.verb} {self.resource}"

    def says(self, what: str) -> str:
        """Return a sentence that begins with what was asked."""
        return f"{self.permission} {self.where}".rstrip() + f": {what}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind, by its plural; the first of `versions` that the server has is used."""

    plural: str
    group: str
    versions: tuple[str, ...]
    namespaced: bool = True


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind in the version that is used, within one namespace or the whole cluster."""

    kind: Kind
    version: str
    namespace: str | None = None

    def everywhere(self, verb: str) -> Call:
        """Call for all objects that are looked at: list or watch."""
        restricted = self.namespace if self.kind.namespaced else None
        where = f"in namespace {restricted}" if restricted else ""
        return Call(verb, self._name(), self._path(restricted), where)

    def within(self, verb: str, namespace: str, name: str = "") -> Call:
        """Call for a namespace's collection: create."""
        where = f"{namespace}/{name}" if name else f"in namespace {namespace}"
        return Call(verb, self._name(), self._path(namespace), where)

    def one(self, verb: str, namespace: str, name: str, subresource: str = "") -> Call:
        """Call for one object: get, update, patch, delete; no namespace for a cluster's kind."""
        path = f"{self._path(namespace)}/{part(name)}"
        path = f"{path}/{subresource}" if subresource else path
        where = f"{namespace}/{name}" if namespace else name
        return Call(verb, self._name(subresource), path, where)

    def _name(self, subresource: str = "") -> str:
        plural = f"{self.kind.plural}/{subresource}" if subresource else self.kind.plural
        return f"{plural}.{self.kind.group}" if self.kind.group else plural

    def _path(self, namespace: str | None) -> str:
        group = self.kind.group
        root = f"/apis/{group}/{self.version}" if group else f"/api/{self.version}"
        scope = f"/namespaces/{part(namespace)}" if namespace else ""
        return f"{root}{scope}/{self.kind.plural}"


_ISTIO = ("networking.istio.io", ("v1", "v1beta1"))

KINDS = (
    Kind(watch.CANARIES, "canaryd.io", ("v1beta1",)),
    Kind(watch.REQUESTS, "canaryd.io", ("v1beta1",)),
    Kind(watch.PROVIDERS, "canaryd.io", ("v1beta1",)),
    Kind(watch.TEMPLATES, "canaryd.io", ("v1beta1",)),
    Kind(watch.CLUSTER_TEMPLATES, "canaryd.io", ("v1beta1",), namespaced=False),
    Kind(watch.DEPLOYMENTS, "apps", ("v1",)),
    Kind(watch.REPLICASETS, "apps", ("v1",)),
    Kind(watch.SERVICES, "", ("v1",)),
    Kind(watch.VIRTUALSERVICES, *_ISTIO),
    Kind(watch.DESTINATIONRULES, *_ISTIO),
    Kind(EVENTS, "", ("v1",)),
    Kind(LEASES, "coordination.k8s.io", ("v1",)),
)
"""Every kind that canaryd reads or writes."""


class Asks(Protocol):
    """What discovery needs of the request layer."""

    async def send(self, call: Call) -> bytes:
        """Ask and return the answer's body."""
        ...


class _Version(msgspec.Struct):
    version: str = ""


class _Group(msgspec.Struct):
    versions: list[_Version] = []


class Catalogue:
    """Which version of each kind is used: the newest known, until the server was asked."""

    def __init__(self, *, namespace: str | None = None, kinds: Sequence[Kind] = KINDS) -> None:
        self._resources = {
            kind.plural: Resource(kind, kind.versions[0], namespace) for kind in kinds
        }

    def __getitem__(self, plural: str) -> Resource:
        return self._resources[plural]

    async def discover(self, api: Asks) -> None:
        """Ask the server about each group of which canaryd knows several versions.

        A group that is not there keeps its newest version: whoever uses it is told 404.
        """
        groups = {r.kind.group for r in self._resources.values() if len(r.kind.versions) > 1}
        for group in sorted(groups):
            served = await self._served(api, group)
            for plural, resource in self._resources.items():
                known = [v for v in resource.kind.versions if v in served]
                if resource.kind.group == group and known:
                    self._resources[plural] = Resource(resource.kind, known[0], resource.namespace)

    @staticmethod
    async def _served(api: Asks, group: str) -> set[str]:
        call = Call("get", f"/apis/{group}", f"/apis/{group}")
        try:
            answer = msgspec.json.decode(await api.send(call), type=_Group)
        except NotFoundError:
            return set()
        except msgspec.DecodeError as error:
            message = call.says(f"the answer is not an API group: {error}")
            raise UnreachableError(message) from error
        return {version.version for version in answer.versions}
