"""A status part by part: what did not change is neither parsed again nor rendered again.

Both ways lead to exactly what `wire.status` makes of the whole, which they fall back to.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import Raw

from canaryd.model.notice import Notice
from canaryd.model.status import Status
from canaryd.wire.notice import sharing
from canaryd.wire.patch import merge_patch
from canaryd.wire.status import (
    LARGEST_STATUS,
    CanaryStatus,
    parse_status,
    render_status,
    shown,
)

NOTICES = "notices"
LISTS = frozenset({"gates", "conditions", NOTICES})
"""A merge patch says them whole, whatever they were before."""
MOST_NOTICES = 50
"""More are an error, which the whole status' parser puts into words."""
SURELY_FITS = LARGEST_STATUS - 1024
"""Beyond this size the whole is rendered, and shortened if need be."""
FIELDS = {str(info.alias or name): name for name, info in CanaryStatus.model_fields.items()}
"""The fields that are read back, by their names on the wire."""
_PYTHONS = frozenset(FIELDS.values()) - FIELDS.keys()
"""Names that a status has nowhere, although pydantic would read them."""
_FOR_PEOPLE = frozenset({"progress", "revision", "image"})
_SPOKEN_OF = frozenset({"step", "rollout", "promoted"})
"""What those words are about."""
_PARTS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])


def read_changes(raw: bytes, known: bytes, status: Status) -> Status:
    """Read a status of which an earlier version is known, with what that was read as.

    Raises ValueError with a sentence when it cannot be understood.
    """
    if raw == known:
        return status
    try:
        found = _read_changes(raw, known, status)
    except (ValueError, msgspec.MsgspecError):
        found = None
    return found if found is not None else parse_status(raw)


def _read_changes(raw: bytes, known: bytes, status: Status) -> Status | None:
    new, old = _PARTS.decode(raw), _PARTS.decode(known)
    if not _PYTHONS.isdisjoint(new.keys() | old.keys()):
        return None
    changed = {wire: name for wire, name in FIELDS.items() if new.get(wire) != old.get(wire)}
    parts = {wire: new[wire] for wire in changed if wire in new}
    items: list[bytes] = []
    told: dict[bytes, Notice] = {}
    if NOTICES in parts and NOTICES in old:
        items, were = _items(parts[NOTICES]), _items(old[NOTICES])
        if len(items) > MOST_NOTICES:
            return None
        told = dict(zip(were, status.notices, strict=True))
        parts[NOTICES] = Raw(b"[" + b",".join(it for it in items if it not in told) + b"]")
    read = parse_status(msgspec.json.encode(parts))
    values: dict[str, Any] = {name: getattr(read, name) for name in changed.values()}
    if items:
        fresh = iter(sharing(read.notices, before=status.notices[-1] if told else None))
        values[NOTICES] = tuple(told[it] if it in told else next(fresh) for it in items)
    return replace(status, **values)


def _items(raw: Raw) -> list[bytes]:
    return [bytes(item) for item in _ITEMS.decode(raw)]


def status_patch(before: Status, after: Status, written: bytes) -> dict[str, Any]:
    """Return the merge patch from one status to the next; `written` is `before` as it stands.

    Notices that are told already go over as they stand: a merge patch says a list whole.
    """
    changed = differing(before, after)
    if not changed:
        return {}
    patch = merge_patch(_rendered(before, changed - LISTS), _rendered(after, changed - {NOTICES}))
    if NOTICES in changed:
        patch[NOTICES] = _notices(before.notices, after.notices, written)
    if len(written) + len(msgspec.json.encode(patch)) > SURELY_FITS:
        return merge_patch(render_status(before), render_status(after))
    return patch


def differing(before: Status, after: Status) -> set[str]:
    """The names of the fields that differ, of those that are on the wire."""
    return {
        name for name in FIELDS.values() if _differ(getattr(before, name), getattr(after, name))
    }


def _differ(before: object, after: object) -> bool:
    return before is not after and before != after


def _rendered(status: Status, names: Set[str]) -> dict[str, Any]:
    """Render some fields, and the words for people."""
    some = Status(**{name: getattr(status, name) for name in names | _SPOKEN_OF})
    return shown(some).model_dump(
        mode="json", by_alias=True, exclude_none=True, include={*names, *_FOR_PEOPLE}
    )


def _notices(
    before: Sequence[Notice], after: Sequence[Notice], written: bytes
) -> list[dict[str, Any]]:
    """The notices' list: those that stand as they stand, the others rendered."""
    stands: list[dict[str, Any]] = msgspec.json.decode(_PARTS.decode(written).get(NOTICES, b"[]"))
    known = zip(before, stands, strict=True) if len(stands) == len(before) else ()
    kept = {id(one): wire for one, wire in known}
    fresh = [one for one in after if id(one) not in kept]
    made = iter(_rendered(Status(notices=tuple(fresh)), {NOTICES})[NOTICES])
    return [kept[id(one)] if id(one) in kept else next(made) for one in after]
