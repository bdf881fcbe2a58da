"""A current vLLM reads the serving YAML as intended."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import SERVE, Served

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "llamafactory_configs/serving").glob("*.yaml"))

#: Not told, for they are vLLM's own.
DEFAULTS = {"host": "127.0.0.1"}

#: Given anew on the command line by the fixture that starts the server.
GIVEN_ANEW = {"model", "port", "dtype", "allowed-local-media-path"}


@pytest.mark.slow
def test_vllm_reads_it(vllm: Served) -> None:
    """As the server says it was started: an option that vLLM has not would end it."""
    log = vllm.log.read_text(encoding="utf-8", errors="replace")
    (told,) = re.findall(r"non-default args: (\{.*\})", log)
    found: dict[str, Any] = ast.literal_eval(told)
    written = yaml.safe_load(SERVE.read_text(encoding="utf-8"))
    for key, value in written.items():
        if key in GIVEN_ANEW:
            continue
        got = found.get(key.replace("-", "_"), DEFAULTS.get(key))
        got = got[0] if isinstance(got, list) else got
        expected = json.loads(value) if isinstance(got, dict) else value
        assert got == expected, f"{key} is {got!r}, written as {value!r}"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_its_header_is_a_manual(path: Path) -> None:
    header = path.read_text(encoding="utf-8").split("### ")[0]
    for word in ("Reproduces", "Hardware", "Data", "Launch", "Override", "Cannot"):
        assert re.search(rf"^# {word}  ", header, re.MULTILINE), f"no {word}"
    named = re.findall(r"--config (\S+)", header)
    assert set(named) == {path.relative_to(ROOT).as_posix()}
    settings: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (ROOT / settings["chat-template"]).is_file()


def test_there_is_one() -> None:
    assert CONFIGS
