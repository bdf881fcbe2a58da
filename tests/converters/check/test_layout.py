"""Our reading of an entry in the table equals LLaMA-Factory's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from whyser_converters.check.layout import read_layout

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
