"""Deployments and ReplicaSets as they are kept: the facts of their pod templates, not the texts.

A template may be 20 KiB, and each of a Deployment's old ReplicaSets has one.
"""

from __future__ import annotations

from msgspec import Struct

from canaryd.wire.podtemplate import Template, read_template
from canaryd.wire.watch import DeploymentObject, Meta, ReplicaSetObject


class Deployment(Struct, gc=False, frozen=True):
    """What canaryd reads of a Deployment."""

    metadata: Meta
    template: Template
    replicas: int
    paused: bool


class ReplicaSet(Struct, gc=False, frozen=True):
    """What canaryd reads of a ReplicaSet; its label pod-template-hash is the revision."""

    metadata: Meta
    template: Template
    ready: int


def kept(obj: Struct) -> Struct:
    """What is kept of an object that was decoded: most kinds as they are."""
    match obj:
        case DeploymentObject():
            return deployment(obj)
        case ReplicaSetObject():
            return replica_set(obj)
        case _:
            return obj


def deployment(obj: DeploymentObject) -> Deployment:
    """Read its template and let go of the text."""
    return Deployment(
        metadata=obj.metadata,
        template=read_template(obj.spec.template),
        replicas=obj.spec.replicas,
        paused=obj.spec.paused,
    )


def replica_set(obj: ReplicaSetObject) -> ReplicaSet:
    """Read its template and let go of the text."""
    return ReplicaSet(
        metadata=obj.metadata,
        template=read_template(obj.spec.template),
        ready=obj.status.ready_replicas,
    )
