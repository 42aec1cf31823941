"""Delivers notices as JSON to any HTTP address."""

from __future__ import annotations

from typing import Any

import orjson

from canaryd.adapters.providers.delivery import Mailbox
from canaryd.model.names import Key
from canaryd.model.notice import Notice


class WebhookProvider:
    """Implements `ports.Provider` for a generic receiver."""

    def __init__(self, mailbox: Mailbox, *, token: str | None = None) -> None:
        self._mailbox = mailbox
        self._headers = {"Authorization": f"Bearer {token.strip()}"} if token else {}

    async def send(self, notice: Notice, *, key: Key, uid: str) -> None:
        """Deliver once; the id is also the Idempotency-Key."""
        body = payload(notice, key=key, uid=uid)
        headers = {**self._headers, "Idempotency-Key": body["id"]}
        await self._mailbox.post(orjson.dumps(body), headers)


def payload(notice: Notice, *, key: Key, uid: str) -> dict[str, Any]:
    """Return what a receiver gets; the same notice has the same id for ever."""
    return {
        "id": f"{uid}-{notice.name}",
        "seq": notice.seq,
        "canary": key.name,
        "namespace": key.namespace,
        "rollout": notice.rollout,
        "revision": notice.revision,
        "images": dict(notice.images),
        "phase": notice.phase,
        "reason": notice.reason,
        "severity": notice.severity.value,
        "weight": notice.weight,
        "sentence": notice.sentence,
        "gates": list(notice.gates),
        "at": notice.at,
    }
