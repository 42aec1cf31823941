"""What may happen in a history: every event a person, a cluster or a metrics server can cause."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from canaryd.model.gates import (
    Compare,
    Counted,
    EvidenceGate,
    Evidential,
    Objective,
    Tolerance,
)
from canaryd.model.names import Revision
from canaryd.model.snapshot import Verb
from canaryd.model.spec import Spec, Step
from canaryd.model.status import Phase, Status
from tests.decide.books import demand
from tests.decide.build import V1, V2, sec
from tests.decide.meter import Fault
from tests.decide.run import Crash, Engine, Run
from tests.decide.world import Cluster, Quality, refreshed


@dataclass(frozen=True)
class Event:
    """Something happens; `numbers` say how, in the terms of its kind."""

    kind: str
    numbers: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Story:
    """A whole history, before it is played."""

    spec: Spec
    first_weight: int
    total: int
    events: tuple[tuple[float, Event], ...]
    crashes: tuple[tuple[Crash, float] | None, ...] = ()
    skew: float = 0
    """The metrics server's clock is so many seconds ahead of ours."""
    age: float = 7200
    """So many seconds had the pods served when it began."""


class Teller:
    """Plays a story's events on a run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.cluster = run.cluster
        self.pushed = 0

    def tell(self, event: Event) -> None:
        getattr(self, event.kind)(*event.numbers)

    def push(self, idle: bool, quality: Quality, naming: float, startup: float | None) -> None:
        """Push a new revision to the idle or the serving slot; startup None: its pods are stuck."""
        self.pushed += 1
        revision = Revision(f"r{self.pushed}")
        slot = self.run.slot(idle=idle)
        self.cluster.quality[revision] = quality
        if startup is None and idle:
            self.cluster.slots[slot].stuck.add(revision)
        self.cluster.push(slot, revision, naming=naming, startup=startup or 5)

    def undo(self, naming: float, startup: float) -> None:
        """`kubectl rollout undo` of the idle slot."""
        slot = self.run.slot(idle=True)
        history = self.cluster.slots[slot].history
        if len(history) > 1:
            self.cluster.push(slot, history[-2], naming=naming, startup=startup)

    def lose(self, idle: bool, left: int, back: float) -> None:
        """Pods are lost, and return."""
        self.cluster.lose(self.run.slot(idle=idle), left, back)

    def ask(self, verb: Verb, step: int) -> None:
        self.run.ask(verb, step if verb is Verb.APPROVE else None)

    def edit_weights(self, share: int) -> None:
        """Somebody else writes the weights."""
        raw = round(self.cluster.total * share / 100)
        self.cluster.write(self.run.slot(idle=True), raw, "argocd")

    def metrics(self, away: Quality | None) -> None:
        self.cluster.metrics_away = away

    def counts(self, fault: Fault | None) -> None:
        """Something is wrong with the counts."""
        self.run.meter.fault = fault

    def suspend(self, wish: bool) -> None:
        self.edit(replace(self.run.spec, suspend=wish))

    def edit_steps(self, walk: tuple[Step, ...], threshold: int) -> None:
        analysis = replace(self.run.spec.analysis, steps=walk, threshold=threshold)
        self.edit(replace(self.run.spec, analysis=analysis))

    def edit_gates(self, which: int, ratio: float, most: float) -> None:
        """One evidence gate means something else from now on; the others stay."""
        evidence = self.run.spec.analysis.evidence
        if not evidence.gates:
            return
        place = which % len(evidence.gates)
        gate = evidence.gates[place]
        made: EvidenceGate = (
            Objective(gate.name, Counted.ERRORS, most)
            if ratio == 0
            else Compare(gate.name, gate.counted, Tolerance(ratio, most))
        )
        gates = (*evidence.gates[:place], made, *evidence.gates[place + 1 :])
        self.judge_by(replace(evidence, gates=gates))

    def edit_alpha(self, alpha: float) -> None:
        self.judge_by(replace(self.run.spec.analysis.evidence, alpha=alpha))

    def judge_by(self, evidence: Evidential) -> None:
        analysis = replace(self.run.spec.analysis, evidence=evidence)
        self.edit(replace(self.run.spec, analysis=analysis))

    def skip_analysis(self, wish: bool) -> None:
        self.edit(replace(self.run.spec, skip_analysis=wish))

    def edit(self, spec: Spec) -> None:
        self.run.spec = spec
        self.run.generation += 1

    def silence(self, wish: bool) -> None:
        refreshed(self.cluster, silent=wish)

    def route(self, exists: bool) -> None:
        self.cluster.route_exists = exists

    def delete(self, idle: bool) -> None:
        work = self.cluster.slots[self.run.slot(idle=idle)]
        work.exists, work.ready, work.old = False, 0, 0

    def pause_deployment(self, wish: bool) -> None:
        self.cluster.pause(self.run.slot(idle=True), wish=wish)

    def heal(self) -> None:
        """All disturbances stop; only what is wrong with a revision itself remains."""
        cluster = self.cluster
        refreshed(cluster, silent=False)
        cluster.metrics_away, cluster.route_exists, self.run.meter.fault = None, True, None
        for slot, work in cluster.slots.items():
            work.exists, work.paused = True, False
            if not work.named:
                cluster.plan(1, "named", slot, work.template)
            cluster.plan(6, "ready", slot, work.template)
        healed = {Quality.NO_DATA, Quality.UNAVAILABLE, Quality.REFUSED}
        for revision, quality in cluster.quality.items():
            if quality in healed:
                cluster.quality[revision] = Quality.GOOD
        self.edit(replace(self.run.spec, suspend=False))


def play(story: Story, engine: Engine | None = None) -> Run:
    """Play a story to its end; raises UnsafeError on whatever users would notice."""
    cluster = Cluster(total=story.total)
    first = round(story.total * story.first_weight / 100)
    cluster.weights = {V1: story.total - first, V2: first}
    run = Run(spec=story.spec, cluster=cluster, crashes=iter(story.crashes))
    run.meter.skew, run.meter.age = sec(story.skew), sec(story.age)
    if engine is not None:
        run.engine = engine
    teller = Teller(run)
    run.settle()
    for delay, event in story.events:
        run.until(cluster.now + sec(delay))
        teller.tell(event)
        run.settle()
    teller.heal()
    run.settle()
    run.rest()
    ending(run)
    return run


def ending(run: Run) -> None:
    """Every history ends: the last revision was promoted, rejected, put back, or never a push."""
    status = run.status
    demand(status.phase is Phase.IDLE, f"it rests in {status.phase}: {status.hold}")
    demand(status.hold is None, f"it rests in {status.hold}")
    demand(not run.cluster.requests, "a person was never answered")
    idle = run.slot(idle=True)
    demand(run.cluster.share(idle) == 0, "it rests with users on the idle slot")
    held = run.cluster.slots[idle].template
    demand(status.idle_revision == held, f"{held} was pushed, {status.idle_revision} seen")
    demand(settled_well(status), "the conditions do not say how it ended")


def settled_well(status: Status) -> bool:
    ready = next(c.status for c in status.conditions if c.type == "Ready")
    rejected = status.rejected is not None and status.rejected.revision == status.idle_revision
    return ready == ("False" if rejected else "True")
