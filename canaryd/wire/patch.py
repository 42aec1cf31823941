"""The smallest merge patch (RFC 7386) from one JSON object to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to patch: nulls remove keys, lists are replaced whole; empty if equal.

    Neither object may hold a null: a merge patch cannot write one.
    """
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        if key not in before:
            patch[key] = value
        elif isinstance(value, Mapping) and isinstance(before[key], Mapping):
            if inner := merge_patch(before[key], value):
                patch[key] = inner
        elif not _same(before[key], value):
            patch[key] = value
    return patch


def _same(before: object, after: object) -> bool:
    # 1 == True in Python, not in JSON.
    return before == after and isinstance(before, bool) is isinstance(after, bool)
