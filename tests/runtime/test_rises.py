"""When weights rise: together, in order, with quiet between; and that nobody is forgotten."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from itertools import count, pairwise

from hypothesis import given
from hypothesis import strategies as st

from canaryd.model.names import Key
from canaryd.runtime.rises import EVERY, JOINING, MOST, PATIENCE, QUIET, Rises
from tests.runtime.fakes import HandClock

ISTIOD_LISTENS = 0.1
"""Seconds without a change after which istiod pushes."""


class Crowd:
    """Canaries that want to rise, the clock, and when each was let."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self._alarms: list[tuple[float, int, Callable[[], None]]] = []
        self._orders = count()
        self.rises = Rises(enqueue=self.decide, later=self.later, clock=self.clock)
        self.rose: list[tuple[float, Key]] = []
        self.takes = 0.05
        """Seconds that a write takes."""

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        heapq.heappush(self._alarms, (self.clock.seconds + seconds, next(self._orders), work))

    def decide(self, key: Key) -> None:
        """As Reconcile does with a decision to rise."""
        if not self.rises.may(key):
            return
        self.rose.append((self.clock.seconds, key))
        writing = ExitStack()
        writing.enter_context(self.rises.under_way())
        self.later(self.takes, writing.close)

    def at(self, seconds: float, keys: Iterable[Key]) -> None:
        """They are decided to rise at that time."""
        for key in keys:
            self.later(seconds - self.clock.seconds, partial(self.decide, key))

    def play(self) -> None:
        """Let time pass until nothing is left to do."""
        while self._alarms:
            at, _, work = heapq.heappop(self._alarms)
            self.clock.seconds = max(self.clock.seconds, at)
            work()


def named(number: int, prefix: str = "c") -> list[Key]:
    return [Key("demo", f"{prefix}{n:04}") for n in range(number)]


def test_a_rise_on_its_own_does_not_wait() -> None:
    crowd = Crowd()
    crowd.at(5.0, named(1))
    crowd.play()
    assert crowd.rose == [(5.0, named(1)[0])]


def test_rises_that_come_close_to_each_other_go_out_together_and_the_others_in_the_next_batch() -> (
    None
):
    crowd = Crowd()
    first, second, third = named(3)
    crowd.at(0.0, [first])
    crowd.at(0.9 * JOINING, [second])
    crowd.at(1.5 * JOINING, [third])
    crowd.play()
    assert crowd.rose == [(0.0, first), (0.9 * JOINING, second), (EVERY, third)]


def test_when_many_rise_at_once_each_batch_is_small_and_followed_by_quiet() -> None:
    crowd = Crowd()
    everyone = named(4 * MOST + 7)
    crowd.at(0.0, everyone)
    crowd.play()
    assert [key for _, key in crowd.rose] == everyone
    batches = sorted({at for at, _ in crowd.rose})
    assert all(sum(at == batch for at, _ in crowd.rose) <= MOST for batch in batches)
    assert all(later - (sooner + crowd.takes) > QUIET - 1e-9 for sooner, later in pairwise(batches))
    assert QUIET > ISTIOD_LISTENS


def test_a_rise_that_is_not_wanted_any_more_takes_nobodys_place() -> None:
    crowd = Crowd()
    first, second, third = named(3)
    crowd.at(0.0, [first])
    crowd.at(0.3, [second, third])
    crowd.later(0.4, lambda: crowd.rises.drop(second))
    crowd.play()
    assert crowd.rose == [(0.0, first), (EVERY, third)]


def test_one_that_is_decided_again_while_it_waits_keeps_its_place_and_rises_once() -> None:
    crowd = Crowd()
    first, second, third = named(3)
    crowd.at(0.0, [first])
    crowd.at(0.3, [second])
    crowd.at(0.4, [third, second])
    crowd.play()
    assert crowd.rose == [(0.0, first), (EVERY, second), (EVERY, third)]


def test_a_rise_that_hangs_keeps_the_others_up_for_a_second_and_not_for_as_long_as_it_hangs() -> (
    None
):
    crowd = Crowd()
    crowd.takes = 30.0
    first, second, third = named(3)
    crowd.at(0.0, [first])
    crowd.at(0.5, [second])
    crowd.at(1.5, [third])
    crowd.play()
    assert crowd.rose == [(0.0, first), (PATIENCE, second), (2 * PATIENCE, third)]


def test_while_no_write_is_answered_no_more_than_a_batch_waits_for_the_api_server() -> None:
    crowd = Crowd()
    crowd.takes = 10.0  # as long as a 429 asks for
    crowd.at(0.0, named(400))
    crowd.play()
    assert len({key for _, key in crowd.rose}) == 400
    for begun, _ in crowd.rose:
        waiting = [at for at, _ in crowd.rose if begun - crowd.takes < at <= begun]
        assert len(waiting) <= MOST


def test_rises_go_on_as_soon_as_a_slow_one_is_done_and_was_followed_by_quiet() -> None:
    crowd = Crowd()
    crowd.takes = 0.6
    first, second = named(2)
    crowd.at(0.0, [first])
    crowd.at(0.3, [second])
    crowd.play()
    assert crowd.rose == [(0.0, first), (0.6 + QUIET, second)]


@given(
    st.lists(st.floats(0, 20, allow_nan=False), min_size=1, max_size=300),
    st.sampled_from([0.0, 0.05, 0.3, 0.7]),
)
def test_everybody_rises_once_and_the_mesh_is_never_kept_busy(
    times: list[float], takes: float
) -> None:
    crowd = Crowd()
    crowd.takes = takes
    keys = named(len(times))
    for at, key in zip(times, keys, strict=True):
        crowd.at(at, [key])
    crowd.play()
    assert sorted(key for _, key in crowd.rose) == sorted(keys)
    assert all(at >= times[keys.index(key)] for at, key in crowd.rose)
    batch: list[float] = []
    for at, _ in crowd.rose:
        if batch and at >= batch[-1] + takes + QUIET - 1e-9:
            batch = []
        batch.append(at)
        assert len(batch) <= MOST
        assert batch[-1] - batch[0] <= JOINING


def test_one_whose_turn_came_and_that_is_gone_leaves_no_right_to_rise_behind() -> None:
    crowd = Crowd()
    called: list[Key] = []
    rises = Rises(enqueue=called.append, later=crowd.later, clock=crowd.clock)
    first, second = named(2)
    assert rises.may(first)
    crowd.clock.seconds = JOINING
    assert not rises.may(second)
    crowd.play()
    assert called == [second]
    rises.drop(second)
    crowd.clock.seconds += JOINING
    assert not rises.may(second)


def test_one_rise_that_hangs_does_not_keep_a_thousand_up() -> None:
    crowd = Crowd()
    assert crowd.rises.may(Key("demo", "hangs"))
    with crowd.rises.under_way():
        crowd.at(0.1, named(1000))
        crowd.play()
        assert len(crowd.rose) == 1000
        last, _ = crowd.rose[-1]
    assert last < PATIENCE + 1000 / MOST * 2 * (QUIET + crowd.takes)


def test_one_whose_rise_was_not_sent_does_not_wait_for_another_turn() -> None:
    crowd = Crowd()
    key = Key("demo", "overtaken")
    assert crowd.rises.may(key)
    crowd.at(0.1, named(200))
    crowd.clock.seconds = 0.2
    crowd.rises.unsent(key)
    assert crowd.rises.may(key)
