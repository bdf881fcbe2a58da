"""Every class name occurs once in the three packages, so that a search for it finds one class."""

from __future__ import annotations

import ast
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("src/whyser", "converters/whyser_converters", "eval/whyser_eval")


def test_class_names_are_unique() -> None:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                # A private name does not repeat a public one either.
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                found[node.name.lstrip("_")].append(place)
    assert found
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def _modules() -> list[Path]:
    """The modules that git knows; skips in an unpacked source archive."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = listed.stdout.split("\0") if listed.returncode == 0 else []
    if not any(names):
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in names if name.endswith(".py")]
    return [path for path in paths if path.is_file()]
