"""What people and pipelines ask for: the effect goes into the status, the answer follows it."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from canaryd.decide.draft import Draft
from canaryd.decide.moves import ABORTED, roll_back, start_rollout
from canaryd.model.decision import Answer, RequestState
from canaryd.model.snapshot import Request, Verb
from canaryd.model.status import Pause, Phase


def serve_requests(draft: Draft) -> Draft:
    """Apply every unanswered request, oldest first; one that was applied before does no harm."""
    for request in draft.snap.requests:
        draft = serve(draft, request)
    return draft


def serve(draft: Draft, request: Request) -> Draft:
    """Apply one request, or refuse it with the reason, or leave it for a moment."""
    status = draft.status
    if status.primary_slot is None:
        return draft
    if status.rollout is None:
        return serve_idle(draft, request)
    running = status.rollout.revision
    if running != request.revision:
        if draft.canary.revision == request.revision:
            return draft  # its rollout starts with this very decision; ask again after it
        message = f"the running rollout is of {running}, not of {request.revision}"
        return refuse(draft, request, message)
    if status.phase is Phase.ROLLING_BACK:
        if request.verb is Verb.ABORT:
            return done(draft, request, "it is being rolled back already")
        return refuse(draft, request, "the rollout is being rolled back")
    return serve_rollout(draft, request)


def serve_idle(draft: Draft, request: Request) -> Draft:
    """No rollout runs: only a retry has an effect; what has been done already is said to be."""
    status = draft.status
    rejected, promoted = status.rejected, status.promoted
    if rejected is not None and rejected.revision == request.revision:
        if request.verb is Verb.RETRY:
            return retry(draft, request)
        if request.verb is Verb.ABORT:
            return done(draft, request, "it has been taken back already")
    is_promoted = promoted is not None and promoted.revision == request.revision
    if is_promoted and request.verb in (Verb.APPROVE, Verb.PROMOTE):
        return done(draft, request, "it has been promoted already")
    if draft.canary.revision == request.revision != status.idle_revision:
        return draft  # its rollout starts with this very decision; ask again after it
    return refuse(draft, request, "no rollout is running")


def retry(draft: Draft, request: Request) -> Draft:
    """Try a rejected revision again, if the idle slot still holds it."""
    if draft.canary.revision is None and draft.canary.exists:
        return draft  # Kubernetes has not named it yet: ask again when it has
    if draft.canary.revision != request.revision:
        return refuse(draft, request, f"{draft.canary.name} no longer holds {request.revision}")
    draft = start_rollout(draft, f"{who(request)} asked to retry")
    return done(draft, request, f"rollout of {request.revision} started again")


def serve_rollout(draft: Draft, request: Request) -> Draft:
    """A request for the running rollout."""
    if outdone(draft, request):
        return done(draft, request, "a later request took its place")
    match request.verb:
        case Verb.APPROVE:
            return approve(draft, request)
        case Verb.PROMOTE:
            return promote(draft, request)
        case Verb.PAUSE:
            return pause(draft, request)
        case Verb.RESUME:
            return resume(draft, request)
        case Verb.ABORT:
            what = f"the rollout of {draft.canary.name} at {draft.observed} %"
            draft = roll_back(draft, ABORTED, f"{who(request)} aborted {what}")
            return done(draft, request, "all traffic goes back to the primary")
        case Verb.RETRY:
            return done(draft, request, "its rollout is running")
        case _:
            assert_never(request.verb)


def outdone(draft: Draft, request: Request) -> bool:
    """Whether a later one says the same or the opposite: only the last of them has an effect.

    Without this a pause and a resume that both wait for an answer would be told again and again.
    """
    later = draft.snap.requests[draft.snap.requests.index(request) + 1 :]
    same = {one.verb for one in later if one.revision == request.revision}
    words = {Verb.PAUSE, Verb.RESUME, Verb.PROMOTE}
    return request.verb in (Verb.PAUSE, Verb.RESUME) and not same.isdisjoint(words)


def promote(draft: Draft, request: Request) -> Draft:
    """Skip the remaining steps; also ends a pause."""
    if not draft.rollout.skip_steps:
        sentence = f"{who(request)} asked to promote now, without the remaining steps"
        draft = draft.tell("PromoteRequested", sentence)
    draft = draft.change_rollout(skip_steps=True, paused=None)
    return done(draft, request, "the remaining steps are skipped; readiness is not")


def pause(draft: Draft, request: Request) -> Draft:
    """Nothing advances until a person resumes."""
    if draft.rollout.paused is None:
        wish = Pause(request.by, request.reason, request.created_at)
        draft = draft.change_rollout(paused=wish)
        draft = draft.tell("Paused", f"{who(request)} paused the rollout")
    return done(draft, request, "paused; it is judged on and may roll back")


def resume(draft: Draft, request: Request) -> Draft:
    """End a pause."""
    if draft.rollout.paused is not None:
        draft = draft.change_rollout(paused=None)
        draft = draft.tell("Resumed", f"{who(request)} resumed the rollout")
    return done(draft, request, "resumed")


def approve(draft: Draft, request: Request) -> Draft:
    """An approval counts for one step only."""
    step = draft.status.step
    if step is None or request.step is None or not 0 <= request.step - 1 <= step.index:
        at = "no step has been entered yet" if step is None else f"step {step.index + 1} is running"
        return refuse(draft, request, f"{at}, not step {request.step}")
    asked = f"step {request.step} of {step.count}"
    if request.step - 1 < step.index or draft.rollout.approved_step == step.index:
        return done(draft, request, f"{asked} has been approved or passed")
    if not draft.snap.spec.analysis.steps[step.index].approval:
        return refuse(draft, request, f"{asked} asks for no approval")
    draft = draft.change_rollout(approved_step=step.index)
    draft = draft.tell("Approved", f"{who(request)} approved {asked}")
    return done(draft, request, f"{asked} approved")


def who(request: Request) -> str:
    """Name the person, and their reason when they gave one."""
    return f"{request.by} ({request.reason})" if request.reason else request.by


def done(draft: Draft, request: Request, message: str) -> Draft:
    """Answer that it has its effect."""
    answer = Answer(request.name, RequestState.DONE, message)
    return replace(draft, answers=(*draft.answers, answer))


def refuse(draft: Draft, request: Request, message: str) -> Draft:
    """Answer that it has none, and why; told to all only in the request."""
    answer = Answer(request.name, RequestState.REFUSED, f"{request.verb.value} refused: {message}")
    return replace(draft, answers=(*draft.answers, answer))
