"""Words that several commands use for the same thing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from canaryd.decide.narrate import span

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def printable(text: str) -> str:
    """Make a stranger's words fit for a terminal and for JSON: one line of whole characters."""
    known = text.encode("utf-8", "replace").decode()
    return "".join(char if char.isprintable() else " " for char in known)


def short_images(images: Mapping[str, str]) -> str:
    """Say images without their registry."""
    return ", ".join(image.rpartition("/")[2] for image in images.values()) or "no image"


def stands_paused(deployment: str) -> str:
    """Say that a Deployment is paused, and how it goes on."""
    return (
        f"Deployment {deployment} is paused (spec.paused), so its next revision is unknown; "
        f"kubectl rollout resume deployment/{deployment}"
    )


def age(since: datetime | None, now: datetime) -> str:
    """Say how long something has been so, in one or two units, as kubectl does."""
    if since is None:
        return "-"
    passed = max(now - since, timedelta())
    for unit, least in ((_DAY, _DAY * 2), (_HOUR, _HOUR * 3), (_MINUTE, _MINUTE * 2)):
        if passed >= least:
            name = {_DAY: "d", _HOUR: "h", _MINUTE: "m"}[unit]
            return f"{passed // unit}{name}"
    return f"{passed // timedelta(seconds=1)}s"


def whole(duration: timedelta) -> str:
    """Say a duration in whole seconds, rounded up: what is left is never said to be nothing."""
    seconds = -(-max(duration, timedelta()) // timedelta(seconds=1))
    return span(timedelta(seconds=seconds)) if seconds else "0s"


def clock_time(at: datetime) -> str:
    """Say an instant as the time of day where the command runs."""
    return at.astimezone().strftime("%H:%M:%S")
