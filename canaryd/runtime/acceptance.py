"""Tries every template once per generation, and says in its status whether it can be used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog

from canaryd.model.answered import Answered
from canaryd.model.errors import CanarydError
from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.query import VARIABLES, render, stand_ins
from canaryd.model.question import Failed, Question
from canaryd.model.template import QueryTemplate, TemplateKind
from canaryd.ports import Clock, MetricsServers, Writer
from canaryd.runtime.reach import reach
from canaryd.runtime.resolve import WATCHED
from canaryd.runtime.store import Store
from canaryd.wire import watch
from canaryd.wire.template import accepted, parse_template, render_acceptance

log = structlog.get_logger()

UNAVAILABLE = "ServerUnavailable"
Place: TypeAlias = tuple[TemplateKind, str, str]
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=10)
"""How soon a server that gave no answer is asked again; twice as late each time."""
ANY = "x"
"""Stands for the name of anything: no series has it."""
MOST_TRIED = 30
"""So many queries may a template without values cost."""
GUESSES = ("1m", "1", ANY)
"""What an argument without a value may be in the query: a duration, a number or a name."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a trial; `refusal` is None where the template can be used."""

    reason: str
    refusal: str | None = None

    @property
    def unknown(self) -> bool:
        """Whether nobody can tell yet."""
        return self.reason == UNAVAILABLE


@dataclass(slots=True)
class Trial:
    """One generation of one template; a finding that is not written yet has to be."""

    uid: str
    generation: int
    finding: Finding | None = None
    written: bool = False
    pause: timedelta = FIRST_PAUSE
    again_at: datetime | None = None


class Acceptance:
    """Looks after the condition Accepted of all templates."""

    def __init__(
        self, *, store: Store, writer: Writer, servers: MetricsServers, clock: Clock
    ) -> None:
        self._store = store
        self._writer = writer
        self._servers = servers
        self._clock = clock
        self._trials: dict[Place, Trial] = {}

    async def sweep(self) -> None:
        """Try what has not been tried; one that changes nothing asks nobody."""
        away: set[MetricsServer | None] = set()
        seen: set[Place] = set()
        for kind, watched in WATCHED.items():
            for obj in self._store.all(watched):
                place = (kind, obj.metadata.namespace, obj.metadata.name)
                seen.add(place)
                await self._look(place, obj, away)
        for place in self._trials.keys() - seen:
            del self._trials[place]

    async def _look(
        self, place: Place, obj: watch.TemplateObject, away: set[MetricsServer | None]
    ) -> None:
        meta, now = obj.metadata, self._clock.now()
        trial = self._trials.get(place)
        if trial is None or (trial.uid, trial.generation) != (meta.uid, meta.generation):
            trial = self._trials[place] = Trial(meta.uid, meta.generation)
            if accepted(obj) in ("True", "False"):
                trial.finding, trial.written = Finding("Known"), True
        if trial.finding is None or (trial.again_at is not None and now >= trial.again_at):
            finding = await self._try(obj, place[0], away)
            both = finding.unknown and trial.finding is not None and trial.finding.unknown
            trial.written = trial.written and (both or finding == trial.finding)
            trial.finding, trial.again_at = finding, None
            if finding.unknown:
                trial.again_at, trial.pause = now + trial.pause, min(trial.pause * 2, LONGEST_PAUSE)
        if not trial.written:
            await self._write(place, obj, trial)

    async def _write(self, place: Place, obj: watch.TemplateObject, trial: Trial) -> None:
        kind, namespace, name = place
        finding = trial.finding
        if finding is None:
            return
        status = render_acceptance(
            obj,
            finding.refusal,
            self._clock.now(),
            reason=finding.reason,
            unknown=finding.unknown,
        )
        try:
            if status is not None:
                await self._writer.patch_status(
                    WATCHED[kind],
                    Key(namespace, name),
                    lambda: status,
                    resource_version=obj.metadata.resource_version,
                )
        except CanarydError as error:
            template = f"{kind.value} {namespace}/{name}"
            log.warning("template's status not written", template=template, error=str(error))
            return  # the next sweep writes it, without asking again
        trial.written = True

    async def _try(
        self, obj: watch.TemplateObject, kind: TemplateKind, away: set[MetricsServer | None]
    ) -> Finding:
        try:
            template = parse_template(obj, kind)
            queries = trials(template)
        except ValueError as error:
            return Finding("InvalidSpec", str(error))
        if template.server in away:
            return Finding(UNAVAILABLE, "its metrics server gives no answer now")
        first: Finding | None = None
        for query in queries:
            finding = await self._ask(obj, template, query)
            if finding.unknown:
                away.add(template.server)
            if finding.refusal is None or finding.unknown:
                return finding
            first = first or finding
        return first or Finding("Accepted")

    async def _ask(self, obj: watch.TemplateObject, template: QueryTemplate, query: str) -> Finding:
        question = Question(
            key=Key(obj.metadata.namespace, obj.metadata.name),
            metric=obj.metadata.name,
            query=query,
            namespace=obj.metadata.namespace,
            workload=ANY,
            revision=None,
            window=timedelta(minutes=1),
            due=self._clock.now(),
        )
        metrics = await reach(self._servers, template.server)
        if isinstance(metrics, Failed):
            # A login that cannot be read says nothing about the query.
            return Finding(UNAVAILABLE, metrics.detail)
        sample = (await metrics.ask([question]))[question.key, question.metric]
        if sample.answered is Answered.REFUSED:
            return Finding("QueryRefused", sample.detail)
        if sample.answered is Answered.UNAVAILABLE:
            return Finding(UNAVAILABLE, sample.detail)
        return Finding("Accepted")


def trials(template: QueryTemplate) -> list[str]:
    """The query with harmless values; several where it cannot be known what a value should be."""
    values = {**dict.fromkeys(VARIABLES, ANY), "interval": "1m", "weight": "0"}
    found = stand_ins(template.arguments, GUESSES)
    rendered = dict.fromkeys(render(template.query, values | own) for own in found)
    return list(rendered)[:MOST_TRIED]
