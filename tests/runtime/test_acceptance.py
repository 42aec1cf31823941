"""Templates are tried before a Canary needs them, once, and their status says what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from typing_extensions import override

from canaryd.model.answered import Answered
from canaryd.model.errors import ConflictError
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.question import Question
from canaryd.model.snapshot import Sample
from canaryd.runtime.acceptance import Acceptance
from canaryd.runtime.store import Store
from canaryd.wire import watch
from tests.runtime.fakes import HandClock, Metrics, Servers, store
from tests.runtime.reconciling import StatusWriter
from tests.runtime.test_resolve import a_template

OWN = MetricsServer("http://own:9090")
SERVER = {"type": "prometheus", "address": OWN.address}


class Statuses(StatusWriter):
    """Merges status patches into the store as the API server would; fails when told to."""

    def __init__(self, known: Store) -> None:
        super().__init__()
        self.known = known
        self.written: list[tuple[str, Key, dict[str, Any]]] = []
        self.conflicts = 0

    @override
    async def patch_status(
        self,
        kind: str,
        key: Key,
        patch: Callable[[], Mapping[str, Any]],
        *,
        resource_version: str,
        of: Key | None = None,
    ) -> None:
        obj = self.known.get(kind, *key)
        assert obj is not None
        assert obj.metadata.resource_version == resource_version
        if self.conflicts:
            self.conflicts -= 1
            raise ConflictError("somebody wrote first")
        (condition,) = patch()["conditions"]
        self.written.append((kind, key, condition))
        meta = msgspec.structs.replace(
            obj.metadata, resource_version=str(int(resource_version) + 100)
        )
        raw = msgspec.Raw(msgspec.json.encode(patch()))
        self.known.apply(kind, msgspec.structs.replace(obj, metadata=meta, status=raw))


class Parser(Metrics):
    """Refuses queries with one of these words in them."""

    def __init__(self, *refused: str) -> None:
        super().__init__(Answered.NO_DATA)
        self.refused = refused

    @override
    async def ask(self, questions: Sequence[Question]) -> Mapping[tuple[Key, str], Sample]:
        answers = dict(await super().ask(questions))
        for question in questions:
            if any(word in (question.query or "") for word in self.refused):
                answers[question.key, question.metric] = Sample(
                    question.metric,
                    Answered.REFUSED,
                    question.due,
                    question.window,
                    detail="the metrics server refused the query: 1:5: parse error",
                )
        return answers


class World:
    def __init__(self, metrics: Metrics | None = None, *, reachable: bool = True) -> None:
        self.clock = HandClock()
        self.known = store(self.clock)
        self.metrics = metrics or Metrics(Answered.NO_DATA)
        self.writer = Statuses(self.known)
        self.servers = Servers(None, {OWN: self.metrics} if reachable else {})
        self.acceptance = self.anew()

    def anew(self) -> Acceptance:
        self.acceptance = Acceptance(
            store=self.known, writer=self.writer, servers=self.servers, clock=self.clock
        )
        return self.acceptance

    async def sweeps(self, times: int = 5) -> None:
        for _ in range(times):
            await self.acceptance.sweep()
            self.clock.seconds += 2

    def apply(self, version: int = 1, **changes: Any) -> None:
        obj = a_template(version=version, **{"provider": SERVER, **changes})
        self.known.apply(watch.TEMPLATES, obj)

    @property
    def conditions(self) -> list[tuple[str, str]]:
        return [(found["status"], found["reason"]) for _, _, found in self.writer.written]


async def test_a_template_is_tried_once_and_accepted() -> None:
    world = World()
    world.apply()
    await world.sweeps()
    assert world.conditions == [("True", "Accepted")]
    assert world.metrics.requests == 1


async def test_a_changed_template_is_tried_again() -> None:
    world = World(Parser("((("))
    world.apply()
    await world.sweeps()
    world.apply(version=200, query="sum(((")
    await world.sweeps()
    assert world.conditions == [("True", "Accepted"), ("False", "QueryRefused")]
    (_, _, condition) = world.writer.written[-1]
    assert "1:5: parse error" in condition["message"]
    assert condition["observedGeneration"] == 200


@pytest.mark.parametrize(
    ("query", "refused"),
    [("rate(up[{{ variables.queue }}])", "[1]"), ("up > {{ variables.queue }}", "1m")],
    ids=["a duration", "a number"],
)
async def test_an_argument_without_a_value_may_be_a_duration_or_a_number(
    query: str, refused: str
) -> None:
    world = World(Parser(refused))
    world.apply(query=query)
    await world.sweeps()
    assert world.conditions == [("True", "Accepted")]


class Picky(Parser):
    """Takes a metric's name and a duration, each in its own place."""

    def __init__(self) -> None:
        super().__init__("sum(1", "[x]", "[1]")


