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
            _say_end(word, end.code, end.message, release.revision if release else None)
        elif end.code is Code.NO_CANARY:
            raise NoCanary(end.message)
        elif end.code is Code.ERROR:
            raise Stop(end.message)
        else:
            say(f"{paint(word, colour, bold=True)}: {end.message}")

    def stop(self, stop: Stop) -> None:
        """Tell programs of an end that came before there was one; the sentence itself follows."""
        if self._json:
            missing = stop.exit_code == Code.NO_CANARY
            word = ENDED[Code.NO_CANARY][0] if missing else "error"
            _say_end(word, stop.exit_code, stop.message, None)


def _say_end(word: str, code: int, message: str, revision: str | None) -> None:
    said = {"outcome": word, "exitCode": int(code), "message": message}
    say_json_line(said | ({"revision": revision} if revision else {}))
