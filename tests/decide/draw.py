"""How histories are drawn: scenes that follow each other, crashes in between."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from canaryd.model.gates import Counted, EvidenceGate, Evidential, Objective
from canaryd.model.names import Weight
from canaryd.model.snapshot import Verb
from canaryd.model.spec import Analysis, Bounds, Metric, MissingPolicy, Otherwise, Spec, Step
from tests.decide.build import RATE, a_spec, an_analysis, sec
from tests.decide.counted import ERRORS, LATENCY
from tests.decide.meter import Fault
from tests.decide.run import Crash
from tests.decide.stories import Event, Story
from tests.decide.world import WITHOUT_VALUE, Quality

Scene = tuple[tuple[float, Event], ...]


def event(kind: str, *numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.builds(Event, st.just(kind), st.tuples(*numbers))


soon = st.sampled_from([0.0, 1.0, 3.0])
startup = st.sampled_from([0.0, 4.0, 40.0, 130.0])
delays = st.sampled_from([0.0, 1.0, 7.0, 30.0, 61.0, 125.0, 310.0, 700.0])
qualities = st.sampled_from([Quality.GOOD] * 5 + [*Quality, Quality.BAD])
walks = st.lists(st.integers(1, 100), min_size=1, max_size=4, unique=True).flatmap(
    lambda ws: st.tuples(
        *(
            st.builds(
                Step,
                weight=st.just(Weight(w)),
                least=st.sampled_from([sec(30), sec(60), sec(200)]),
                approval=st.sampled_from([False] * 7 + [True]),
                most=st.sampled_from([sec(200), sec(300)]),
            )
            for w in sorted(ws)
        )
    )
)
policies = st.builds(
    MissingPolicy,
    after=st.sampled_from([sec(60), sec(600)]),
    then=st.sampled_from([Otherwise.HOLD, Otherwise.ROLL_BACK]),
)
silences = policies | st.just(MissingPolicy(sec(300), Otherwise.ADVANCE))
QUEUE = Metric("queue", Bounds(minimum=5), sec(30), "up")


SLO = Objective("slo", Counted.ERRORS, 0.03)
COUNTED: list[tuple[EvidenceGate, ...]] = [(ERRORS,), (ERRORS,), (ERRORS, LATENCY), (SLO,)]
"""Evidence gates; some Canaries have them beside their checks, some instead."""
THRESHOLDS = [(RATE,), (RATE, QUEUE), (QUEUE,)]


@st.composite
def specs(draw: st.DrawFn, *, counted: bool) -> Spec:
    gates: tuple[EvidenceGate, ...] = draw(st.sampled_from(COUNTED)) if counted else ()
    checks = [(), (), (RATE,)] if counted else THRESHOLDS
    analysis: Analysis = an_analysis(
        threshold=draw(st.integers(1, 3)),
        steps=draw(walks),
        metrics=draw(st.sampled_from(checks)),
        evidence=Evidential(gates, evaluate_every=sec(30)),
        ready_threshold=draw(st.sampled_from([1, 50, 100])),
        no_data=draw(silences),
        unavailable=draw(policies),
    )
    return a_spec(analysis, skip_analysis=draw(st.sampled_from([False] * 19 + [True])))


often, flag = st.sampled_from([True, True, True, False]), st.booleans()
shares = st.sampled_from([0, 5, 30, 80, 100])
back = st.sampled_from([3.0, 50.0, 900.0])
away = st.sampled_from(list(WITHOUT_VALUE))


wrong = st.sampled_from([Quality.BAD, Quality.BROKEN])


def pushing(*startups: float | None) -> st.SearchStrategy[Event]:
    return event("push", often, qualities, soon, st.sampled_from(startups))


def scene(*parts: st.SearchStrategy[Event]) -> st.SearchStrategy[Scene]:
    """Events that follow each other after some delay."""
    return st.tuples(*(st.tuples(delays, part) for part in parts))


push = pushing(0.0, 4.0, 40.0, 130.0)
loss = event("lose", st.just(True), st.just(0), st.sampled_from([3.0, 50.0]))
edit = event("edit_weights", shares)
edit_gates = event(
    "edit_gates",
    st.integers(0, 1),
    st.sampled_from([0.0, 1.1, 1.1, 1.5, 3.0]),
    st.sampled_from([0.02, 0.03, 0.05]),
)
scenes = st.one_of(
    scene(push),
    scene(push),
    scene(pushing(0.0, None), event("undo", soon, startup)),
    scene(event("undo", soon, startup)),
    scene(pushing(None)),
    scene(loss),
    scene(loss, loss, loss),
    scene(event("lose", often, st.sampled_from([0, 1, 2]), back)),
    scene(event("lose", st.just(False), st.just(0), back), st.one_of(push, loss, edit)),
    scene(edit),
    scene(edit, edit),
    scene(edit, event("metrics", away), edit),
    scene(event("metrics", away), event("metrics", st.none())),
    scene(event("metrics", away)),
    scene(event("ask", st.sampled_from([Verb.APPROVE, Verb.PAUSE, Verb.RESUME]), st.just(1))),
    scene(event("ask", st.sampled_from(Verb), st.integers(1, 3))),
    scene(event("ask", st.just(Verb.PAUSE), st.just(1)), st.one_of(edit, loss, push)),
    scene(event("ask", st.just(Verb.RETRY), st.just(1))),
    scene(event("suspend", flag)),
    scene(event("suspend", st.just(True)), st.one_of(edit, loss, push)),
    scene(event("edit_steps", walks, st.integers(1, 3))),
    scene(edit_gates),
    scene(edit_gates, event("edit_alpha", st.sampled_from([0.001, 0.01]))),
    scene(event("edit_steps", walks, st.integers(1, 3)), edit_gates),
    scene(event("skip_analysis", st.sampled_from([False, False, True]))),
    scene(event("silence", st.just(True)), push | edit | loss, event("silence", st.just(False))),
    scene(event("silence", st.just(True))),
    scene(event("route", st.just(False)), event("route", st.just(True))),
    scene(
        event("route", st.just(False)),
        event("ask", st.sampled_from(Verb), st.integers(1, 3)),
        event("edit_steps", walks, st.integers(1, 3)),
        event("route", st.just(True)),
    ),
    scene(event("delete", often)),
    scene(event("counts", st.sampled_from(Fault)), event("counts", st.none())),
    scene(event("pause_deployment", flag)),
)
crashes = st.lists(
    st.sampled_from([None, None, None])
    | st.tuples(st.sampled_from(Crash), st.sampled_from([0.0, 0.0, 9.0, 90.0])),
    max_size=60,
)
opening = st.tuples(st.tuples(st.just(1.0), pushing(0.0, 4.0, 40.0)))
regression = event("push", st.just(True), wrong, soon, st.sampled_from([0.0, 4.0]))
counted_opening = opening | st.tuples(st.tuples(st.just(1.0), regression))


def tales(*, counted: bool) -> st.SearchStrategy[Story]:
    """Histories of Canaries that are judged by evidence, or by checks alone."""
    return st.builds(
        Story,
        spec=specs(counted=counted),
        first_weight=st.sampled_from([0, 0, 0, 3, 10, 50]),
        total=st.sampled_from([100, 100, 90]),
        events=st.builds(
            lambda first, then: sum(then, first),
            counted_opening if counted else opening,
            st.lists(scenes, min_size=2, max_size=9),
        ),
        crashes=st.just(()) | crashes.map(tuple),
        skew=st.sampled_from([0, 0, 7, -40, 3600]) if counted else st.just(0),
        age=st.sampled_from([7200, 0]) if counted else st.just(7200),
    )


stories = tales(counted=False)
counted_stories = tales(counted=True)
