"""How a scene looks: drawn for a terminal, or told line by line where nobody looks. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import ROUNDED
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tests.demo.scene import Ending, Line, Mood, Scene, Summary

STYLES = {Mood.PLAIN: "", Mood.GOOD: "green", Mood.WARN: "yellow", Mood.BAD: "red"}
MARKS = {Mood.PLAIN: "·", Mood.GOOD: "✓", Mood.WARN: "!", Mood.BAD: "✗"}
PHASES = {"Idle": "green", "RollingBack": "bold red"}
ROLES = {"serves": "green", "canary": "bold cyan", "idle": "dim"}
WIDEST = 110
BAR = 20
LAST = 4
"""So many notices are shown at most."""
UNKNOWN = "-"
TRY = """\
make demo DEMO_ARGS=--stay                          this, then left running for you to try:
  canaryd why podinfo -n demo                       where it is, why, and what comes next
  canaryd retry podinfo -n demo                     the rejected version once more
  canaryd wait podinfo -n demo                      follow it; the exit code says how it ended
docs/how-to/install.md                              canaryd in your own cluster"""


def clock(seconds: float) -> str:
    """Say a time since the play began, as 1:05."""
    whole = max(int(seconds), 0)
    return f"{whole // 60}:{whole % 60:02}"


def percent(value: float | None) -> str:
    """Say a share: a tenth where it matters, and never 100 % of what is not all."""
    if value is None:
        return UNKNOWN
    if value in {0, 100}:
        return f"{value:.0f} %"
    return f"{min(max(value, 0.1), 99.9):.1f} %"


def milliseconds(value: float | None) -> str:
    """Say a duration in whole milliseconds."""
    return UNKNOWN if value is None else f"{value:.0f} ms"


def users(sent: int, failed: int) -> str:
    """Say what users have sent, and how much of it failed."""
    return f"{sent:,} requests, {failed:,} failed"


# --- the live view --------------------------------------------------------------------------------


def render(scene: Scene, last: int = LAST) -> RenderableType:
    """Draw a scene, with so many of the last notices; the verdict is not said twice."""
    parts: list[RenderableType] = [
        Text.assemble((f"{scene.act} of {scene.acts}  ", "dim"), (scene.title, "bold")),
        Text(),
        _sides(scene),
        Text(),
        _facts(scene),
    ]
    told = [one for one in scene.told if scene.verdict is None or one.line != scene.verdict]
    if shown := told[len(told) - last :] if last < len(told) else told:
        lines = _grid(indent=1)
        for one in shown:
            when = Text(clock(one.at), style="dim")
            lines.add_row(when, Text(one.line.text, style=STYLES[one.line.mood]))
        parts += [Text(), lines]
    return Panel(
        Group(*parts),
        title=Text.assemble(("canaryd", "bold"), " · the podinfo 90/10 case"),
        title_align="left",
        subtitle=f"{clock(scene.elapsed)} · users: {users(scene.sent, scene.failed)}",
        subtitle_align="right",
        box=ROUNDED,
        border_style="dim",
        padding=(0, 1),
    )


def fitting(scene: Scene, console: Console) -> RenderableType:
    """Draw a scene with as many notices as the terminal has room for."""
    drawn = (render(scene, last) for last in range(LAST, 0, -1))
    fits = (one for one in drawn if len(console.render_lines(one)) <= console.height)
    return next(fits, render(scene, 0))


def _sides(scene: Scene) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in ("slot", "version", "role"):
        table.add_column(name, no_wrap=True)
    table.add_column("asked", justify="right", no_wrap=True)
    table.add_column("observed", justify="right", no_wrap=True)
    table.add_column("by users", width=BAR, no_wrap=True)
    table.add_column("errors", justify="right", no_wrap=True)
    table.add_column("p99", justify="right", no_wrap=True)
    for side in scene.sides:
        style = ROLES[side.role]
        table.add_row(
            Text(side.slot, style="bold"),
            side.version,
            Text(side.role, style=style),
            f"{side.asked} %",
            percent(side.observed),
            Text(bar(side.observed or 0), style=style),
            _valued(percent(side.error_rate), bad=(side.error_rate or 0) > scene.limits.error_rate),
            _valued(milliseconds(side.p99_ms), bad=(side.p99_ms or 0) > scene.limits.p99_ms),
        )
    return table


def _valued(text: str, *, bad: bool) -> Text:
    return Text(text, style="bold red" if bad else "")


def bar(share: float, width: int = BAR) -> str:
    """Draw a share of 100 % as a bar; anything but nothing is seen."""
    eighths = max(round(share * width * 8 / 100), 1) if share > 0 else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")


def _facts(scene: Scene) -> Table:
    facts = _grid()
    phase = Text(scene.phase, style=PHASES.get(scene.phase, "cyan"))
    facts.add_row(Text("phase", style="dim"), phase + Text(f"  {scene.step}"))
    hold = Text(scene.hold, style="yellow") if scene.hold else Text("none", style="dim")
    facts.add_row(Text("hold", style="dim"), hold)
    for number, check in enumerate(scene.checks):
        name = Text("" if number else "checks", style="dim")
        facts.add_row(name, _marked(check))
    if scene.verdict:
        text = _marked(scene.verdict)
        text.stylize("bold")
        facts.add_row(Text("verdict", style="dim"), text)
    return facts


def _marked(line: Line) -> Text:
    return Text(f"{MARKS[line.mood]} {line.text}", style=STYLES[line.mood])


def _grid(indent: int = 0) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, min_width=7 - indent)
    grid.add_column(ratio=1)
    return grid


# --- without a terminal ---------------------------------------------------------------------------


def tell(before: Scene | None, scene: Scene, *, due: bool) -> Iterator[str]:
    """Say what is new since the scene before; and how it stands, when that is due."""
    when = f"{clock(scene.elapsed):>5}  "
    if before is None or before.act != scene.act:
        yield f"{when}{scene.act} of {scene.acts}: {scene.title}"
    known = before.told[-1].number if before and before.told else 0
    for one in scene.told:
        if one.number > known:
            yield f"{clock(one.at):>5}  {MARKS[one.line.mood]} {one.line.text}"
    if due:
        yield f"{when}{'; '.join(_stands(scene))}"


def _stands(scene: Scene) -> Iterator[str]:
    yield " ".join(filter(None, (scene.phase, scene.step)))
    for side in scene.sides:
        yield (
            f"{side.slot} {side.version} {side.role}: asked {side.asked} %, "
            f"observed {percent(side.observed)}, errors {percent(side.error_rate)}, "
            f"p99 {milliseconds(side.p99_ms)}"
        )


# --- the end --------------------------------------------------------------------------------------


def summary(end: Summary) -> Text:
    """Say how the play ended, and what a person may try now."""
    text = Text()
    for ending in end.endings:
        text.append_text(_ended(ending))
    text.append(f"users   {users(end.sent, end.failed)}, in {clock(end.seconds)}\n")
    if end.as_hoped:
        text.append("Both releases ended as they should.\n\n", style="bold green")
        text.append("Try\n", style="bold")
        text.append("".join(f"  {line}\n" for line in TRY.splitlines()))
    else:
        text.append("This is not how it should have ended.\n", style="bold red")
    return text


def _ended(ending: Ending) -> Text:
    mood = Mood.GOOD if ending.as_hoped else Mood.BAD
    return Text.assemble(
        (f"{MARKS[mood]} {ending.story}\n", f"bold {STYLES[mood]}"),
        f"  {ending.sentence}\n",
        (
            f"  after {clock(ending.seconds)}; meanwhile users sent "
            f"{users(ending.sent, ending.failed)}; "
            f"{ending.reached:,} were answered by {ending.version}\n\n",
            "dim",
        ),
    )
