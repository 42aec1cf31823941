"""Which release a person waits for, and how it ended, by status and what the slots hold. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from canaryd.cli.exits import Code
from canaryd.cli.words import short_images, stands_paused
from canaryd.cli.workloads import Holding
from canaryd.model.names import Revision, SlotName
from canaryd.model.status import Phase, Promoted, Status

DECIDED = {
    "Promoted": Code.DONE,
    "RolledBack": Code.TAKEN_BACK,
    "Aborted": Code.TAKEN_BACK,
    "Superseded": Code.SUPERSEDED,
    "RejectedRevision": Code.SUPERSEDED,
}
"""What the notices of a rollout's end mean for its revision."""
LAST = DECIDED | {"RejectedRevision": Code.TAKEN_BACK, "ServingSlotChanged": Code.ERROR}
"""What they mean for whoever asks after the last thing that happened."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    image: str | None = None
    revision: Revision | None = None
    slot: SlotName | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """What is followed: one revision. Notices up to `since` are about earlier attempts with it."""

    revision: Revision
    slot: SlotName | None
    since: int
    known: Revision | None
    """The idle slot's revision that the controller knew at the start."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """What to follow cannot be told yet; of a push that has no name, its slot and template."""

    message: str
    slot: SlotName | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended."""

    code: Code
    message: str


def choose(
    status: Status, holdings: Mapping[SlotName, Holding], wanted: Wanted
) -> Release | NotYet | Ending:
    """Find what to follow; an Ending when nothing is newer than what has ended."""
    if wanted.revision is not None:
        held = next((h.slot for h in holdings.values() if h.revision == wanted.revision), None)
        return _release(status, wanted.revision, held)
    if status.idle_slot is None or status.primary_slot is None:
        return NotYet("canaryd has not taken over yet")
    idle, serving = holdings.get(status.idle_slot), holdings.get(status.primary_slot)
    if wanted.slot is None and wanted.image is None:
        return _newest(status, idle, serving)
    candidates = [
        holding
        for holding in (idle, serving)
        if holding is not None
        and wanted.slot in (None, holding.slot)
        and (wanted.image is None or holding.runs(wanted.image))
    ]
    if not candidates:
        which = f"slot {wanted.slot}" if wanted.slot else "either slot"
        what = f"with image {wanted.image} " if wanted.image else ""
        return NotYet(f"there is no Deployment {what}in {which} yet")
    if len(candidates) > 1 and not _is_new(status, candidates[0]):
        candidates.reverse()
    return _held(status, candidates[0])


def choose_unseen(status: Status) -> Release | NotYet | Ending:
    """Find what to follow by the status alone, for whoever may not read Deployments."""
    if status.idle_slot is None:
        return NotYet("canaryd has not taken over yet")
    if status.rollout is not None:
        return _release(status, status.rollout.revision, status.idle_slot)
    return last(status)


def _newest(
    status: Status, idle: Holding | None, serving: Holding | None
) -> Release | NotYet | Ending:
    if idle is not None and _is_new(status, idle):
        return _held(status, idle)
    if status.rollout is not None:
        return _release(status, status.rollout.revision, status.idle_slot)
    promoted = status.promoted.revision if status.promoted else None
    if serving is not None and not serving.paused and serving.revision != promoted:
        return _held(status, serving)
    return last(status)


def _is_new(status: Status, idle: Holding) -> bool:
    return status.rollout is not None or idle.revision != status.idle_revision


def _held(status: Status, holding: Holding) -> Release | NotYet:
    if holding.revision is not None:
        return _release(status, holding.revision, holding.slot)
    message = f"Kubernetes has not yet named the new revision of Deployment {holding.deployment}"
    if holding.paused:
        message = stands_paused(holding.deployment)
    return NotYet(message, holding.slot, holding.digest)


def _release(status: Status, revision: Revision, slot: SlotName | None) -> Release:
    known = {status.idle_revision}
    known |= {part.revision for part in (status.rollout, status.promoted, status.rejected) if part}
    after = 0 if revision in known else status.newest
    return Release(revision, slot, after, status.idle_revision)


def ending(status: Status, release: Release, *, ran: bool) -> Ending | None:
    """How the release ended; None while it goes on. `ran` says that its rollout was seen."""
    rollout, revision = status.rollout, release.revision
    if rollout is not None and rollout.revision == revision:
        return None
    if status.promoted is not None and status.promoted.revision == revision:
        return _serves(status, status.promoted)
    if status.rejected is not None and status.rejected.revision == revision:
        return Ending(Code.TAKEN_BACK, status.rejected.message)
    return _told(status, release) or _overtaken(status, release, ran=ran)


def _serves(status: Status, promoted: Promoted) -> Ending:
    for notice in reversed(status.notices):
        if notice.reason == "Promoted" and notice.revision == promoted.revision:
            break
        if notice.reason == "ServingSlotChanged" and promoted.revision in notice.sentence:
            return Ending(Code.ERROR, notice.sentence)
    images = short_images(promoted.images)
    return Ending(Code.DONE, f"{promoted.revision} ({images}) serves all traffic")


def _told(status: Status, release: Release) -> Ending | None:
    for notice in reversed(status.notices):
        if notice.seq <= release.since or notice.revision != release.revision:
            continue
        if notice.reason == "RolloutStarted":
            return None
        if notice.reason in DECIDED:
            return Ending(DECIDED[notice.reason], notice.sentence)
    return None


def _overtaken(status: Status, release: Release, *, ran: bool) -> Ending | None:
    """What no notice tells: it never began, or too much happened while nobody looked."""
    revision, seen = release.revision, status.idle_revision
    newer = status.idle_slot == release.slot and seen not in (revision, release.known, None)
    if newer or (ran and status.rollout is not None):
        return Ending(Code.SUPERSEDED, f"{revision} was superseded by {seen}")
    if status.phase is not Phase.IDLE:
        return None
    aborted = [n for n in status.notices if n.reason == "Aborted" and n.seq > release.since]
    if seen == revision and aborted:
        return Ending(Code.TAKEN_BACK, aborted[-1].sentence)
    if ran:
        return Ending(Code.TAKEN_BACK, f"the rollout of {revision} has ended without promotion")
    if seen == revision:
        message = f"{revision} was in slot {status.idle_slot} before: its next change is released"
        return Ending(Code.ERROR, message)
    return None


def last(status: Status) -> Ending:
    """How the last release ended, for whoever asks when nothing is newer."""
    rejected = status.rejected
    if rejected is not None and rejected.revision == status.idle_revision:
        return Ending(Code.TAKEN_BACK, rejected.message)
    for notice in reversed(status.notices):
        if notice.reason in LAST and notice.reason != "Superseded":
            return Ending(LAST[notice.reason], notice.sentence)
    if status.promoted is None:
        return Ending(Code.ERROR, "nothing has been released yet")
    return Ending(Code.DONE, f"nothing is newer: {status.promoted.revision} serves all traffic")
