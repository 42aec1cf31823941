"""`python -m tests.demo [--stay]`: builds what is missing, makes a world, and plays on it."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tests.demo.play import play
from tests.demo.scene import Scene
from tests.demo.script import SCRIPT
from tests.demo.stage import StageError, WorldStage
from tests.demo.view import WIDEST, fitting, summary, tell
from tests.world.build import BuildError, build
from tests.world.namespace import NoNamespaceError, run
from tests.world.plan import ROOT
from tests.world.visit import enter_script
from tests.world.world import World

USAGE = "usage: python -m tests.demo [--stay]"
STAY, LIVE = "--stay", "live"
INTERRUPTED = 130
OFTEN = 5.0
"""Without a terminal, so often (in seconds) it is said how it stands."""


def outside(*, stay: bool) -> int:
    """Build what is missing, and go on in a namespace; nothing outlives this."""
    build()
    with tempfile.TemporaryDirectory(prefix="canaryd-demo-") as made:
        more = [STAY] if stay else []
        here = [sys.executable, "-m", "tests.demo", LIVE, made, *more]
        return run(["env", f"PYTHONPATH={ROOT}", *here], entered=enter_script(Path(made)))


def inside(folder: Path, *, stay: bool) -> int:
    """The play, from an empty folder to the summary."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    console = _console()
    try:
        return _on_world(console, folder, stay=stay)
    except KeyboardInterrupt:
        console.print("Ended; nothing is left behind.")
        return 0 if stay else INTERRUPTED


def _on_world(console: Console, folder: Path, *, stay: bool) -> int:
    def say(words: str) -> None:
        console.print(Text(f"demo: {words}", style="dim"))

    say("starting a Kubernetes API server, Envoy and Prometheus in a network of their own (6 s)")
    with World.start(folder, build()) as world, WorldStage(world, folder, say) as stage:
        try:
            with _screen(console) as show:
                end = play(stage, SCRIPT, show)
        except (StageError, AssertionError) as error:
            console.print(Text(f"demo: {error}\n{stage.account()}"))
            return 1
        console.print(summary(end))
        if not end.as_hoped:
            console.print(Text(stage.account()))
            return 1
        if stay:
            console.print(Text(f"It runs on until Ctrl-C. In another shell: {folder}/enter bash"))
            threading.Event().wait()
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the way out is not disturbed
    raise KeyboardInterrupt


def _console() -> Console:
    """A terminal's; else one without colours, that breaks no line, whatever FORCE_COLOR says."""
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return Console(force_terminal=False, no_color=True, soft_wrap=True, highlight=False)
    console = Console(highlight=False)
    return Console(highlight=False, width=min(console.width, WIDEST))


@contextmanager
def _screen(console: Console) -> Iterator[Callable[[Scene], None]]:
    """What shows scenes: a live view on a terminal, else lines."""
    if not console.is_terminal:
        yield Teller(lambda line: console.print(Text(line)))
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda scene: live.update(fitting(scene, console), refresh=True)


class Teller:
    """For pipes and CI: one line for each transition, and how it stands every few seconds."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._before: Scene | None = None
        self._stood = -OFTEN

    def __call__(self, scene: Scene) -> None:
        due = scene.elapsed - self._stood >= OFTEN
        if due:
            self._stood = scene.elapsed
        for line in tell(self._before, scene, due=due):
            self._say(line)
        self._before = scene


def _complain(words: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(words))


def main(args: list[str]) -> int:
    """Read the command line."""
    try:
        match args:
            case []:
                return outside(stay=False)
            case ["--stay"]:
                return outside(stay=True)
            case ["live", folder, *more]:
                return inside(Path(folder), stay=bool(more))
            case _:
                _complain(USAGE)
                return 2
    except (BuildError, NoNamespaceError) as error:
        _complain(f"demo: {error}")
        return 1
    except KeyboardInterrupt:
        _complain("demo: ended")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
