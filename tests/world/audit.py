"""Reads the API server's audit log: who asked for what, and what was answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One request as the API server saw it; a watch is there twice (its start and its end)."""

    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    user: str
    agent: str
    uri: str
    code: int
    stage: str
    received: str
    raw: dict[str, Any] = field(repr=False, compare=False)

    @property
    def writes(self) -> bool:
        return self.verb in {"create", "update", "patch", "delete", "deletecollection"}


def parse(line: str) -> AuditEvent:
    raw = json.loads(line)
    about = raw.get("objectRef", {})
    return AuditEvent(
        verb=raw["verb"],
        resource=about.get("resource", ""),
        subresource=about.get("subresource", ""),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        user=raw.get("user", {}).get("username", ""),
        agent=raw.get("userAgent", ""),
        uri=raw["requestURI"],
        code=raw.get("responseStatus", {}).get("code", 0),
        stage=raw["stage"],
        received=raw["requestReceivedTimestamp"],
        raw=raw,
    )


def events(log: Path, since: int = 0) -> Iterator[AuditEvent]:
    """The events behind a place in the log; a line that is still being written waits."""
    with log.open("rb") as file:
        file.seek(since)
        for line in file:
            if line.endswith(b"\n"):
                yield parse(line.decode())
