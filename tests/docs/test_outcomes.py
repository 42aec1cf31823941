"""What the documentation says of how reconciles end is how they end."""

from __future__ import annotations

import ast
import re

from tests.docs.pages import DOCS, ROOT

CONTROLLER = ROOT / "canaryd" / "runtime" / "controller.py"
METRICS = DOCS / "reference" / "metrics.md"


def words(tree: ast.AST) -> set[str]:
    """The texts that its functions return or keep."""
    values = [node.value for node in ast.walk(tree) if isinstance(node, (ast.Return, ast.Assign))]
    parts = [part for value in values if value is not None for part in ast.walk(value)]
    constants = [part.value for part in parts if isinstance(part, ast.Constant)]
    return {constant for constant in constants if isinstance(constant, str)}


def test_every_outcome_of_a_reconcile_is_told_and_no_other() -> None:
    row = re.search(
        r"^\| `outcome` of `canaryd_reconcile_seconds` \|(.*)", METRICS.read_text(), re.MULTILINE
    )
    assert row is not None
    assert {*re.findall(r"`(\w+)`", row[1])} == words(ast.parse(CONTROLLER.read_text()))
