"""Properties of all commands: a version, and a clear message if a library is missing."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from whyser import __version__

PYPROJECT: dict[str, Any] = tomllib.loads(
    (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8")
)["project"]
COMMANDS: dict[str, EntryPoint] = {
    name: entry
    for entry in entry_points(group="console_scripts")
    if (name := entry.name) in PYPROJECT["scripts"]
}

#: What a command needs besides the base install: how a user calls it, and of each extra its
#: libraries by the names that an import and the package index have for them.
NEEDS: list[tuple[str, dict[str, dict[str, str]]]] = [
    ("whyser-demo corpora out", {"demo": {"espeakng_loader": "espeakng-loader"}}),
    (
        "whyser-demo model out",
        {"demo": {one: one for one in ("torch", "transformers", "tokenizers")}},
    ),
    ("whyser-demo encoder out", {"demo": {one: one for one in ("torch", "transformers")}}),
    (
        "whyser-teach cues utterances.jsonl --output out",
        {"acoustics": {"parselmouth": "praat-parselmouth"}},
    ),
    (
        "whyser-baseline cues utterances.jsonl --cues cues.jsonl --output out",
        {"baselines": {"sklearn": "scikit-learn"}},
    ),
    *(
        (
            f"whyser-baseline {words} --output out",
            {"train": {one: one for one in ("torch", "transformers", "accelerate", "safetensors")}},
        )
        for words in ("ssl utterances.jsonl --encoder wavlm", "answer utterances.jsonl --model m")
    ),
    (
        "whyser-speechlm build dual_encoder --llm llm --output out",
        {"train": {one: one for one in ("torch", "transformers")}},
    ),
    (
        "whyser-speechlm probe model utterances.jsonl --cues cues.jsonl",
        {
            "train": {one: one for one in ("torch", "transformers")},
            "baselines": {"sklearn": "scikit-learn"},
        },
    ),
    (
        "whyser-speechlm probe model utterances.jsonl --cues cues.jsonl --adapter lora",
        {"train": {"peft": "peft"}},
    ),
    ("whyser-convert tokenize run.yaml --output out", {"train": {"llamafactory": "LLaMA-Factory"}}),
    (
        "whyser-eval figure results --which study --output out.pdf",
        {"figures": {"matplotlib": "matplotlib"}},
    ),
]
CASES = [
    pytest.param(line, extra, library, name, id=f"{' '.join(line.split()[:2])}-{library}")
    for line, extras in NEEDS
    for extra, libraries in extras.items()
    for library, name in libraries.items()
]


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Any:
    """Status, output and errors of a command line, run by its entry point in an empty folder."""

    def of(line: str) -> tuple[int, str, str]:
        words = line.split()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            COMMANDS[words[0]].load()()
        assert list(tmp_path.iterdir()) == []
        return int(ended.value.code or 0), *capsys.readouterr()

    return of


def test_every_command_that_is_declared_is_installed() -> None:
    assert set(COMMANDS) == set(PYPROJECT["scripts"])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_its_version(name: str, call: Any) -> None:
    assert call(f"{name} --version") == (0, f"{name} {__version__}\n", "")
    assert "--version" in call(f"{name} --help")[1]


@pytest.mark.parametrize(("line", "extra", "library", "name"), CASES)
def test_a_command_names_the_library_that_it_lacks_and_its_extra(
    line: str, extra: str, library: str, name: str, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    verb = " ".join(line.split()[:2]) + (" --adapter" if "--adapter" in line else "")
    status, out, err = call(line)
    assert (status, out) == (1, "")
    assert err == (
        f"error: {verb} needs {name}, which is not installed. Run: pip install 'whyser[{extra}]'\n"
    )
    assert call(f"{' '.join(line.split()[:2])} --help")[0] == 0


#: Commands with more options than a person wants to see at once.
LONG = (
    "whyser-eval score",
    "whyser-eval judge",
    "whyser-eval predict",
    "whyser-eval ask",
    "whyser-eval study make",
    "whyser-teach listening",
    "whyser-baseline ssl",
    "whyser-speechlm build",
    "whyser-convert sharegpt",
    "whyser-convert table",
)


@pytest.mark.parametrize("line", LONG)
def test_the_first_panel_of_a_help_holds_15_options_at_most(line: str, call: Any) -> None:
    status, out, _ = call(f"{line} --help")
    first, *panels = re.split(r"^(?=[A-Z][\w ]*:$)", out.partition("\nOptions:\n")[2], flags=re.M)
    assert status == 0 and panels
    assert 5 < len(re.findall(r"^  -", first, flags=re.M)) <= 15


@pytest.mark.parametrize(
    ("line", "new", "old"),
    [
        ("whyser-eval score", "--resample-by", "--unit"),
        ("whyser-eval compare", "--resample-by", "--unit"),
        ("whyser-eval score", "--reader-api-key-env", "--reader-key-variable"),
        ("whyser-eval predict", "--api-key-env", "--key-variable"),
        ("whyser-teach listening", "--api-key-env", "--key-variable"),
        ("whyser-baseline ssl", "--max-duration", "--longest"),
    ],
)
def test_an_option_keeps_its_old_name_too(line: str, new: str, old: str, call: Any) -> None:
    assert f"{new}, {old}" in call(f"{line} --help")[1]


def test_all_that_a_command_lacks_is_named_at_once(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("torch", "transformers", "sklearn"):
        monkeypatch.setitem(sys.modules, library, None)
    assert call("whyser-speechlm probe model utterances.jsonl --cues cues.jsonl")[2] == (
        "error: whyser-speechlm probe needs torch, transformers and scikit-learn, which are not "
        "installed. Run: pip install 'whyser[train,baselines]'\n"
    )


#: As in a base install: all commands are there, and so is what those do that need no extra.
BARE = """
import importlib, sys
from importlib.metadata import entry_points
for name in sys.argv[1].split():
    sys.modules[name] = None
