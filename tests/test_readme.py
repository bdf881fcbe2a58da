"""What the README shows exists and runs; the two commands at its top are run whole by CI."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sysconfig
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from whyser.files import read_jsonl, write_jsonl

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


def run_step(words: list[str], folder: Path) -> None:
    """A command of "Step by step"; LLaMA-Factory, which needs the weights and a GPU, is played:
    its prediction answers every test row as the manifest expects."""
    if words[0] == "llamafactory-cli":
        if "_predict_" in words[2]:
            settings = yaml.safe_load((folder / words[2]).read_text(encoding="utf-8"))
            manifest = folder / f"data/sharegpt/{settings['eval_dataset']}.manifest.jsonl"
            answers = [row["answer"] for _, row in read_jsonl(manifest)]
            write_jsonl(
                folder / settings["output_dir"] / "generated_predictions.jsonl",
                ({"prompt": "", "predict": one, "label": one} for one in answers),
            )
        return
    command = Path(sysconfig.get_path("scripts")) / words[0]
    done = subprocess.run(
        [str(command), *words[1:]], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"


def test_step_by_step_runs(native_corpora: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "dataset_info.json", tmp_path)
    shutil.copytree(ROOT / "llamafactory_configs", tmp_path / "llamafactory_configs")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    steps = text[text.index("## Step by step") : text.index("## The tree")]
    for words in commands(steps):
        run_step([word.replace("/corpora/CREMA-D", f"{native_corpora}/crema_d") for word in words],
                 tmp_path)  # fmt: skip
    assert (tmp_path / "results/mine/report.html").is_file()
    # The committed table already says what the commands enter in it.
    table = (tmp_path / "dataset_info.json").read_bytes()
    assert table == (ROOT / "dataset_info.json").read_bytes()


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
