"""The maintainers' files agree with the project: hooks, workflow, citation, pinned versions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from whyser import __version__


@pytest.fixture
def hooks(root: Path) -> list[dict[str, Any]]:
    """The hooks of pre-commit; all of them are local, so that no git host is asked for any."""
    text = (root / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (local,) = yaml.safe_load(text)["repos"]
    assert local["repo"] == "local"
    found: list[dict[str, Any]] = local["hooks"]
    return found


def pins(root: Path) -> dict[str, str]:
    text = (root / "constraints.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))


def test_every_tool_of_a_hook_has_one_version(hooks: list[dict[str, Any]], root: Path) -> None:
    asked = [tool for hook in hooks for tool in hook.get("additional_dependencies", ())]
    versions = dict(tool.split("==") for tool in asked)
    assert len(versions) == len(set(asked))
    assert versions["ruff"] == pins(root)["ruff"]


def test_a_hook_brings_its_tool_or_takes_it_from_the_environment(
    hooks: list[dict[str, Any]],
) -> None:
    for hook in hooks:
        if hook["language"] == "system":
            assert hook["entry"].startswith(".venv/bin/"), hook["id"]
        else:
            assert hook["language"] == "python" and hook["additional_dependencies"], hook["id"]


def test_the_hooks_look_at_every_script(hooks: list[dict[str, Any]], root: Path) -> None:
    (shellcheck,) = (hook for hook in hooks if hook["id"] == "shellcheck")
    scripts = [*root.glob("*.sh"), *(root / ".ci").iterdir()]
    scripts += (root / "llamafactory_configs/slurm").iterdir()
    for path in scripts:
        if path.read_text(encoding="utf-8").startswith("#!") and path.suffix != ".py":
            assert re.search(shellcheck["files"], str(path.relative_to(root))), path


def test_the_citation_has_the_version_of_the_package(root: Path) -> None:
    cited = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == __version__


def test_the_workflow_names_what_is_there(root: Path) -> None:
    path = root / ".github/workflows/ci.yml"
    if not path.is_file():
        pytest.skip("the source archive has no workflow")
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["tests"]["strategy"]["matrix"]
    for name in matrix["constraints"]:
        assert (root / name).is_file()
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if (command := step.get("run", "").split()[:1]) and command[0].startswith("."):
                assert command[0].startswith(".venv/") or (root / command[0]).is_file()
