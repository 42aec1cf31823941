"""What of a watched object decisions read: a version that is the same in that is no news.

Most events are none: counts of pods that are there but not ready, who wrote what when, conditions.
"""

from __future__ import annotations

from canaryd.wire import watch
from canaryd.wire.watch import HASH_LABEL, REVISION
from canaryd.wire.workload import Deployment, ReplicaSet


def outdated(meta: watch.Meta, known: watch.Meta) -> bool:
    """Whether this is no news of a known object; Kubernetes orders its versions as numbers."""
    version, than = meta.resource_version, known.resource_version
    comparable = meta.uid == known.uid and version.isdigit() and than.isdigit()
    return comparable and int(version) <= int(than)


def is_news(before: object | None, after: object) -> bool:
    """Whether a decision may read something else in the newer version of an object."""
    return before is None or reads(before) != reads(after)


def reads(obj: object) -> object:
    """What is read of it; a Canary is compared where it is parsed."""
    match obj:
        case Deployment(metadata=meta, template=template):
            return (
                *(meta.uid, meta.generation, meta.annotations.get(REVISION)),
                *(template.digest, obj.replicas, obj.paused),
            )
        case ReplicaSet(metadata=meta, template=template):
            return (
                *(meta.uid, meta.labels.get(HASH_LABEL), meta.annotations.get(REVISION)),
                *(meta.owner_references, template.digest, obj.ready),
            )
        case (
            watch.VirtualServiceObject(metadata=meta, spec=spec)
            | watch.ServiceObject(metadata=meta, spec=spec)
            | watch.DestinationRuleObject(metadata=meta, spec=spec)
        ):
            return (meta.uid, spec)
        case watch.TemplateObject(metadata=meta):
            return (meta.uid, meta.generation)
        case _:
            return obj
