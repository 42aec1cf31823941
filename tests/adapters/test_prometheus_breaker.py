"""When a server that does not answer is spared, and when one query is to blame instead."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from canaryd.adapters.prometheus.breaker import Breaker, Try
from canaryd.model.answered import Answered
from tests.adapters.asking import asking, built_in, question
from tests.adapters.fakes import HandClock
from tests.adapters.misbehaving import hang, misbehaving, raw, vector
from tests.adapters.slow import giving_up

ONE = vector(({}, "1"))


@dataclass
class Game:
    """A breaker of three failures and five seconds, and the tries that are under way."""

    clock: HandClock = field(default_factory=HandClock)
    under_way: dict[str, Try] = field(default_factory=dict[str, Try])

    def __post_init__(self) -> None:
        self.breaker = Breaker(failures=3, rest=5, monotonic=self.clock.monotonic)

    def play(self, moves: str) -> str:
        """Tell the breaker what a table says; return for each question whether it was let through.

        `a` begins the try a, `a+` says that it was answered and `a-` that it was not; `.` is a
        second. A capital begins the try of a query that was slow before.
        """
        told = ""
        for move in moves.split():
            if move == ".":
                self.clock.advance(timedelta(seconds=1))
            elif move[1:]:
                self.breaker.note(self.under_way[move[0]], answered=move[1] == "+")
            else:
                tried = self.breaker.begin(slow=move.isupper())
                told += "no" if tried is None else "yes"
                told += " "
                if tried is not None:
                    self.under_way[move] = tried
        return told.strip()


@pytest.mark.parametrize(
    ("moves", "let_through"),
    [
        pytest.param("a a- b b- c", "yes yes yes", id="two failures are none"),
        pytest.param("a a- b b- c c- d", "yes yes yes no", id="three in a row open it"),
        pytest.param("a a+ b b- c c- d d- e", "yes yes yes yes no", id="answers, then dead"),
        pytest.param("a a- b b- c c+ d d- e e- f", "yes " * 5 + "yes", id="an answer between"),
    ],
)
def test_three_failures_in_a_row_spare_a_server(moves: str, let_through: str) -> None:
    assert Game().play(moves) == let_through


@pytest.mark.parametrize(
    ("moves", "let_through"),
    [
        pytest.param("a b c d d+ a- b- c- e", "yes " * 4 + "yes", id="all overlap an answer"),
        pytest.param("a d d+ b c a- b- c- e", "yes " * 4 + "yes", id="one of three overlaps"),
        pytest.param("d a b c d+ a- b- c- e", "yes " * 4 + "yes", id="it was asked before them"),
        pytest.param("d d+ a b c a- b- c- e", "yes " * 4 + "no", id="it came before them"),
        pytest.param("a b a- a- a- b- c", "yes yes yes", id="each counts once"),
        pytest.param("a b c a- b- a- c", "yes " * 3 + "yes", id="not twice, late either"),
    ],
)
def test_a_failure_while_others_are_answered_is_that_questions_own(
    moves: str, let_through: str
) -> None:
    assert Game().play(moves) == let_through


OPEN = "a a- b b- c c- "
YESES = "yes yes yes "


@pytest.mark.parametrize(
    ("moves", "let_through"),
    [
        pytest.param(". . . . d", "no", id="it rests"),
        pytest.param(". . . . . d e", "yes no", id="one probe"),
        pytest.param(". . . . . d d- e . . . . f . g", "yes no no yes", id="a failing probe"),
        pytest.param(". . . . . d . . . . . e", "yes yes", id="a probe that never ends"),
        pytest.param(". . . . . d d+ e f", "yes yes yes", id="an answered probe"),
        pytest.param(". . . . . D d d+ D", "no yes yes", id="a slow one is no probe at once"),
        pytest.param(". " * 20 + "D", "yes", id="but after a while"),
    ],
)
def test_a_spared_server_gets_one_probe_per_rest(moves: str, let_through: str) -> None:
    assert Game().play(OPEN + moves) == YESES + let_through


async def test_a_server_that_answers_and_then_dies_is_spared() -> None:
    async with misbehaving(ONE) as server, asking(server, threads=1) as metrics:
        for _ in range(3):
            (sample,) = (await metrics.ask([question()])).values()
            assert sample.answered is Answered.VALUE
        server.then(raw(b"", close=True))
        samples = await metrics.ask([question(f"app{number}") for number in range(5)])
        told = [sample.detail for sample in samples.values()]
        assert sum("did not answer the last 3 times" in detail for detail in told) == 2
        assert len(server.heard) == 6


async def test_a_server_that_answers_and_then_hangs_is_spared() -> None:
    async with misbehaving(ONE) as server, asking(server, deadline=0.3, threads=1) as metrics:
        await metrics.ask([question()])
        server.then(hang)
        for _ in range(3):
            await metrics.ask([built_in()])
        (sample,) = (await metrics.ask([built_in()])).values()
        assert "did not answer the last 3 times" in sample.detail
        assert len(server.heard) == 4


async def test_a_server_that_gives_up_all_that_canaryd_asks_is_spared() -> None:
    async with misbehaving() as server, asking(server, deadline=1, threads=1) as metrics:
        server.then(giving_up(server, lambda _: True, after=0.7))
        for _ in range(3):
            (sample,) = (await metrics.ask([built_in()])).values()
            assert "answered 503: query timed out" in sample.detail
        (sample,) = (await metrics.ask([built_in()])).values()
        assert "not asked, it did not answer the last 3 times, or gave up" in sample.detail
        assert len(server.heard) == 3
