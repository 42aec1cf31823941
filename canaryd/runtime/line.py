"""One Canary whose requests are counted: what is wanted of it, and how far the asking has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from canaryd.model.answered import Answered
from canaryd.model.decision import Count
from canaryd.model.names import Key
from canaryd.model.question import Failed, PastQuestion, TileQuestion
from canaryd.model.tile import USUAL_SCRAPE, Silence
from canaryd.runtime.attendance import Attendance
from canaryd.runtime.seam import Seam
from canaryd.runtime.store import Store

RETRY = timedelta(seconds=10)
"""How soon a question that failed is asked again."""
GIVES_UP = 3
"""So often is a tile asked for whose answer cannot be read, since another server may answer better;
the next ones once, until one can."""
TOGETHER = 16
"""Of tiles that came late so many are decided on together."""
SHORTEST = timedelta(milliseconds=100)
"""The shortest scrape interval that is believed."""
SPAN = timedelta(hours=1)
"""How far back the pods that served are looked at."""


class Kind(Enum):
    """The kinds of questions, each of which may go unanswered by itself."""

    TIME = "time"
    TILES = "tiles"
    PAST = "past"


@dataclass(slots=True, eq=False)
class Line:
    """The state of one Canary's counting; the store holds what has been counted.

    A new `ticket` makes every question under way one of the past: its answer is dropped.
    """

    key: Key
    uid: str
    count: Count
    ticket: int = 0
    following: datetime | None = None
    """The start of the tile that is asked for next, on the server's clock."""
    asked: bool = False
    """Whether that question is under way."""
    retry_at: datetime | None = None
    """After a failure: when to ask again, on our clock."""
    unusable: int = 0
    """So many answers in a row could not be read; they say the same however often it is asked."""
    seam: Seam = field(default_factory=Seam)
    attendance: Attendance = field(default_factory=Attendance)
    scrape: timedelta | None = None
    usual: timedelta = USUAL_SCRAPE
    """The scrape interval that is assumed while its own is not known: the server's last one."""
    silences: dict[Kind, Silence] = field(default_factory=dict[Kind, Silence])
    studied: tuple[object, ...] | None = None
    """What the background was asked about; None while none is wanted."""
    study: int = 0
    """The ticket of the question about the background."""

    @property
    def pace(self) -> timedelta:
        """The scrape interval that is gone by."""
        return self.scrape or self.usual

    @property
    def lag(self) -> timedelta:
        """How old a tile must be before all that belongs to it can be asked for."""
        delay = self.count.server.delay if self.count.server is not None else timedelta()
        return self.pace + delay

    def complete_at(self, start: datetime) -> datetime:
        """When all that belongs to the tile from then on is there; both on the server's clock."""
        return start + self.count.every + self.lag

    def asks_again(self, failed: Failed) -> bool:
        """Whether a tile that was not told is asked for again; else it counts for nothing."""
        self.unusable += failed.answered is Answered.NO_DATA
        return failed.answered is not Answered.NO_DATA or self.unusable < GIVES_UP

    def heard(self, end: datetime, waiting: int, time: datetime) -> bool:
        """Whether a tile that ended then is worth a decision, after so many that wait.

        While the past is caught up with, not every one has its own; `time` is the server's.
        """
        late = self.complete_at(end) <= time
        return not late or waiting % TOGETHER == TOGETHER - 1

    def question(self, end: datetime) -> TileQuestion:
        """Ask for the tile that ends then, on the server's clock."""
        count = self.count
        return TileQuestion(
            key=self.key,
            namespace=self.key.namespace,
            canary=count.canary,
            primary=count.primary,
            revision=count.revision,
            window=count.every,
            end=end,
            edges=count.edges,
            warm_up=count.warm_up,
            reporter=count.reporter,
            warm=self.attendance.warm(end - count.every, warm_up=count.warm_up, window=count.every),
        )

    def past(self, end: datetime, served_since: datetime) -> PastQuestion:
        """Ask for the hour before `end`; both instants are on the server's clock."""
        count = self.count
        both = (count.primary, count.canary)
        return PastQuestion(
            key=self.key,
            namespace=self.key.namespace,
            workloads=both if served_since > end - SPAN else (count.primary,),
            window=count.every,
            end=end,
            span=SPAN,
            reporter=count.reporter,
            latency=count.edges != (),
        )

    def tell(self, kind: Kind, failed: Failed | None, *, now: datetime, store: Store) -> None:
        """Note that questions of this kind fail, or that one was answered."""
        before = self.silences.pop(kind, None)
        if failed is None and before is None:
            return
        if failed is not None:
            since = before.since if before is not None else now
            self.silences[kind] = Silence(failed.answered, failed.detail, since)
        self.show(store)

    def show(self, store: Store) -> None:
        """Show what is silent for longest; while tiles come, the background can be waited for."""
        counts = self.count.since is not None
        told = [it for kind, it in self.silences.items() if not (counts and kind is Kind.PAST)]
        store.put_silence(self.key, min(told, key=lambda silence: silence.since, default=None))


def course(count: Count) -> tuple[object, ...]:
    """What must not change from one tile to the next: else they are answers to another question."""
    return (
        count.canary,
        count.primary,
        count.revision,
        count.every,
        count.edges,
        count.warm_up,
        count.reporter,
    )


def background_of(count: Count) -> tuple[object, ...] | None:
    """What the background is about; None when none is wanted."""
    if not count.background:
        return None
    return (
        count.canary,
        count.primary,
        count.revision,
        count.every,
        count.served_since,
        count.about,
    )


def regular(scrape: timedelta | None) -> timedelta | None:
    """The interval that was meant: Canaries whose tiles are due together share a call."""
    if scrape is None:
        return None
    return max(timedelta(seconds=round(scrape.total_seconds(), 1)), SHORTEST)
