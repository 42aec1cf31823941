"""Completes the metrics of a Canary from the templates that they name; what cannot be is said."""

from __future__ import annotations

from dataclasses import replace

from canaryd.model.snapshot import Problem
from canaryd.model.spec import Metric, Spec
from canaryd.model.template import QueryTemplate, TemplateKind, TemplateRef
from canaryd.runtime.store import Store
from canaryd.wire import watch
from canaryd.wire.template import parse_template

WATCHED = {
    TemplateKind.NAMESPACED: watch.TEMPLATES,
    TemplateKind.CLUSTER: watch.CLUSTER_TEMPLATES,
}
"""The watched kind of each kind of template."""
SLACK = 64
"""So many more may be kept than were left the last time, before the gone ones are let go of."""


def titled(ref: TemplateRef) -> str:
    """A template's kind and name as people write them."""
    place = f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
    return f"{ref.kind.value} {place}"


class Templates:
    """Templates by name, each parsed once per generation."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parsed: dict[TemplateRef, tuple[str, int, QueryTemplate | Problem]] = {}
        self._most = SLACK

    def find(self, ref: TemplateRef) -> QueryTemplate | Problem | None:
        """The template, why it cannot be read, or None when there is none."""
        obj = self._get(ref)
        if obj is None:
            self._parsed.pop(ref, None)
            return None
        meta, known = obj.metadata, self._parsed.get(ref)
        if known is not None and known[:2] == (meta.uid, meta.generation):
            return known[2]
        found: QueryTemplate | Problem
        try:
            found = parse_template(obj, ref.kind)
        except ValueError as error:
            found = Problem("InvalidTemplate", str(error))
        self._parsed[ref] = (meta.uid, meta.generation, found)
        if len(self._parsed) > self._most:
            self._parsed = {at: known for at, known in self._parsed.items() if self._get(at)}
            self._most = 2 * len(self._parsed) + SLACK
        return found

    def _get(self, ref: TemplateRef) -> watch.TemplateObject | None:
        found: watch.TemplateObject | None = self._store.get(
            WATCHED[ref.kind], ref.namespace, ref.name
        )
        return found

    def complete(self, spec: Spec) -> Spec:
        """Fill in what the templates of its metrics say."""
        metrics = spec.analysis.metrics
        if all(metric.template is None for metric in metrics):
            return spec
        complete = tuple(
            completed(metric, metric.template, self.find(metric.template))
            if metric.template is not None
            else metric
            for metric in metrics
        )
        return replace(spec, analysis=replace(spec.analysis, metrics=complete))


def completed(metric: Metric, ref: TemplateRef, found: QueryTemplate | Problem | None) -> Metric:
    """The metric with query, unit, server and variables of its template, or with a refusal."""
    here = f"metric {metric.name} (spec.analysis.metrics)"
    if found is None:
        words = f"{titled(ref)} does not exist: create it, or mend templateRef of {here}"
        return replace(metric, refusal=words)
    if isinstance(found, Problem):
        words = f"{titled(ref)}, which {here} uses, cannot be read: {found.message}"
        return replace(metric, refusal=words)
    unknown = sorted(metric.variables.keys() - found.arguments.keys())
    if unknown:
        known = ", ".join(sorted(found.arguments)) or "none"
        words = (
            f"templateVariables of {here} give {', '.join(unknown)}, which {titled(ref)} does not "
            f"have: remove it; it has {known}"
        )
        return replace(metric, refusal=words)
    values = {**found.arguments, **metric.variables}
    missing = sorted(name for name, value in values.items() if value is None)
    if missing:
        words = (
            f"{titled(ref)} needs {', '.join(missing)}: give it in templateVariables of {here}, or "
            "a value in the template's args"
        )
        return replace(metric, refusal=words)
    return replace(
        metric,
        query=found.query,
        unit=metric.unit or found.unit,
        server=metric.server or found.server,
        variables={name: value for name, value in values.items() if value is not None},
    )
