"""Writes notices as Kubernetes Events of the Canary; the same notice is the same Event."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from canaryd.model.names import FIELD_MANAGER, Key
from canaryd.model.notice import Notice
from canaryd.model.spec import Severity
from canaryd.ports import Writer

EVENTS = "events"
_LONGEST_MESSAGE = 1024
_LONGEST_NAME = 253


class EventsProvider:
    """Implements `ports.Provider` for the cluster itself."""

    def __init__(self, writer: Writer, *, identity: str = FIELD_MANAGER) -> None:
        self._writer = writer
        self._identity = identity

    async def send(self, notice: Notice, *, key: Key, uid: str) -> None:
        """Create the Event; one that exists already is success."""
        body = event(notice, key=key, uid=uid, identity=self._identity)
        await self._writer.create(EVENTS, key.namespace, body)


def event(notice: Notice, *, key: Key, uid: str, identity: str) -> dict[str, Any]:
    """Return the Event's body (core/v1)."""
    at = notice.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ending = f".{uid[:8]}-{notice.name}"
    name = key.name[: _LONGEST_NAME - len(ending)].rstrip(".-") + ending
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": key.namespace},
        "involvedObject": {
            "apiVersion": "canaryd.io/v1beta1",
            "kind": "Canary",
            "namespace": key.namespace,
            "name": key.name,
            "uid": uid,
        },
        "reason": notice.reason,
        "message": cut(notice.sentence, _LONGEST_MESSAGE),
        "type": "Normal" if notice.severity is Severity.INFO else "Warning",
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": identity,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def cut(text: str, longest: int) -> str:
    """Shorten to so many bytes, between characters."""
    raw = text.encode()
    if len(raw) <= longest:
        return text
    return raw[: longest - len("…".encode())].decode(errors="ignore") + "…"
