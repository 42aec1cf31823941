"""What the slots' Deployments hold right now, read when a command asks; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from canaryd.cli.cluster import Cluster
from canaryd.model.errors import NotFoundError
from canaryd.model.names import Revision, SlotName
from canaryd.model.spec import Slot, Spec
from canaryd.wire import watch
from canaryd.wire.podtemplate import read_template
from canaryd.wire.watch import HASH_LABEL, REVISION
from canaryd.wire.workload import Deployment

_REPLICASET = msgspec.json.Decoder(watch.ReplicaSetObject)


@dataclass(frozen=True, slots=True)
class Holding:
    """A slot's Deployment: its template, and the revision that Kubernetes has named it."""

    slot: SlotName
    deployment: str
    digest: str
    revision: Revision | None
    images: Mapping[str, str]
    paused: bool = False

    def runs(self, image: str) -> bool:
        """Whether a container runs that image, given whole, without registry, or as a tag."""
        endings = (f"/{image}", f":{image.removeprefix(':')}")
        return any(own == image or own.endswith(endings) for own in self.images.values())


async def holdings(cluster: Cluster, spec: Spec) -> dict[SlotName, Holding]:
    """What each slot's Deployment holds; one that does not exist is left out."""
    found = [await _holding(cluster, slot) for slot in spec.slots]
    return {holding.slot: holding for holding in found if holding is not None}


async def _holding(cluster: Cluster, slot: Slot) -> Holding | None:
    try:
        deployment: Deployment = await cluster.get(watch.DEPLOYMENTS, slot.deployment)
    except NotFoundError:
        return None
    template = deployment.template
    number = deployment.metadata.annotations.get(REVISION)
    revision = None
    if number is not None and not deployment.paused:
        selector = ",".join(f"{key}={value}" for key, value in sorted(template.labels.items()))
        owned = await cluster.listed(watch.REPLICASETS, selector=selector)
        revision = _named(owned, deployment.metadata.uid, number, template.digest)
    return Holding(
        slot=slot.name,
        deployment=slot.deployment,
        digest=template.digest,
        revision=revision,
        images=template.images,
        paused=deployment.paused,
    )


def _named(replicasets: list[bytes], uid: str, number: str, digest: str) -> Revision | None:
    """The revision of the ReplicaSet with the Deployment's own number and template."""
    for raw in replicasets:
        found = _REPLICASET.decode(raw)
        meta = found.metadata
        mine = any(owner.uid == uid for owner in meta.owner_references)
        if mine and meta.annotations.get(REVISION) == number:
            same = read_template(found.spec.template).digest == digest
            return Revision(meta.labels[HASH_LABEL]) if same else None
    return None
