"""What a watch delivers, decoded as little as possible: msgspec structs without unused fields.

JSON has no cycles: the garbage collector need not look at what was decoded (`gc=False`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Raw, Struct, field

CANARIES = "canaries"
REQUESTS = "canaryrequests"
PROVIDERS = "alertproviders"
TEMPLATES = "analysistemplates"
CLUSTER_TEMPLATES = "clusteranalysistemplates"
DEPLOYMENTS = "deployments"
REPLICASETS = "replicasets"
SERVICES = "services"
VIRTUALSERVICES = "virtualservices"
DESTINATIONRULES = "destinationrules"


HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
"""Kubernetes' own number of a Deployment's revision, on the Deployment and on its ReplicaSets."""
READ = frozenset({HASH_LABEL, REVISION})
"""The labels and annotations that canaryd reads; the others are not kept."""


class Owner(Struct, gc=False, frozen=True, rename="camel"):
    """An ownerReference."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class ManagedFields(Struct, gc=False, frozen=True, rename="camel"):
    """Who wrote which fields, when."""

    manager: str = ""
    operation: str = ""
    time: datetime | None = None
    fields_v1: Raw = field(default=Raw(b"{}"), name="fieldsV1")
    subresource: str = ""


class Meta(Struct, gc=False, rename="camel"):
    """The parts of ObjectMeta that canaryd reads; of labels and annotations only `READ`."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[Owner] = []


class ManagedMeta(Meta, gc=False):
    """ObjectMeta with its managed fields."""

    managed_fields: list[ManagedFields] = []


class CanaryObject(Struct, gc=False):
    """A Canary; spec and status are parsed by `wire.canary` and `wire.status` when they change."""

    metadata: Meta
    spec: Raw = Raw(b"{}")
    status: Raw = Raw(b"{}")


class RequestObject(Struct, gc=False):
    """A CanaryRequest."""

    metadata: Meta
    spec: Raw = Raw(b"{}")
    status: Raw = Raw(b"{}")


class ProviderObject(Struct, gc=False):
    """An AlertProvider."""

    metadata: Meta
    spec: Raw = Raw(b"{}")


class TemplateObject(Struct, gc=False):
    """An AnalysisTemplate or ClusterAnalysisTemplate; `wire.template` parses it."""

    metadata: Meta
    spec: Raw = Raw(b"{}")
    status: Raw = Raw(b"{}")


class DeploymentSpec(Struct, gc=False, rename="camel"):
    """The parts of a Deployment's spec that canaryd reads."""

    template: Raw = Raw(b"{}")
    replicas: int = 1
    paused: bool = False


class DeploymentObject(Struct, gc=False):
    """A Deployment as it arrives; `wire.workload` is what is kept of it."""

    metadata: Meta
    spec: DeploymentSpec


class ReplicaSetSpec(Struct, gc=False, frozen=True):
    """The template that a ReplicaSet stands for."""

    template: Raw = Raw(b"{}")


class ReplicaSetStatus(Struct, gc=False, frozen=True, rename="camel"):
    """How many pods of this revision are ready."""

    ready_replicas: int = 0


class ReplicaSetObject(Struct, gc=False):
    """A ReplicaSet as it arrives; `wire.workload` is what is kept of it."""

    metadata: Meta
    spec: ReplicaSetSpec = ReplicaSetSpec()
    status: ReplicaSetStatus = ReplicaSetStatus()


class ServiceSpec(Struct, gc=False, frozen=True):
    """Which pods a Service selects."""

    selector: dict[str, str] = {}


class ServiceObject(Struct, gc=False):
    """A Service."""

    metadata: Meta
    spec: ServiceSpec = ServiceSpec()


class VirtualServiceObject(Struct, gc=False):
    """A VirtualService; the router reads `spec` as it is."""

    metadata: ManagedMeta
    spec: dict[str, Any] = {}


class Subset(Struct, gc=False):
    """A DestinationRule's subset."""

    name: str = ""
    labels: dict[str, str] = {}


class DestinationRuleSpec(Struct, gc=False, frozen=True):
    """The host a DestinationRule is for, and its subsets."""

    host: str = ""
    subsets: list[Subset] = []


class DestinationRuleObject(Struct, gc=False):
    """A DestinationRule."""

    metadata: Meta
    spec: DestinationRuleSpec = DestinationRuleSpec()


OBJECTS: dict[str, type[Struct]] = {
    CANARIES: CanaryObject,
    REQUESTS: RequestObject,
    PROVIDERS: ProviderObject,
    TEMPLATES: TemplateObject,
    CLUSTER_TEMPLATES: TemplateObject,
    DEPLOYMENTS: DeploymentObject,
    REPLICASETS: ReplicaSetObject,
    SERVICES: ServiceObject,
    VIRTUALSERVICES: VirtualServiceObject,
    DESTINATIONRULES: DestinationRuleObject,
}
"""The struct that each watched kind is decoded into."""
