"""Our reading of an entry in the table equals LLaMA-Factory's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from whyser_converters.check.layout import read_layout
from whyser_converters.check.rows import read_rows

from ...programs import start

READER = """
import json, sys
from llamafactory.data.parser import DatasetAttr
attr = DatasetAttr("file", "rows.json")
attr.join(json.loads(sys.argv[1]))
print("ATTRIBUTES " + json.dumps(vars(attr)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "own",
    [
        {},
        {"tags": {"role_tag": "r", "content_tag": "c", "user_tag": "u", "assistant_tag": "a"}},
    ],
)
def test_names_are_those_that_llamafactory_takes(own: dict[str, Any], tmp_path: Path) -> None:
    columns = {"messages": "m", "audios": "s", "system": "p"}
    entry = {"file_name": "rows.json", "formatting": "sharegpt", "columns": columns, **own}
    done = start(["python", "-c", READER, json.dumps(entry)], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("ATTRIBUTES ")]
    theirs = json.loads(line.removeprefix("ATTRIBUTES "))
    layout = read_layout("d", entry)
    for ours, name in {
        layout.messages: "messages",
        layout.audios: "audios",
        layout.role: "role_tag",
        layout.content: "content_tag",
        layout.user[0]: "user_tag",
        layout.assistant[0]: "assistant_tag",
    }.items():
        assert ours == theirs[name]
    assert (layout.system, layout.system_column) == (theirs["system_tag"], theirs["system"])
    observed = [theirs["observation_tag"]] if theirs["observation_tag"] else []
    called = [theirs["function_tag"]] if theirs["function_tag"] else []
    assert [*layout.user[1:], *layout.assistant[1:]] == [*observed, *called]


ALPACA = """
import json, sys
from types import SimpleNamespace
from llamafactory.data.converter import AlpacaDatasetConverter
from llamafactory.data.parser import DatasetAttr
entry, rows = json.loads(sys.argv[1])
attr = DatasetAttr("file", "rows.json")
attr.join(entry)
convert = AlpacaDatasetConverter(attr, SimpleNamespace(media_dir="."))
for row in rows:
    made = convert(row)
    turns = [[one["role"], one["content"]] for one in made["_prompt"] + made["_response"]]
    print("MADE " + json.dumps([turns, made["_system"], made["_audios"]]))
"""


@pytest.mark.slow
def test_alpaca_rows_become_the_messages_that_llamafactory_makes(tmp_path: Path) -> None:
    columns = {"prompt": "p", "query": "q", "response": "r", "history": "h", "system": "s",
               "audios": "a"}  # fmt: skip
    entry = {"file_name": "rows.json", "columns": columns}
    rows = [
        {"p": "<audio>Which?", "q": "A. Sad", "r": "A", "h": None, "s": "Be terse.", "a": ["1"]},
        {"p": "", "q": "<audio>Which?", "r": "sad", "h": [], "s": "", "a": "1"},
        {"p": "And now?", "q": None, "r": "happy", "h": [["<audio>Which?", "sad"]], "s": "",
         "a": ["1"]},
    ]  # fmt: skip
    done = start(["python", "-c", ALPACA, json.dumps([entry, rows])], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("MADE ")]
    layout = read_layout("d", entry)
    for given, line in zip(rows, lines, strict=True):
        turns, system, audios = json.loads(line.removeprefix("MADE "))
        (ours,) = read_rows(given, layout)
        assert [list(turn) for turn in zip(ours.roles, ours.contents, strict=True)] == turns
        assert (ours.system, list(ours.sounds)) == (system, audios)
