"""The little that values can do by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from canaryd.model.errors import CanarydError, ThrottledError, TransientError
from canaryd.model.names import Key, SlotName, Weight
from canaryd.model.provider import AlertProvider, ProviderType
from canaryd.model.snapshot import Routing
from canaryd.model.spec import Analysis, Bounds, MissingPolicy, Otherwise, Slot, Spec
from canaryd.model.status import StepState

T0 = datetime(2030, 1, 1, tzinfo=UTC)
V1, V2 = SlotName("v1"), SlotName("v2")


@pytest.mark.parametrize(
    ("bounds", "value", "admitted"),
    [
        (Bounds(99), 99, True),
        (Bounds(99), 98.999, False),
        (Bounds(maximum=500), 500, True),
        (Bounds(maximum=500), 500.1, False),
        (Bounds(1, 2), 1.5, True),
        (Bounds(1, 2), 2.5, False),
        (Bounds(), -1e9, True),
    ],
)
def test_bounds_include_their_ends(bounds: Bounds, value: float, admitted: bool) -> None:
    assert bounds.admit(value) is admitted


def a_spec() -> Spec:
    never = MissingPolicy(timedelta(minutes=10), Otherwise.HOLD)
    minute = timedelta(minutes=1)
    return Spec(
        slots=(Slot(V1, "podinfo-v1"), Slot(V2, "podinfo-v2")),
        virtual_service="podinfo",
        route=None,
        analysis=Analysis(minute, 5, (), (), 100, never, never),
        progress_deadline=minute,
    )


def test_a_spec_knows_its_slots_by_name() -> None:
    spec = a_spec()
    assert (spec.slot(V1).deployment, spec.slot(V2).deployment) == ("podinfo-v1", "podinfo-v2")
    assert (spec.other(V1).name, spec.other(V2).name) == (V2, V1)
    with pytest.raises(KeyError):
        spec.slot(SlotName("v3"))


def routing(first: int | None, second: int | None, total: int = 100) -> Routing:
    return Routing({V1: first, V2: second}, total, "1")


@pytest.mark.parametrize(
    ("route", "share"),
    [
        (routing(90, 10), 10),
        (routing(2, 1), 33),
        (routing(None, 100), 100),
        (routing(0, 0), 0),
        (routing(86, 4, 90), 4),
    ],
)
def test_a_share_is_of_the_pair(route: Routing, share: int) -> None:
    assert route.share(V2) == share


@pytest.mark.parametrize(
    ("route", "weight", "shown"),
    [
        (routing(90, 10), 10, True),
        (routing(9, 1), 10, True),
        (routing(90, 10), 11, False),
        (routing(86, 4, 90), 5, True),
        (routing(0, 0), 0, False),
        (routing(2, 1, 3), 33, True),
        (routing(2, 1), 33, False),
    ],
    ids=[
        "exactly",
        "the same share of another sum",
        "another share",
        "as near as the sum allows",
        "an all-zero route shows nothing",
        "a sum of three",
        "not what canaryd would write",
    ],
)
def test_a_route_shows_a_weight(route: Routing, weight: int, shown: bool) -> None:
    assert route.shows(V2, Weight(weight)) is shown


def test_a_steps_clock_runs_on_from_where_it_stood() -> None:
    still = StepState(0, 3, Weight(10), T0, stayed=timedelta(seconds=20))
    runs = StepState(0, 3, Weight(10), T0, running_since=T0, stayed=timedelta(seconds=20))
    later = T0 + timedelta(seconds=30)
    assert still.elapsed(later) == timedelta(seconds=20)
    assert runs.elapsed(later) == timedelta(seconds=50)


def test_a_key_reads_as_people_write_it() -> None:
    assert str(Key("demo", "podinfo")) == "demo/podinfo"


def test_a_throttled_error_says_how_long_to_wait() -> None:
    error = ThrottledError("slow down", retry_after=timedelta(seconds=3))
    assert isinstance(error, TransientError | CanarydError)
    assert error.retry_after == timedelta(seconds=3)


def test_a_receiver_needs_only_a_type() -> None:
    provider = AlertProvider(Key("demo", "slack"), ProviderType("slack"))
    assert (provider.address, provider.secret) == (None, None)
