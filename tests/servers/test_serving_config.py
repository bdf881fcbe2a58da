"""The serving YAML as vLLM's own parser reads it, and the chat template as vLLM takes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / "llamafactory_configs/serving").glob("*.yaml"))

READER = """
import json, sys
from vllm.entrypoints.chat_utils import _detect_content_format
from vllm.entrypoints.openai.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils import FlexibleArgumentParser
arguments = make_arg_parser(FlexibleArgumentParser()).parse_args(["--config", sys.argv[1]])
validate_parsed_serve_args(arguments)
template = open(arguments.chat_template).read()
found = {key: value for key, value in vars(arguments).items() if type(value) in (str, int, dict)}
print("READ", json.dumps([found, _detect_content_format(template, default="string")]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_vllm_reads_it(needs: Callable[[str, str], None], path: Path) -> None:
    needs("vllm", "run .ci/vllm_cpu, or pip install 'whyser[vllm]' where there is a GPU")
    done = subprocess.run(
        [sys.executable, "-c", READER, str(path)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = re.findall(r"^READ (.*)$", done.stdout, re.MULTILINE)
    found, content_format = json.loads(line)
    for key, value in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        got = found.get(key.replace("-", "_"))
        if key == "served-model-name":
            continue  # becomes a list
        expected = json.loads(value) if isinstance(got, dict) else value
        assert got == expected, f"{key} is {got!r}, written as {value!r}"
    # So that it is right by default too, in a folder that whyser-convert servable has seen to.
    assert content_format == "openai"


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
