"""Keeps API resources in memory by list and watch, for the stand-ins that run beside a world."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Thing = dict[str, Any]
Store = dict[tuple[str, str], Thing]
PAUSE = 0.3


class Mirror:
    """`mirror[path]` is {(namespace, name): object}; `changed` is set after each change."""

    def __init__(self, server: str, token: str, ca: Path, paths: Sequence[str]) -> None:
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": "test-world-mirror"}
        self._tls = ssl.create_default_context(cafile=str(ca))
        self._stores: dict[str, Store] = {path: {} for path in paths}
        self.changed = threading.Event()
        listed = {path: threading.Event() for path in paths}
        for path, event in listed.items():
            threading.Thread(target=self._follow, args=(path, event), daemon=True).start()
        for event in listed.values():
            event.wait()

    def __getitem__(self, path: str) -> Store:
        return self._stores[path]

    def _open(self, path: str, query: str = "") -> http.client.HTTPResponse:
        request = urllib.request.Request(f"{self._server}{path}?{query}", headers=self._headers)
        answer: http.client.HTTPResponse = urllib.request.urlopen(
            request, context=self._tls, timeout=330
        )
        return answer

    def _follow(self, path: str, listed: threading.Event) -> None:
        while True:
            try:
                version = self._list(path)
                listed.set()
                self.changed.set()
                self._watch(path, version)
            except (OSError, http.client.HTTPException, ValueError) as error:
                print(f"{path}: {error!r}", file=sys.stderr, flush=True)
            time.sleep(PAUSE)

    def _list(self, path: str) -> str:
        with self._open(path) as answer:
            first = json.load(answer)
        self._stores[path] = {key(thing): thing for thing in first["items"]}
        version: str = first["metadata"]["resourceVersion"]
        return version

    def _watch(self, path: str, version: str) -> None:
        with self._open(path, f"watch=1&timeoutSeconds=300&resourceVersion={version}") as events:
            for line in events:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                store = dict(self._stores[path])  # readers iterate over the old one
                if event["type"] == "DELETED":
                    store.pop(key(event["object"]), None)
                else:
                    store[key(event["object"])] = event["object"]
                self._stores[path] = store
                self.changed.set()


def key(thing: Thing) -> tuple[str, str]:
    return thing["metadata"].get("namespace", ""), thing["metadata"]["name"]


def workload(pod: Thing) -> str:
    """The name that Istio gives a pod's workload: its Deployment's, else its own."""
    meta = pod["metadata"]
    name: str = next((owner["name"] for owner in meta.get("ownerReferences", [])), meta["name"])
    return name.removesuffix("-" + meta.get("labels", {}).get("pod-template-hash", "\0"))


def connect(args: Sequence[str], paths: Sequence[str]) -> Mirror:
    """A mirror from a stand-in's first three arguments: SERVER TOKEN CA."""
    server, token, ca = args[:3]
    return Mirror(server, token, Path(ca), paths)