async def test_arguments_without_values_may_each_be_something_else() -> None:
    world = World(Picky())
    args = [{"name": "queue"}, {"name": "window"}]
    world.apply(query="sum({{ variables.queue }}[{{ variables.window }}])", args=args)
    await world.sweeps()
    assert world.conditions == [("True", "Accepted")]


async def test_arguments_with_a_value_are_tried_with_it() -> None:
    world = World()
    world.apply(
        query='x{a="{{ variables.queue }}", b="{{ namespace }}"}',
        args=[{"name": "queue", "value": "orders"}],
    )
    await world.sweeps()
    assert [question.query for asked in world.metrics.asked for question in asked] == [
        'x{a="orders", b="x"}'
    ]


async def test_a_server_that_gives_no_answer_leaves_it_unknown_and_is_asked_ever_more_seldom() -> (
    None
):
    world = World(Metrics(Answered.UNAVAILABLE))
    world.apply()
    await world.sweeps(30 * 60)  # an hour
    assert world.conditions == [("Unknown", "ServerUnavailable")]
    assert 7 <= world.metrics.requests <= 11
    world.metrics.answered = Answered.NO_DATA
    await world.sweeps(310)
    assert world.conditions[1:] == [("True", "Accepted")]


async def test_a_login_that_cannot_be_read_leaves_it_unknown_with_the_words() -> None:
    world = World(reachable=False)
    world.apply()
    await world.sweeps()
    assert world.conditions == [("Unknown", "ServerUnavailable")]
    assert "Secret demo/login does not exist" in world.writer.written[0][2]["message"]


async def test_a_template_that_is_invalid_is_refused_without_asking_anybody() -> None:
    world = World()
    world.apply(query="")
    await world.sweeps()
    assert world.conditions == [("False", "InvalidSpec")]
    assert world.metrics.requests == 0


async def test_one_that_is_gone_when_it_comes_back_is_tried_anew() -> None:
    world = World()
    world.apply()
    await world.sweeps()
    world.known.replace(watch.TEMPLATES, [])
    await world.sweeps()
    world.known.replace(watch.TEMPLATES, [a_template(version=900, provider=SERVER)])
    await world.sweeps()
    assert world.metrics.requests == 2


async def test_another_leader_takes_over_what_stands_there() -> None:
    world = World()
    world.apply()
    await world.sweeps()
    world.anew()
    await world.sweeps()
    assert world.metrics.requests == 1
    assert len(world.writer.written) == 1


async def test_a_write_that_conflicts_is_made_again_without_asking_again() -> None:
    world = World()
    world.writer.conflicts = 2
    world.apply()
    await world.sweeps()
    assert world.conditions == [("True", "Accepted")]
    assert world.metrics.requests == 1


async def test_a_template_of_the_cluster_is_tried_too() -> None:
    world = World()
    world.known.apply(watch.CLUSTER_TEMPLATES, a_template(namespace="", provider=SERVER))
    await world.sweeps()
    ((kind, key, _),) = world.writer.written
    assert (kind, key) == (watch.CLUSTER_TEMPLATES, Key("", "queue-depth"))


async def test_without_templates_nobody_is_asked() -> None:
    world = World()
    await world.sweeps(100)
    assert world.metrics.requests == 0
