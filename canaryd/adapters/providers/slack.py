"""Delivers notices to Slack's incoming webhooks."""

from __future__ import annotations

from typing import Any

import orjson

from canaryd.adapters.providers.delivery import Mailbox
from canaryd.model.names import Key
from canaryd.model.notice import Notice
from canaryd.model.spec import Severity

_COLOURS = {Severity.INFO: "good", Severity.WARN: "warning", Severity.ERROR: "danger"}
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_LONGEST = 3_000


class SlackProvider:
    """Implements `ports.Provider` for Slack and what speaks its webhook form."""

    def __init__(
        self, mailbox: Mailbox, *, channel: str | None = None, username: str | None = None
    ) -> None:
        self._mailbox = mailbox
        self._where = {
            name: value for name, value in (("channel", channel), ("username", username)) if value
        }

    async def send(self, notice: Notice, *, key: Key, uid: str) -> None:
        """Deliver once; Slack knows no ids, so a repeated delivery shows twice."""
        body = {**self._where, **message(notice, key=key, uid=uid)}
        await self._mailbox.post(orjson.dumps(body))


def message(notice: Notice, *, key: Key, uid: str) -> dict[str, Any]:
    """Return the message: the sentence first, what stands beside it in fields."""
    fields = {
        "Phase": notice.phase,
        "Weight": f"{notice.weight} %",
        "Revision": notice.revision or "",
        "Image": ", ".join(notice.images.values()),
    }
    gates = "\n".join(notice.gates)
    return {
        "text": _text(f"{key.namespace}/{key.name}: {notice.reason}"),
        "attachments": [
            {
                "color": _COLOURS[notice.severity],
                "fallback": _text(notice.sentence),
                "text": _text(f"{notice.sentence}\n{gates}" if gates else notice.sentence),
                "fields": [
                    {"title": title, "value": _text(value), "short": True}
                    for title, value in fields.items()
                    if value
                ],
                "footer": f"canaryd {uid[:8]}-{notice.seq}",
                "ts": int(notice.at.timestamp()),
            }
        ],
    }


def _text(text: str) -> str:
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return cut.translate(_ESCAPES)
