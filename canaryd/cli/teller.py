"""Prints what `canaryd wait` has to tell, for people or for programs."""

from __future__ import annotations

from canaryd.cli.console import note, paint, say, say_json_line, transition
from canaryd.cli.exits import Code, NoCanary, Stop
from canaryd.cli.release import Ending, Release
from canaryd.cli.transitions import Line

ENDED = {
    Code.DONE: ("promoted", "green"),
    Code.TAKEN_BACK: ("taken back", "red"),
    Code.SUPERSEDED: ("superseded", "yellow"),
    Code.TIMED_OUT: ("timed out", "yellow"),
    Code.HELD: ("held", "yellow"),
    Code.ERROR: ("not promoted", "red"),
    Code.NO_CANARY: ("no such Canary", "red"),
}


class Teller:
    """Prints transitions and the end, for people or for programs."""

    def __init__(self, output: str) -> None:
        self._json = output == "json"

    def note(self, text: str) -> None:
        """Say on stderr what is no transition."""
        note(text)

    def line(self, line: Line) -> None:
        """Print one transition."""
        if not self._json:
            say(transition(line))
            return
        said = {
            "at": line.at.isoformat(),
            "reason": line.reason,
            "sentence": line.sentence,
            "severity": line.severity.value,
            "weight": line.weight,
            "revision": line.revision,
        }
        say_json_line({key: value for key, value in said.items() if value is not None})

    def end(self, end: Ending, release: Release | None) -> None:
        """Print how it ended."""
        word, colour = ENDED[end.code]
        if self._json:
            revision = release.revision if release else None
            said = {"outcome": word, "exitCode": int(end.code), "message": end.message}
            say_json_line(said | ({"revision": revision} if revision else {}))
        elif end.code is Code.NO_CANARY:
            raise NoCanary(end.message)
        elif end.code is Code.ERROR:
            raise Stop(end.message)
        else:
            say(f"{paint(word, colour, bold=True)}: {end.message}")
