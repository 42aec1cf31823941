"""Whether what was counted is of now: what must be there by now, and what is to come."""

from __future__ import annotations

from datetime import datetime, timedelta

from canaryd.decide import narrate
from canaryd.decide.draft import Draft, sure
from canaryd.decide.ruling import heard_since
from canaryd.model.tile import USUAL_SCRAPE

PATIENCE = timedelta(seconds=30)
"""How late a tile may be that is on its way."""


def lags_behind(draft: Draft) -> bool:
    """Whether tiles that must be there by now have not been taken in yet.

    They are asked for one after the other; while the server gives none there is a silence.
    """
    counting, server = draft.snap.counting, draft.snap.spec.analysis.server
    if counting.skew is None:
        return True
    evidence = sure(draft.status.evidence)
    delay = server.delay if server is not None else timedelta()
    due = draft.now + counting.skew - (counting.scrape or USUAL_SCRAPE) - delay - PATIENCE
    return evidence.counted_until + 2 * evidence.window < due


def heard(draft: Draft, live_since: datetime) -> bool:
    """Whether anything was looked at that was counted while the step's weight was there."""
    skew = draft.snap.counting.skew or timedelta()
    entered = live_since + skew + draft.snap.waits.weight_settles
    return heard_since(sure(draft.status.evidence), entered)


def ahead(draft: Draft) -> str | None:
    """Say that what was counted ends after the metrics server's present time, if it does."""
    evidence, skew = sure(draft.status.evidence), draft.snap.counting.skew
    if skew is None or evidence.counted_until <= draft.now + skew + evidence.window:
        return None
    left = narrate.span(evidence.counted_until - draft.now - skew)
    return (
        f"what was counted ends {left} after the metrics server's present time: its clock was set "
        "back, or another server is asked now; nothing is counted twice, so that canaryd waits for "
        "that time; canaryd abort and then retry begin anew at once"
    )
