"""One Canary on one screen: where, why not moving, on what evidence, what comes next. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from canaryd.cli.console import paint, phase, transition, verdict
from canaryd.cli.next_words import Case, next_words
from canaryd.cli.standing import problem, rests_rejected
from canaryd.cli.transitions import lines_of
from canaryd.cli.words import age, clock_time, short_images
from canaryd.decide.narrate import number, span, step_name
from canaryd.decide.say_evidence import refused
from canaryd.model.status import Condition, Phase, Status, Verdict
from canaryd.wire.status import render_status

LABEL = 11
LATELY = 5
KSTATUS = frozenset({"Ready", "Promoted", "Reconciling", "Stalled"})
_WIDEST = max(len(each.value) for each in Verdict)


def screen(case: Case, *, current: bool = True, width: int = 100) -> str:
    """The whole screen; `current` is false while canaryd has not acted on the latest spec."""
    status = case.status
    lines = [f"{paint(str(case.key), None, bold=True)}   {phase(status.phase)}"]
    if not current:
        lines.append(
            paint("canaryd has not yet acted on the latest change of this Canary", "yellow")
        )
    sections = (
        ("Where", _where(case)),
        ("Serving", _serving(case)),
        ("Idle" if status.rollout is None else "Canary", _canary(case)),
        ("Held", _held(case)),
        ("Note", [f"{note.type}: {note.message}" for note in advice(status)]),
        ("Evidence", _evidence(case)),
        ("Next", next_words(case)),
        ("Lately", [transition(line) for line in lines_of(status.notices[-LATELY:])]),
    )
    for label, texts in sections:
        lines += _section(label, texts, width - LABEL)
    return "\n".join(lines)


def _section(label: str, texts: list[str], width: int) -> list[str]:
    indented = [line for text in texts for line in _folded(text, width)]
    labels = [label.ljust(LABEL), *(" " * LABEL for _ in indented[1:])]
    return [f"{start}{line}" for start, line in zip(labels, indented, strict=False)]


def _folded(text: str, width: int) -> list[str]:
    """Break a long sentence between words; what follows is set in a little."""
    return wrap(
        text, max(width, 40), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _where(case: Case) -> list[str]:
    status = case.status
    if status.step is None:
        return [f"{status.canary_weight} % of the requests go to the canary"]
    entered = f"{step_name(status.step)}, entered {age(status.step.entered_at, case.now)} ago"
    if status.canary_weight == status.step.weight:
        return [entered]
    cap = f": {status.cap.message}" if status.cap is not None else ""
    return [entered, f"the canary has {status.canary_weight} % of the requests{cap}"]


def _serving(case: Case) -> list[str]:
    status, promoted = case.status, case.status.promoted
    if status.primary_slot is None or promoted is None:
        return []
    deployment = case.deployment(status.primary_slot)
    since = f"for {age(promoted.at, case.now)}"
    held = f"{promoted.revision} ({short_images(promoted.images)}), {since}"
    return [f"slot {status.primary_slot} (Deployment {deployment}): {held}"]


def _canary(case: Case) -> list[str]:
    status, rollout = case.status, case.status.rollout
    if status.idle_slot is None:
        return []
    slot = f"slot {status.idle_slot} (Deployment {case.deployment(status.idle_slot)})"
    if rollout is not None:
        held = f"{rollout.revision} ({short_images(rollout.images)})"
        return [f"{slot}: {held}, for {age(rollout.started_at, case.now)}"]
    held = str(status.idle_revision or "no revision yet")
    rejected = status.rejected
    if rejected is None or not rests_rejected(status):
        return [f"{slot}: {held}"]
    ago = age(rejected.at, case.now)
    return [f"{slot}: {held}", paint(f"rejected {ago} ago for {rejected.reason}", "red")]


def _held(case: Case) -> list[str]:
    status, found = case.status, problem(case.status)
    if found is not None:
        since = age(found.last_transition_time, case.now)
        return [paint(f"{found.reason}, for {since}", "red"), found.message]
    if status.hold is not None:
        since = age(status.hold.since, case.now)
        return [paint(f"{status.hold.reason.value}, for {since}", "yellow"), status.hold.message]
    if rests_rejected(status) and status.rejected is not None:
        return [status.rejected.message]
    return []


def _evidence(case: Case) -> list[str]:
    status = case.status
    lines = [f"{verdict(gate.verdict, _WIDEST)}  {gate.message}" for gate in status.gates]
    if status.rollout is not None and not case.spec.skip_analysis:
        failed, threshold = status.rollout.failed_checks, case.spec.analysis.threshold
        if case.spec.analysis.metrics:
            lines.append(f"{failed} failed checks; the one with number {threshold} rolls back")
    return [*lines, *_counted(case)]


def _counted(case: Case) -> list[str]:
    """How far the counting has come that evidence rests on, and what was left out."""
    evidence, known = case.status.evidence, case.status.background
    if evidence is None:
        return []
    lines = [
        f"{evidence.tiles} intervals of {span(evidence.window)} counted, "
        f"the last until {clock_time(evidence.counted_until)}"
    ]
    if evidence.refused is not None:
        lines.append(refused(evidence.refused))
    if known is not None and not known.sufficient:
        lines.append(
            f"how much the primary's pods differ by themselves is known from "
            f"{number(known.pod_hours, 2)} pod-hours; rollback by evidence needs "
            f"{number(known.needed, 2)}"
        )
    return lines


def advice(status: Status) -> list[Condition]:
    """Conditions that are not wrong enough to stop."""
    return [c for c in status.conditions if c.type not in KSTATUS and c.status == "True"]


def facts(case: Case, *, current: bool) -> Mapping[str, Any]:
    """The same for programs: the status' own parts, and what comes next."""
    wire = render_status(case.status)
    found = problem(case.status)
    said: dict[str, Any] = {
        "namespace": case.key.namespace,
        "name": case.key.name,
        "phase": case.status.phase.value,
        "weight": case.status.canary_weight,
        "current": current,
        "moving": case.status.hold is None
        and found is None
        and case.status.phase is not Phase.IDLE,
        "next": next_words(case),
    }
    if found is not None:
        said["problem"] = {"reason": found.reason, "message": found.message}
    if case.status.rollout is not None:
        said["threshold"] = case.spec.analysis.threshold
    kept = (
        "step",
        "hold",
        "cap",
        "rollout",
        "promoted",
        "rejected",
        "primarySlot",
        "idleSlot",
        "gates",
        "evidence",
        "background",
    )
    said |= {part: wire[part] for part in kept if part in wire}
    said["advice"] = [{"type": note.type, "message": note.message} for note in advice(case.status)]
    said["notices"] = wire["notices"][-LATELY:]
    return said
