"""A Canary as it stands in the store: parsed once per change, never on a decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from canaryd.model.names import Key
from canaryd.model.packed import Packed
from canaryd.model.snapshot import Problem
from canaryd.model.spec import Spec
from canaryd.model.status import Status
from canaryd.wire.canary import parse_spec
from canaryd.wire.parts import read_changes
from canaryd.wire.status import parse_status
from canaryd.wire.watch import CanaryObject


@dataclass(frozen=True, slots=True)
class CanaryView:
    """One Canary: its wish and its state, or why they cannot be read."""

    key: Key
    uid: str
    generation: int
    created: datetime | None
    resource_version: str
    spec: Spec | Problem
    status: Status | Problem
    written: Packed
    """The status as it stands on the wire."""
    deleting: bool = False
    """Somebody deleted it, and a finalizer keeps it still."""

    @property
    def deployments(self) -> tuple[str, ...]:
        """The Deployments it takes turns with; none while the spec is invalid."""
        if isinstance(self.spec, Problem):
            return ()
        return tuple(slot.deployment for slot in self.spec.slots)


def view(obj: CanaryObject, before: CanaryView | None) -> CanaryView:
    """Parse what changed: the spec of one generation once, of a status the parts that differ."""
    meta = obj.metadata
    same = before is not None and (before.uid, before.generation) == (meta.uid, meta.generation)
    text = bytes(obj.status)
    try:
        status: Status | Problem = _status(text, before)
    except ValueError as error:
        status = Problem("UnreadableStatus", f"{error}; canaryd touches nothing until it is mended")
    return CanaryView(
        key=Key(meta.namespace, meta.name),
        uid=meta.uid,
        generation=meta.generation,
        created=meta.creation_timestamp,
        resource_version=meta.resource_version,
        spec=before.spec
        if before is not None and same
        else parse_spec(bytes(obj.spec), meta.namespace),
        status=status,
        written=Packed.of(text),
        deleting=meta.deletion_timestamp is not None,
    )


def _status(text: bytes, before: CanaryView | None) -> Status:
    if before is None or isinstance(before.status, Problem):
        return parse_status(text)
    return read_changes(text, before.written.text(), before.status)
