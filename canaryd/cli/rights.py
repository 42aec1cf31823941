"""Which role for people has a right that somebody lacks. Pure."""

from __future__ import annotations

from canaryd.adapters.kube.kinds import Call
from canaryd.wire.crd import GROUP

OWN = "Kubernetes' own"
PEOPLE = "deploy/base/rbac-users.yaml"


def lacking(call: Call, user: str) -> str:
    """Say to a person what is forbidden, and in which role it is."""
    role, origin = _role(call)
    where = call.where or ("in all namespaces" if call.verb == "list" else "")
    asked = f"{call.permission} {where}".rstrip()
    return (
        f"{asked} is forbidden for {user}: the role {role} has that right"
        f" ({origin}); whoever administers the cluster can bind it to you"
    )


def _role(call: Call) -> tuple[str, str]:
    """The role with the fewest rights that has this one, and where it comes from."""
    asks = call.verb == "create"
    if call.resource.partition(".")[2] == GROUP:
        return ("canaryd-release-manager" if asks else "canaryd-view"), PEOPLE
    return ("system:basic-user" if asks else "view"), OWN
