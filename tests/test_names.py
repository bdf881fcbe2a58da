"""Every class name occurs once in the three packages, so that a search for it finds one class."""

from __future__ import annotations

import ast
from collections import defaultdict

from .checkout import ROOT, tracked

PACKAGES = ("src/whyser", "converters/whyser_converters", "eval/whyser_eval", "workflow")


def test_class_names_are_unique() -> None:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in tracked(".py", below=PACKAGES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                # A private name does not repeat a public one either.
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                found[node.name.lstrip("_")].append(place)
    assert found
    assert {name: places for name, places in found.items() if len(places) > 1} == {}
