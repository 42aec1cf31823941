"""Queries that many Canaries share: AnalysisTemplate and ClusterAnalysisTemplate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from canaryd.model.gates import MetricsServer


class TemplateKind(Enum):
    """Whether a template belongs to a namespace or to the whole cluster."""

    NAMESPACED = "AnalysisTemplate"
    CLUSTER = "ClusterAnalysisTemplate"


@dataclass(frozen=True, slots=True)
class TemplateRef:
    """Which template a metric's query comes from; `namespace` is empty for a cluster's."""

    kind: TemplateKind
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class QueryTemplate:
    """A query with variables of its own; `arguments` are their defaults, None: must be given."""

    ref: TemplateRef
    query: str
    unit: str = ""
    description: str = ""
    arguments: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    server: MetricsServer | None = None
