"""The plugin as ms-swift loads it: with a stand-in of `swift.rewards`, which CI has not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from whyser import rewards

from .conftest import answer


class ORM:
    """As in ms-swift 4.6: the trainer calls `orms[name](args=args)`."""

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        self.args = args


@pytest.mark.parametrize("place", ["rewards", "plugin"])  # of ms-swift 4, and of 3
def test_it_registers_the_rewards(
    place: str, root: Path, columns: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    swift, module = ModuleType("swift"), ModuleType(f"swift.{place}")
    orms: dict[str, type[ORM]] = {"accuracy": ORM}
    module.ORM, module.orms = ORM, orms  # type: ignore[attr-defined]
    for name in [name for name in sys.modules if name.partition(".")[0] == "swift"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "swift", swift)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    spec = importlib.util.spec_from_file_location("loaded", root / "recipes/grpo/plugin.py")
    assert spec and spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    parts = {"format", "label", "share", "groundedness", "transcript"}
    assert set(orms) == {"accuracy", "whyser", *(f"whyser_{part}" for part in parts)}
    reward: Any = orms["whyser"](args=object())
    assert isinstance(reward, ORM) and type(reward).__name__ == "weighted_sum"
    found = reward([answer()], messages=[[]], trainer_state=None, **columns)
    assert found == rewards.weighted_sum([answer()], **columns)
