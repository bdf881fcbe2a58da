"""Every command that the README shows exists, with every option that it is shown with.

The two commands at its top are run whole by CI.
"""

from __future__ import annotations

import re
import shlex
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import typer

ROOT = Path(__file__).resolve().parent.parent


def commands(text: str) -> list[list[str]]:
    """The words of every command in the text's bash blocks, comments and line ends joined."""
    found = []
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                found.append(words)
    return found


SHOWN = commands((ROOT / "README.md").read_text(encoding="utf-8"))


def tool(name: str) -> Any:
    """The click group behind one of our entry points; typer may bring a click of its own."""
    (entry,) = entry_points(group="console_scripts", name=name)
    return typer.main.get_command(__import__(entry.module, fromlist=["app"]).app)


def options(words: list[str]) -> set[str]:
    return {word.split("=")[0] for word in words if word.startswith("--")}


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_a_shown_command_exists(words: list[str]) -> None:
    name, *rest = words
    if name == "./run.sh":
        script = (ROOT / "run.sh").read_text(encoding="utf-8")
        assert all(re.search(rf"^  {option} ", script, re.MULTILINE) for option in options(rest))
    elif name == "llamafactory-cli":
        assert rest[0] == "train"
        assert (ROOT / rest[1]).is_file()
    elif name == "pip":
        assert rest[0] == "install"
    else:
        verb = tool(name).commands[rest[0]]
        known = {option for parameter in verb.params for option in parameter.opts}
        assert options(rest) <= known


def test_the_readme_shows_every_verb_of_a_run() -> None:
    shown = {tuple(words[:2]) for words in SHOWN}
    assert {("./run.sh",), ("./run.sh", "test"), ("whyser-eval", "score")} <= shown


def test_the_tree_names_files_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = text[text.index("## The tree") : text.index("## Reading a signature")]
    folder = ""
    for line in re.search(r"```text\n(.*?)```", tree, re.DOTALL).group(1).splitlines():  # type: ignore[union-attr]
        names = re.split(r"\s{2,}", line.strip())[0].split()
        if not line.startswith(" "):
            folder = names[0] if names[0].endswith("/") else ""
        for name in names:
            place = ROOT / name if not line.startswith(" ") else ROOT / folder / name
            assert place.exists(), place
