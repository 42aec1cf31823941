"""A small synchronous JSON client for the API server, safe to use from several threads."""

from __future__ import annotations

import http.client
import json
import queue
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

PREFIXES = {
    "bindings": "/api/v1",
    "configmaps": "/api/v1",
    "events": "/api/v1",
    "namespaces": "/api/v1",
    "nodes": "/api/v1",
    "pods": "/api/v1",
    "secrets": "/api/v1",
    "serviceaccounts": "/api/v1",
    "services": "/api/v1",
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "destinationrules": "/apis/networking.istio.io/v1",
    "gateways": "/apis/networking.istio.io/v1",
    "virtualservices": "/apis/networking.istio.io/v1",
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1",
    "clusterroles": "/apis/rbac.authorization.k8s.io/v1",
    "clusterrolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "roles": "/apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "canaries": "/apis/canaryd.io/v1beta1",
    "canaryrequests": "/apis/canaryd.io/v1beta1",
    "alertproviders": "/apis/canaryd.io/v1beta1",
}
PATCHES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class ApiError(Exception):
    """The API server answered with something else than success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


def path_of(plural: str, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The path of a kind, of its objects in a namespace, or of one object."""
    parts = [PREFIXES[plural]]
    if namespace:
        parts += ["namespaces", namespace]
    return "/".join([*parts, *filter(None, (plural, name, subresource))])


class Api:
    """Requests with JSON bodies and answers, on connections that are kept."""

    def __init__(
        self, server: str, *, token: str, ca: Path, agent: str = "test-world", timeout: float = 30
    ) -> None:
        self._address = urlsplit(server).netloc
        self._tls = ssl.create_default_context(cafile=str(ca))
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": agent}
        self._timeout = timeout
        self._idle: queue.LifoQueue[http.client.HTTPSConnection] = queue.LifoQueue()

    def get(self, path: str, **query: str | int) -> Any:
        return self.request("GET", path, query=query)

    def list(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get(path, **query)["items"]
        return items

    def post(self, path: str, body: object, **query: str | int) -> Any:
        return self.request("POST", path, body, query=query)

    def put(self, path: str, body: object, **query: str | int) -> Any:
        return self.request("PUT", path, body, query=query)

    def patch(self, path: str, body: object, kind: str = "merge", **query: str | int) -> Any:
        """kind: merge, json, strategic or apply."""
        return self.request("PATCH", path, body, query=query, content=PATCHES[kind])

    def delete(self, path: str, **query: str | int) -> Any:
        return self.request("DELETE", path, query=query)

    def exists(self, path: str) -> bool:
        try:
            self.get(path)
        except ApiError as error:
            if error.status == http.HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: dict[str, str | int] | None = None,
        content: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Any:
        target = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body).encode()
        sent = self._headers | {"Content-Type": content} | (headers or {})
        status, raw = self._exchange(method, target, data, sent)
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = raw.decode(errors="replace")
        if status >= http.HTTPStatus.BAD_REQUEST:
            message = answer.get("message", "") if isinstance(answer, dict) else answer
            raise ApiError(status, message)
        return answer

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get().close()

    def _exchange(
        self, method: str, target: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        try:
            connection, kept = self._idle.get_nowait(), True
        except queue.Empty:
            connection, kept = self._connect(), False
        while True:
            try:
                connection.request(method, target, data, headers)
                answer = connection.getresponse()
                raw = answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                if not kept:
                    raise
                connection, kept = self._connect(), False  # the kept one had been closed meanwhile
            else:
                self._idle.put(connection)
                return answer.status, raw

    def _connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._address, timeout=self._timeout, context=self._tls)