for entry in entry_points(group="console_scripts"):
    if entry.name.startswith("whyser-"):
        entry.load()
for name in sys.argv[2].split():
    importlib.import_module(name)
"""
FREE = """
    whyser_converters.convert.run whyser_converters.datasets.sharegpt
    whyser_converters.datasets.preference whyser_converters.llamafactory.servable
    whyser_converters.check.datasets whyser_converters.llamafactory.served whyser.teacher.measured
    whyser.teacher.session whyser_eval.answers.join whyser_eval.answers.predict
    whyser_eval.scoring.score whyser_eval.scoring.compare whyser_eval.output.table
    whyser_eval.answers.emobox whyser_eval.reading.lexicon_review
    whyser_eval.scoring.reading_audit whyser_eval.output.report
    whyser_eval.explanations.judge.session whyser_eval.explanations.study.make
    whyser_eval.explanations.study.read
"""


def needed() -> Iterator[tuple[str, dict[str, str]]]:
    for _, extras in NEEDS:
        yield from extras.items()


def test_the_other_commands_need_no_extra() -> None:
    blocked = {library for _, libraries in needed() for library in libraries}
    done = subprocess.run(
        [sys.executable, "-c", BARE, " ".join(blocked), FREE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def plain(name: str) -> str:
    """A name as the package index compares them."""
    return re.sub(r"[-_.]+", "-", name).lower()


def brought_by(extra: str) -> set[str]:
    """The packages that an extra of ours asks for, and those that they ask for in turn."""
    waiting = list(PYPROJECT["optional-dependencies"][extra])
    found: set[str] = set()
    while waiting:
        wanted = Requirement(waiting.pop())
        applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if applies and plain(wanted.name) not in found:
            found.add(plain(wanted.name))
            waiting += requires(wanted.name) or []
    return found


@pytest.mark.parametrize("extra", sorted({extra for extra, _ in needed()}))
def test_an_extra_brings_the_libraries_that_it_is_named_for(extra: str) -> None:
    wanted = {
        plain(name) for one, libraries in needed() if one == extra for name in libraries.values()
    }
    # The only one whose name people write otherwise than the index.
    assert {name.replace("llama-factory", "llamafactory") for name in wanted} <= brought_by(extra)


def test_every_extra_that_a_message_names_exists(root: Path) -> None:
    said = set()
    for folder in ("src", "converters", "eval", "tests", "docs"):
        for path in (root / folder).rglob("*"):
            if path.suffix in (".py", ".md"):
                text = path.read_text(encoding="utf-8")
                for names in re.findall(r"(?:whyser|\.)\[([a-z,]+)\]'", text):
                    said |= set(names.split(","))
    said |= {extra for extra, _ in needed()} | {"qlora", "deepspeed", "ray"}
    assert said <= set(PYPROJECT["optional-dependencies"])
