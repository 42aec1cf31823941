"""What a newcomer copies to install canaryd, and to take it away, does what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import DOCS, PAGES, ROOT

INSTALL = DOCS / "how-to" / "install.md"
DEPLOY = ROOT / "deploy"
WITH_OVERLAYS = (INSTALL, DEPLOY / "README.md")
EVERY_PAGE = (*PAGES, DEPLOY / "README.md")


def overlays(page: Path) -> list[dict[str, Any]]:
    """The overlays of a page, and what is to be added to one."""
    found = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    documents = map(yaml.safe_load, found)
    return [each for each in documents if each.keys() & {"resources", "components"}]


def parts() -> list[dict[str, Any]]:
    """Every object of deploy/base but the CRDs."""
    listed = yaml.safe_load((DEPLOY / "base" / "kustomization.yaml").read_text())["resources"]
    files = [DEPLOY / "base" / name for name in listed if name.endswith(".yaml")]
    return [part for file in files for part in yaml.safe_load_all(file.read_text())]


@pytest.mark.parametrize("page", WITH_OVERLAYS, ids=lambda page: page.name)
def test_an_overlay_in_a_folder_beside_the_others_finds_what_it_names(page: Path) -> None:
    beside = DEPLOY / "overlays" / "pvc"
    for overlay in overlays(page):
        for name in (*overlay.get("resources", ()), *overlay.get("components", ())):
            assert (beside / name / "kustomization.yaml").exists(), name


@pytest.mark.parametrize("page", WITH_OVERLAYS, ids=lambda page: page.name)
def test_an_overlay_names_the_image_that_the_page_builds(page: Path) -> None:
    (image,) = [image for overlay in overlays(page) for image in overlay.get("images", ())]
    (deployment,) = [part for part in parts() if part["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert image["name"] == container["image"]
    assert f"docker push {image['newName']}:{image['newTag']}\n" in INSTALL.read_text()


def test_the_image_is_built_and_named_before_anything_is_applied() -> None:
    text = INSTALL.read_text()
    order = [text.index(word) for word in ("docker build", "kind: Kustomization", "kubectl apply")]
    assert order == sorted(order)


def test_the_page_says_how_the_command_comes_to_ones_machine() -> None:
    assert "pipx install ." in INSTALL.read_text()
    for page in (ROOT / "README.md", DOCS / "tutorial" / "first-rollout.md"):
        assert "how-to/install.md" in page.read_text()


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: str(page.relative_to(ROOT)))
def test_canaryd_is_applied_in_one_way_and_never_without_an_image(page: Path) -> None:
    for line in re.findall(r"kubectl apply .*deploy/.*", page.read_text()):
        assert "kubectl apply --server-side -k deploy/overlays/mine" in line


def test_taking_canaryd_away_by_name_leaves_the_crds_and_nothing_else() -> None:
    (command,) = re.findall(r"kubectl delete (\S+) -l (\S+)", INSTALL.read_text())
    kinds, (label, _, value) = command[0].split(","), command[1].partition("=")
    everywhere = [part for part in parts() if "namespace" not in part["metadata"]]
    kept = [
        f"{part['kind']} {part['metadata']['name']}"
        for part in everywhere
        if plural(part["kind"]) not in kinds or part["metadata"]["labels"].get(label) != value
    ]
    assert kept == ["Namespace canaryd"]
    assert "kubectl delete namespace canaryd\n" in INSTALL.read_text()


def plural(kind: str) -> str:
    return kind.lower().removesuffix("y") + ("ies" if kind.endswith("y") else "s")


def test_it_is_said_first_that_the_crds_take_every_canary_with_them() -> None:
    _, _, away = INSTALL.read_text().partition("\n## Take it away\n")
    assert away.index("deletes every Canary") < away.index("kubectl delete")
