"""The plugin as ms-swift loads it: with a stand-in of `swift.rewards`, which CI has not."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
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


def test_the_recipe_names_files_that_exist_and_takes_overrides(root: Path, tmp_path: Path) -> None:
    """With a stand-in of the command `swift`, which shows its arguments and its folder."""
    swift = tmp_path / "swift"
    swift.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    swift.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "DATA": "mine.jsonl"}
    done = subprocess.run(
        [root / "recipes/grpo/qwen2audio.sh", "--learning_rate", "5e-7"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    folder, *words = done.stdout.splitlines()
    assert Path(folder) == root and words[:3] == ["rlhf", "--rlhf_type", "grpo"]
    plugins = words.index("--external_plugins")
    assert all((root / name).is_file() for name in words[plugins + 1 : plugins + 3])
    assert words[words.index("--dataset") + 1] == "mine.jsonl"
    assert words[-2:] == ["--learning_rate", "5e-7"]
    trained = re.compile(words[words.index("--target_regex") + 1])
    # The audio encoder has projections of the same names; peft matches a whole name.
    assert trained.fullmatch("language_model.lm_head")
    assert trained.fullmatch("language_model.model.layers.0.self_attn.q_proj")
    assert not trained.fullmatch("audio_tower.layers.0.self_attn.q_proj")
