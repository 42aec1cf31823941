"""`canaryd get`: lists Canaries as kubectl does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
import orjson

from canaryd.adapters.clock import SystemClock
from canaryd.cli.console import note, say, say_json, say_object, say_yaml, table
from canaryd.cli.options import Where, cluster_options, example, output_option
from canaryd.cli.values import NAME
from canaryd.cli.words import age

KIND_NAME = "canary.canaryd.io"
COLUMNS = ("NAMESPACE", "NAME", "PHASE", "WEIGHT", "STEP", "HOLD", "REVISION", "AGE")
WIDE = ("FAILED", "IMAGE", "SINCE")

Object = Mapping[str, Any]


@click.command(
    epilog=example("canaryd get", "canaryd get -A -o wide", "canaryd get podinfo -o yaml")
)
@click.argument("name", type=NAME, required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="List those of all namespaces.")
@output_option("text", "wide", "json", "yaml", "name")
@cluster_options
def get(*, name: str | None, all_namespaces: bool, output: str, where: Where) -> None:
    """List Canaries: phase, weight, step, hold and revision.

    HOLD is why nothing advances; of a Canary that is stalled, the reason for that.
    """
    if name is not None and all_namespaces:
        raise click.UsageError("a name is looked up in one namespace: leave --all-namespaces out")

    from canaryd.cli.cluster import Cluster, ask

    async def work(cluster: Cluster) -> tuple[str, list[Object]]:
        if name is not None:
            return cluster.namespace, [orjson.loads(await cluster.raw_canary(name))]
        found = await cluster.canaries(everywhere=all_namespaces)
        return cluster.namespace, [_typed(orjson.loads(raw)) for raw in found]

    namespace, objects = ask(where, work)
    if output in ("text", "wide"):
        if not objects:
            place = "" if all_namespaces else f" in namespace {namespace}"
            note(f"there is no Canary{place}")
            return
        say(listing(objects, SystemClock().now(), wide=output == "wide"))
    elif name is not None:
        say_object(output, objects[0], f"{KIND_NAME}/{name}")
    else:
        _say_list(output, objects)


def _say_list(output: str, objects: Sequence[Object]) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [dict(obj) for obj in objects]}
    match output:
        case "json":
            say_json(listed)
        case "yaml":
            say_yaml(listed)
        case _:
            for obj in objects:
                say(f"{KIND_NAME}/{obj['metadata']['name']}")


def listing(objects: Sequence[Object], now: datetime, *, wide: bool) -> str:
    """The table of these Canaries."""
    header = COLUMNS + (WIDE if wide else ())
    return table(header, [row(obj, now)[: len(header)] for obj in objects])


def row(obj: Object, now: datetime) -> tuple[str, ...]:
    """One Canary's cells; reads the object as it is, so that an odd one is listed, too."""
    meta, status = obj["metadata"], obj.get("status", {})
    conditions = {found.get("type"): found for found in status.get("conditions", [])}
    stalled = conditions.get("Stalled", {})
    stands = stalled.get("reason") if stalled.get("status") == "True" else None
    weight = status.get("canaryWeight")
    cells = (
        meta.get("namespace"),
        meta.get("name"),
        status.get("phase"),
        f"{weight} %" if weight is not None else None,
        status.get("progress"),
        status.get("hold", {}).get("reason") or stands,
        status.get("revision"),
        _age(meta.get("creationTimestamp"), now),
        status.get("rollout", {}).get("failedChecks"),
        status.get("image"),
        _age(conditions.get("Ready", {}).get("lastTransitionTime"), now),
    )
    return tuple("-" if cell is None else str(cell) for cell in cells)


def _age(text: str | None, now: datetime) -> str:
    return age(datetime.fromisoformat(text) if text else None, now)


def _typed(obj: Object) -> Object:
    """Give an object of a list the kind that the server leaves out there."""
    return {"apiVersion": "canaryd.io/v1beta1", "kind": "Canary"} | dict(obj)
