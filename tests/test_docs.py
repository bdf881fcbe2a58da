"""What the README, CONTRIBUTING.md and docs/ show exists and runs.

CI runs the README's first two commands.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
import typer

from whyser.io.files import read_jsonl, write_jsonl
from whyser_converters.corpora.registry import CORPORA
from whyser_workflow.options import parse, parser
from whyser_workflow.plan import plan_of

from .eval.endpoint import Endpoint
from .programs import start

ROOT = Path(__file__).resolve().parent.parent


def commands(text: str) -> list[list[str]]:
    """The words of every command in the text's bash blocks, comments and line ends joined."""
    found = []
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                found.append(words)
    return found


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = [words for page in PAGES for words in commands(page.read_text(encoding="utf-8"))]

#: The corpus that docs/new_corpus.md adds, run whole in `test_a_new_corpus`.
EXAMPLE = "emodb"


def tool(name: str) -> Any:
    """The click group behind one of our entry points; typer may bring a click of its own."""
    (entry,) = entry_points(group="console_scripts", name=name)
    return typer.main.get_command(__import__(entry.module, fromlist=["app"]).app)


def options(words: list[str]) -> set[str]:
    return {word.split("=")[0] for word in words if word.startswith("--")}


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_a_shown_command_exists(words: list[str]) -> None:
    # Settings stand before a command.
    name, *rest = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    if name == "./run.sh":
        script = (ROOT / "run.sh").read_text(encoding="utf-8")
        if rest[:1] == ["test"]:
            assert all(
                re.search(rf"(?<![\w-]){option}(?![\w-])", script) for option in options(rest)
            )
            return
        assert options(rest) <= set(parser()._option_string_actions)
    elif name == "llamafactory-cli":
        assert rest[0] == "train"
        assert (ROOT / rest[1]).is_file()
    elif name == "pip":
        assert rest[0] == "install"
    elif name == "./install.sh" or name.startswith(".ci/"):
        assert os.access(ROOT / name, os.X_OK)
    elif name.startswith(".venv/bin/"):
        asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        tools = {re.split(r"[^\w-]", one)[0] for one in asked["optional-dependencies"]["dev"]}
        assert Path(name).name in tools
    elif name in ("python3.11", "tar") or name.startswith("/tmp/"):
        return  # of a release or new pins, in an environment that the commands before make
    else:
        verb = tool(name)
        while hasattr(verb, "commands"):
            verb = verb.commands[rest.pop(0).replace(EXAMPLE, "ravdess")]
        known = {
            option
            for parameter in verb.params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert options(rest) <= known


def options_of_run(words: list[str]) -> list[str]:
    return words[words.index("./run.sh") + 1 :]


RUNS = [words for words in SHOWN if "./run.sh" in words and options_of_run(words)[:1] != ["test"]]


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_a_shown_run_can_be_planned(
    words: list[str], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its values are allowed, its configurations exist, and real corpora have a teacher."""
    monkeypatch.chdir(root)
    for setting in words[: words.index("./run.sh")]:
        monkeypatch.setenv(*setting.split("=", 1))
    asked = parse([re.sub(r"=/corpora/.*", f"={tmp_path}", word) for word in options_of_run(words)])
    if asked.dataset:
        entries = {name: {} for name in (asked.dataset, asked.dev, asked.test)}
        (tmp_path / "dataset_info.json").write_text(json.dumps(entries))
        asked.dataset_dir = str(tmp_path)
    if asked.data:
        assert asked.data in {parse(options_of_run(run)).name for run in RUNS}
        asked.data = None
    plan = plan_of(asked, has_vllm=False)
    assert plan.training_sets and plan.test_sets


def run_step(words: list[str], folder: Path) -> str:
    done = start(words, folder)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_step_by_step_runs(native_corpora: Path, small: tuple[str, ...], tmp_path: Path) -> None:
    """From a corpus to a signed score by LLaMA-Factory itself, on the tiny model in two steps."""
    shutil.copy(ROOT / "dataset_info.json", tmp_path)
    shutil.copytree(ROOT / "llamafactory_configs", tmp_path / "llamafactory_configs")
    run_step(["whyser-demo", "model", "model"], tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    steps = text[text.index("## Step by step") : text.index("## Two systems")]
    said = ""
    for words in commands(steps):
        words = [word.replace("/corpora/CREMA-D", f"{native_corpora}/crema_d") for word in words]
        if words[0] == "llamafactory-cli":
            words += [*small, *(["max_new_tokens=4"] if "_predict" in words[2] else [])]
        said += run_step(words, tmp_path)
    assert "f1_majority|corpus:crema_d|split:test|form:open|" in said
    assert (tmp_path / "results/mine/report.html").is_file()
    # The committed table already says what the commands enter in it.
    table = (tmp_path / "dataset_info.json").read_bytes()
    assert table == (ROOT / "dataset_info.json").read_bytes()


def test_two_systems_make_one_table(native_corpora: Path, tmp_path: Path) -> None:
    """On runs as `./run.sh` leaves them, of which one is always right and the other never."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = commands(text[text.index("## Two systems") : text.index("## What it has to beat")])
    assert [words[:2] for words in shown] == [
        ["./run.sh", "--train"],
        ["whyser-eval", "compare"],
        ["whyser-eval", "table"],
        ["whyser-eval", "report"],
    ]
    folder = "data/demo/utterances"
    run_step(["whyser-convert", "msp_podcast", f"{native_corpora}/msp_podcast", folder], tmp_path)
    utterances = f"{folder}/msp_podcast/utterances.jsonl"
    asked = [row for _, row in read_jsonl(tmp_path / utterances) if row["split"] == "test1"]
    for run in ("row10", "demo"):
        answers = f"results/{run}/predictions/whyser_test_open.jsonl"
        write_jsonl(
            tmp_path / answers,
            (
                {"id": row["id"], "form": "open", "prompt": "0", "model": run,
                 "text": row["label"] if run == "demo" and row["label"] else "no idea"}
                for row in asked
            ),
        )  # fmt: skip
        run_step(["whyser-eval", "score", "--references", utterances, "--predictions", answers,
                  "--output", f"results/{run}"], tmp_path)  # fmt: skip
    for words in shown[1:]:
        run_step(words, tmp_path)
    rows = json.loads((tmp_path / "results/demo/comparisons.json").read_text())
    assert {row["p_holm"] < 0.05 for row in rows if row["p_holm"] is not None} == {True}
    assert (tmp_path / "results/demo/report.html").is_file()


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


# ---- docs/ --------------------------------------------------------------------------------


def test_the_commands_of_the_corpora_page_run(native_corpora: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    names = {"CREMA-D": "crema_d", "IEMOCAP_full_release": "iemocap", "RAVDESS": "ravdess"}
    for words in commands((ROOT / "docs/corpora.md").read_text(encoding="utf-8")):
        if words[2].endswith(".yaml"):
            continue  # run by the README's steps, which write what it names
        for shown, name in names.items():
            words = [
                word.replace(f"/corpora/{shown}", f"{native_corpora}/{name}") for word in words
            ]
        run_step(words, tmp_path)
    card = json.loads((tmp_path / "data/fold_3/ravdess/corpus.json").read_text())
    assert card["options"]["split_scheme"] == "emobox_3"


def test_the_commands_of_the_teacher_page_run(native_corpora: Path, tmp_path: Path) -> None:
    """All but those that need an endpoint."""
    run_step(["whyser-convert", "crema_d", f"{native_corpora}/crema_d", "data/mine"], tmp_path)
    shown = commands((ROOT / "docs/teacher.md").read_text(encoding="utf-8"))
    ours = [words for words in shown if words[0].startswith("whyser-")]
    assert [words[1] for words in ours] == ["cues", "measured", "listening"]
    for words in ours:
        run_step(words, tmp_path)
    assert (tmp_path / "data/mine/measured.jsonl").is_file()
    assert not (tmp_path / "data/mine/rationales.jsonl").exists()


def test_the_commands_of_the_pages_on_training_data_run(
    native_corpora: Path, tmp_path: Path
) -> None:
    run_step(["whyser-convert", "crema_d", f"{native_corpora}/crema_d", "data/mine"], tmp_path)
    utterances, cues = "data/mine/crema_d/utterances.jsonl", "data/mine/cues.jsonl"
    run_step(["whyser-teach", "cues", utterances, "--output", cues], tmp_path)
    run_step(["whyser-teach", "measured", utterances, "--cues", cues,
              "--output", "data/mine/rationales.jsonl"], tmp_path)  # fmt: skip
    # The page on preference goes on from the teacher's.
    shutil.copy(tmp_path / "data/mine/rationales.jsonl", tmp_path / "data/mine/measured.jsonl")
    shown = [
        words
        for page in ("targets", "preference")
        for words in commands((ROOT / f"docs/{page}.md").read_text(encoding="utf-8"))
        if words[0].startswith("whyser-")
    ]
    for words in shown:
        run_step(words, tmp_path)
    verbs = {"sharegpt", "preference"}
    written = [words[words.index("--output") + 1] for words in shown if words[1] in verbs]
    assert len(written) == 10
    assert all((tmp_path / f"{name}.json").is_file() for name in written)


def test_the_page_on_rewards_runs(
    native_corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its script too, with a trainer that pays one answer to each row and learns nothing."""
    pytest.importorskip("datasets")
    run_step(["whyser-convert", "crema_d", f"{native_corpora}/crema_d", "data/mine"], tmp_path)
    run_step(["whyser-teach", "cues", "data/mine/crema_d/utterances.jsonl",
              "--output", "data/mine/cues.jsonl"], tmp_path)  # fmt: skip
    page = (ROOT / "docs/rewards.md").read_text(encoding="utf-8")
    for words in commands(page):
        run_step(words, tmp_path)
    paid: dict[str, list[float]] = {}

    def trainer(
        *, reward_funcs: list[Any], train_dataset: Any, args: dict[str, Any], **_: Any
    ) -> None:
        assert len(args["reward_weights"]) == len(reward_funcs)
        columns = {name: train_dataset[name] for name in train_dataset.column_names}
        assert columns.pop("prompt")[0][0]["role"] == "user"
        for reward in reward_funcs:
            answers = ["<answer>sad</answer><reason>The pitch is high.</reason>"]
            paid[reward.__name__] = reward(answers * len(train_dataset), **columns)

    trl = ModuleType("trl")
    trl.GRPOTrainer, trl.GRPOConfig = trainer, dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "trl", trl)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (script,) = blocks("python", page)
    exec(script, {})
    assert 0 < sum(paid["majority_label"]) < len(paid["majority_label"])
    assert len(set(paid["groundedness"])) > 1


def test_the_commands_of_the_serving_page_run(tmp_path: Path) -> None:
    """On a folder as `llamafactory-cli export` leaves it, but for the weights."""
    shown = commands((ROOT / "docs/serving.md").read_text(encoding="utf-8"))
    assert [words[1] for words in shown] == ["servable", "check"]
    folder = tmp_path / shown[0][2]
    folder.mkdir(parents=True)
    for name, text in {
        "Modelfile": "FROM .",
        "config.json": "{}",
        "chat_template.jinja": "Audio 1: <|AUDIO|>",
        "tokenizer_config.json": '{"added_tokens_decoder": {"1": {"content": "<|AUDIO|>"}}}',
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    for words in shown:
        run_step(words, tmp_path)
    assert (folder / "chat_template.original.jinja").is_file()


def test_the_page_on_predicting_runs(native_corpora: Path, tmp_path: Path) -> None:
    run_step(["whyser-convert", "crema_d", f"{native_corpora}/crema_d", "data/mine"], tmp_path)
    page = (ROOT / "docs/predict.md").read_text(encoding="utf-8")
    shown = commands(page)
    endpoint = Endpoint(lambda body: "I think the emotion is sad")
    for words in shown:
        run_step([word.replace("http://localhost:8000/v1", endpoint.url) for word in words],
                 tmp_path)  # fmt: skip
    endpoint.close()
    names = [words[words.index("--name") + 1] for words in shown if words[1] == "predict"]
    assert set(names) == {"Q2A", "Q2A+CoT", "Q2.5O", "Q2.5O+CoT"}

    (script,) = blocks("python", page)
    space: dict[str, Any] = {}
    exec(script, space)
    utterances, output = tmp_path / "data/mine/crema_d/utterances.jsonl", tmp_path / "own.jsonl"
    space["write"](utterances, output, lambda sound, question: f"{sound.name}: happy")
    run_step(["whyser-eval", "score", "--references", str(utterances), "--predictions",
              str(output), "--output", "own", "--draws", "0"], tmp_path)  # fmt: skip


@pytest.mark.slow
def test_the_page_on_asking_runs(native_corpora: Path, tmp_path: Path) -> None:
    """All but the page, which tests/eval/asking opens in a browser."""
    clips = sorted(native_corpora.glob("crema_d/**/*.wav"))[:9]
    (tmp_path / "other_clips").mkdir()
    for clip in clips:
        shutil.copy(clip, tmp_path / "other_clips")
    shutil.copy(clips[0], tmp_path / "clip.wav")
    run_step(["whyser-demo", "model", "saves/demo"], tmp_path)
    endpoint = Endpoint(lambda body: "I think the emotion is sad")
    shown = commands((ROOT / "docs/ask.md").read_text(encoding="utf-8"))
    assert [words[1] for words in shown].count("listen") == 1
    said = ""
    for words in shown:
        if words[1] == "ask":
            words = [word.replace("http://localhost:8000/v1", endpoint.url) for word in words]
            brief = [] if "--endpoint" in words else ["--max-tokens", "4"]
            said = run_step(words + brief, tmp_path)
    endpoint.close()
    (answer,) = json.loads(said)
    page = (ROOT / "docs/ask.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in page for key in answer)
    assert (tmp_path / "answers.html").is_file()


def test_the_page_on_reading_runs(native_corpora: Path, tmp_path: Path) -> None:
    """A model reads "zesty", the table lacks it, and a person takes it in."""
    run_step(["whyser-convert", "crema_d", f"{native_corpora}/crema_d", "data/mine"], tmp_path)
    utterances, answers = tmp_path / "data/mine/crema_d/utterances.jsonl", "results/zero/q2a.jsonl"
    write_jsonl(
        tmp_path / answers,
        (
            {"id": row["id"], "form": "open", "prompt": "0", "model": "Q2A",
             "text": "The emotion is zesty." if number else "Somehow not so sure about sad"}
            for number, row in enumerate(
                row for _, row in read_jsonl(utterances) if row["split"] == "test"
            )
        ),
    )  # fmt: skip

    def reader(body: dict[str, Any]) -> str:
        asked = str(body["messages"])
        if "Group it under" in asked:
            return json.dumps({"class": "happy", "reason": "lively"})
        return json.dumps({"emotion": "sad" if "sure about" in asked else "zesty", "second": None})

    endpoint = Endpoint(reader)
    scored, collect, freeze, again = commands((ROOT / "docs/reading.md").read_text())
    place = [word.replace("http://localhost:8000/v1", endpoint.url) for word in scored]
    run_step(place, tmp_path)
    asked = len(endpoint.asked)
    run_step(place, tmp_path)
    endpoint.close()
    assert 0 < asked == len(endpoint.asked)
    assert json.loads((tmp_path / "results/zero/q2a/audit.json").read_text())["systems"]

    run_step(collect, tmp_path)
    review = tmp_path / "review.csv"
    with review.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert "zesty" in {row["word"] for row in rows}
    for row in rows:
        row |= {"class": "happy", "use": "prose", "reason": "lively", "accepted": "yes"}
    with review.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    run_step(freeze, tmp_path)
    run_step(again, tmp_path)
    lines = (tmp_path / "results/zero/q2a/samples.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["prediction"] == "happy"


def test_the_page_on_judging_runs(native_corpora: Path, tmp_path: Path) -> None:
    """A judge that prefers whoever says more, and another that flips."""
    run_step(["whyser-convert", "crema_d", f"{native_corpora}/crema_d", "data"], tmp_path)
    utterances = tmp_path / "data/crema_d/utterances.jsonl"
    asked = [row for _, row in read_jsonl(utterances) if row["split"] == "test"]
    for folder, name, reason in (
        ("row11", "row11", "The pitch is high."),
        ("q2a_cot", "Q2A+CoT", "So."),
    ):
        write_jsonl(
            tmp_path / f"{name}.jsonl",
            (
                {"id": row["id"], "form": "open", "prompt": "0", "model": name,
                 "text": f"<answer>{row['label']}</answer><reason>{reason}</reason>"}
                for row in asked
            ),
        )  # fmt: skip
        run_step(["whyser-eval", "score", "--references", str(utterances), "--predictions",
                  f"{name}.jsonl", "--output", f"results/{folder}", "--draws", "0"],
                 tmp_path)  # fmt: skip

    def judge(body: dict[str, Any]) -> str:
        (message,) = body["messages"]
        text = message["content"][-1]["text"]
        if "{" not in text:
            return "No."  # whether it hears
        data = json.loads(text.splitlines()[-1])
        if "A" not in data:
            return json.dumps({"reason": "", "quotation": 0, "groundedness": 1, "relevance": 2})
        prefers_first = "gpt" in body["model"] or "pitch" in data["A"]["explanation"]
        return json.dumps({"reason": "", "verdict": "A" if prefers_first else "B"})

    endpoint = Endpoint(judge)
    dry, first, second = commands((ROOT / "docs/judge.md").read_text(encoding="utf-8"))
    for words in (dry, first, second):
        run_step([word.replace("http://localhost:8000/v1", endpoint.url) for word in words],
                 tmp_path)  # fmt: skip
    endpoint.close()
    found = json.loads((tmp_path / "results/row11/judge/judge.json").read_text())
    rates = {
        (row["judge"], row["metric"]): row["value"] for row in found["rows"]
        if row["emotion"] == "all"
    }  # fmt: skip
    assert rates["google/gemma-3-27b-it", "win_rate"] == 1
    assert rates["openai/gpt-oss-20b", "flip_rate"] == 1
    assert [row["agreement"] for row in found["agreement"]] == [0]


def test_the_page_on_cards_runs(native_corpora: Path, tmp_path: Path) -> None:
    """On folders as the README's steps and `./run.sh` leave them, but for the weights."""
    shutil.copy(ROOT / "dataset_info.json", tmp_path)
    shutil.copytree(ROOT / "llamafactory_configs", tmp_path / "llamafactory_configs")
    readme = commands((ROOT / "README.md").read_text(encoding="utf-8"))
    written = ["crema_d", "cues", "measured", "sharegpt"]
    for words in readme:
        if words[0].startswith("whyser-") and words[1] in written and "data/mine" in str(words):
            run_step(
                [word.replace("/corpora/CREMA-D", f"{native_corpora}/crema_d") for word in words],
                tmp_path,
            )
    utterances = "data/mine/crema_d/utterances.jsonl"
    write_jsonl(
        tmp_path / "predictions.jsonl",
        (
            {"id": row["id"], "form": "open", "prompt": "0", "model": "mine", "text": row["label"]}
            for _, row in read_jsonl(tmp_path / utterances)
            if row["split"] == "test" and row["label"]
        ),
    )
    run, mine = commands((ROOT / "docs/cards.md").read_text(encoding="utf-8"))
    model, settings = (tmp_path / mine[mine.index(name) + 1] for name in ("--model", "--settings"))
    model.mkdir(parents=True)
    (model / "trainer_state.json").write_text('{"global_step": 7}', encoding="utf-8")
    shutil.copytree(model, tmp_path / "saves/demo")
    shutil.copy(settings, tmp_path / "saves/demo/whyser_settings.yaml")
    shutil.copytree(tmp_path / "data/mine", tmp_path / "data/demo")
    for folder, words in (("results/mine", mine), ("results/demo", run)):
        run_step(["whyser-eval", "score", "--references", utterances, "--predictions",
                  "predictions.jsonl", "--output", folder], tmp_path)  # fmt: skip
        run_step(words, tmp_path)
        card = (tmp_path / folder / "cards/model/README.md").read_text(encoding="utf-8")
        assert "It made 7 steps." in card and "base_model: Qwen/Qwen2-Audio-7B-Instruct" in card
        assert "| `whyser_train_reason` | CREMA-D | `train` |" in card
        assert (tmp_path / folder / "cards/dataset/README.md").is_file()


@pytest.mark.slow
def test_the_page_on_baselines_runs(native_corpora: Path, tmp_path: Path) -> None:
    """With a tiny encoder that the demo writes in place of the hub's."""
    run_step(["whyser-convert", "crema_d", f"{native_corpora}/crema_d", "data/mine"], tmp_path)
    run_step(["whyser-demo", "encoder", "encoder"], tmp_path)
    shown = commands((ROOT / "docs/baselines.md").read_text(encoding="utf-8"))
    verbs = ["cues", "cues", "score", "ssl", "answer", "ssl"]
    assert [words[1] for words in shown] == verbs
    for words in shown:
        if words[1] == "ssl":
            # The demo's encoder takes a waveform, and has no window.
            hub = {"microsoft/wavlm-large": "encoder", "openai/whisper-base": "encoder"}
            words = [hub.get(word, word) for word in words if word not in {"--window", "6"}]
            words += ["--epochs", "1"]
        run_step(words, tmp_path)
    answers = [tmp_path / f"results/{name}/predictions.jsonl" for name in ("wavlm", "wavlm_again")]
    assert answers[0].read_bytes() == answers[1].read_bytes()


@pytest.mark.slow
def test_the_page_on_models_runs(native_corpora: Path, tmp_path: Path) -> None:
    """Its checkpoints of tiny parts in place of the hub's and the demo's; what run.sh
    trains of them runs in tests/run/test_speechlm.py."""
    run_step(["whyser-convert", "crema_d", f"{native_corpora}/crema_d", "data/mine"], tmp_path)
    run_step(["whyser-teach", "cues", "data/mine/crema_d/utterances.jsonl",
              "--output", "data/mine/cues.jsonl"], tmp_path)  # fmt: skip
    run_step(["whyser-demo", "model", "model"], tmp_path)
    for family in ("wavlm", "hubert"):
        run_step(["whyser-demo", "encoder", family, "--family", family], tmp_path)
    tiny = {
        **dict.fromkeys(("openai/whisper-large-v3", "saves/demo"), "model"),
        **dict.fromkeys(("Qwen/Qwen2.5-7B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"), "model"),
        **dict.fromkeys(("microsoft/wavlm-large", "results/demo/baselines/ssl/model"), "wavlm"),
        **dict.fromkeys(("facebook/hubert-large-ll60k", "results/hubert/model"), "hubert"),
        **{"openai/whisper-base": "model", "HuggingFaceTB/SmolLM2-135M-Instruct": "model"},
    }
    shown = commands((ROOT / "docs/models.md").read_text(encoding="utf-8"))
    built = [words for words in shown if words[:2] == ["whyser-speechlm", "build"]]
    assert {words[2] for words in built} == {"qwen2_audio", "dual_encoder", "vib_hubert", "semollm"}
    for words in built:
        narrow = [] if words[2] == "qwen2_audio" else ["--width", "24"]
        run_step([tiny.get(word, word) for word in words] + narrow, tmp_path)
    (probe,) = (words for words in shown if words[:2] == ["whyser-speechlm", "probe"])
    at = probe.index("--adapter")
    del probe[at : at + 2]
    probe[2] = "models/vib_hubert"
    run_step(probe, tmp_path)


def test_every_option_of_the_corpora_page_has_that_default() -> None:
    text = (ROOT / "docs/corpora.md").read_text(encoding="utf-8")
    for name, default in re.findall(r"^\| `--([a-z-]+)`[^|]*\| `(\w+)`", text, re.MULTILINE):
        choices = [spec.choices.get(name.replace("-", "_")) for spec in CORPORA.values()]
        assert {choice.default for choice in choices if choice} == {default}


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def page() -> str:
    return (ROOT / "docs/new_corpus.md").read_text(encoding="utf-8")


def test_a_new_corpus(page: str, tmp_path: Path) -> None:
    """One file and one line, in a copy of the package."""
    package = tmp_path / "copy/whyser_converters"
    shutil.copytree(ROOT / "converters/whyser_converters", package)
    (file,), (change,) = blocks("python", page), blocks("diff", page)
    (package / f"corpora/{EXAMPLE}.py").write_text(file, encoding="utf-8")
    registry = package / "corpora/registry.py"
    table = registry.read_text(encoding="utf-8")
    above, added = (line[1:] + "\n" for line in change.splitlines())
    assert above in table
    table = table.replace(above, above + added)
    registry.write_text(table, encoding="utf-8")
    corpus = tmp_path / EXAMPLE
    (corpus / "wav").mkdir(parents=True)
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 8_000))
    names = ("03a01Wa", "13b10Lb", "16a05Nc", "16a05Zc")
    for name, samples in zip(names, noise, strict=True):
        soundfile.write(corpus / f"wav/{name}.wav", samples, 16_000)

    for words in commands(page[page.index("## A corpus with") :]):
        words = [word.replace(f"/corpora/{EXAMPLE}", str(corpus)) for word in words]
        code = f"import sys; sys.argv = {words!r}; from whyser_converters.cli import main; main()"
        environment = {**os.environ, "PYTHONPATH": str(package.parent)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    found = [row for _, row in read_jsonl(tmp_path / f"data/mine/{EXAMPLE}/utterances.jsonl")]
    assert [(row["split"], row["label"]) for row in found] == [
        ("train", "angry"),
        ("dev", "other"),
        ("test", "neutral"),
    ]
    card = json.loads((tmp_path / f"data/mine/{EXAMPLE}/corpus.json").read_text())
    assert (card["read"], sum(card["dropped"].values())) == (4, 1)


def test_a_table(page: str, root: Path, tmp_path: Path) -> None:
    """The commands of the section, on a table and on names of files."""
    mine = tmp_path / "mine"
    (mine / "flat").mkdir(parents=True)
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 8_000))
    for name, one in zip(("01_ANG_a", "01_SAD_b", "02_ANG_a", "02_BOR_b"), noise, strict=True):
        soundfile.write(mine / f"flat/{name}.wav", one, 16_000)
    (mine / "metadata.csv").write_text(
        "file_name,emotion,speaker_id\nflat/01_ANG_a.wav,anger,1\nflat/02_BOR_b.wav,boredom,2\n"
    )
    (mine / "recipe.yaml").write_text(next(iter(blocks("yaml", page))), encoding="utf-8")
    shown = commands(page[page.index("## A table") : page.index("## Rows that")])
    assert [words[0] for words in shown].count("whyser-convert") == 4
    for words in shown:
        words = [word.replace("/corpora/mine", str(mine)) for word in words]
        if words[0] == "./run.sh":
            words = ["whyser-convert", "table", words[2].partition("=")[2], "data/mine",
                     "--name", "recipe"]  # fmt: skip
        if words[-2:-1] == ["--pattern"]:
            words += ["--merge", "BOR=other"]
        run_step(words, tmp_path)
    by_pattern, by_recipe = (
        [row for _, row in read_jsonl(tmp_path / f"data/mine/{name}/utterances.jsonl")]
        for name in ("flat", "recipe")
    )
    assert [row["label"] for row in by_recipe] == [row["label"] for row in by_pattern]
    assert {row["gender"] for row in by_recipe} == {"male", "female"}


def test_a_recipe_of_several_tables(page: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (2, 8_000))
    (mine / "audio").mkdir(parents=True)
    for name, one in zip(("1", "2"), noise, strict=True):
        soundfile.write(mine / f"audio/{name}.wav", one, 16_000)
    for name, text in {
        "evaluations.csv": "file_name,evaluator,emotion_expressed,emotion_recognized,noise\n"
        "1.wav,e1,joy,joy,0\n1.wav,e2,joy,anger,1\n2.wav,e1,fear,joy,0\n",
        "samples.csv": "file_name,actor,sentence_id\n1.wav,u1,a\n2.wav,u2,b\n",
        "users.csv": "username,gender\nu1,female\nu2,male\n",
        "texts/first.txt": "a|Hello, you.\n",
        "texts/second.txt": "b|Good, bye.\n",
    }.items():
        (mine / "metadata" / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / "metadata" / name).write_text(text)
    recipe = next(one for one in blocks("yaml", page) if "join:" in one)
    (mine / "recipe.yaml").write_text(recipe, encoding="utf-8")
    run_step(["whyser-convert", "table", "mine/recipe.yaml", "data", "--name", "mine"], tmp_path)
    found = [row for _, row in read_jsonl(tmp_path / "data/mine/utterances.jsonl")]
    assert [
        (row["label"], row["gender"], row["transcript"], len(row["votes"])) for row in found
    ] == [("happy", "female", "Hello, you.", 1), ("fear", "male", "Good, bye.", 1)]


@pytest.fixture
def own_rows(page: str, native_corpora: Path, tmp_path: Path) -> list[list[str]]:
    """The commands for rows of a stranger, in a folder with three datasets of eight rows."""
    start_of = page.index("## Rows that you already have")
    section = page[start_of : page.index("\n## ", start_of)]
    entry, row = blocks("json", section)
    (given,) = json.loads(f"{{{entry}}}").values()
    table = json.loads((ROOT / "dataset_info.json").read_text())
    sounds = sorted((native_corpora / "crema_d").rglob("*.wav"))[:24]
    words = ("sad", "happy", "angry", "neutral", "fear")
    for place, name in enumerate(("my_rows", "my_dev", "my_test")):
        table[name] = given | {"file_name": f"data/{name}.json"}
        rows = []
        for number, sound in enumerate(sounds[place::3]):
            target = tmp_path / f"data/my_sounds/{name}_{number}.wav"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(sound, target)
            own = row.replace("data/my_sounds/0001.wav", str(target.relative_to(tmp_path)))
            rows.append(json.loads(own.replace("sad", words[number % 5])))
        (tmp_path / f"data/{name}.json").write_text(json.dumps(rows))
    (tmp_path / "dataset_info.json").write_text(json.dumps(table))
    shown = commands(section)
    assert [" ".join(words[:2]) for words in shown] == [
        *("whyser-convert check", "whyser-convert import"),
        *("llamafactory-cli train", "llamafactory-cli train", "whyser-eval score"),
        "./run.sh --dataset",
    ]
    return shown


def test_rows_of_ones_own(own_rows: list[list[str]], tmp_path: Path) -> None:
    """A model that answers all but the first row right."""
    check, imports, _, _, score, _ = own_rows
    run_step(check, tmp_path)
    run_step(imports, tmp_path)
    generated = tmp_path / score[score.index("--predictions") + 1]
    lines = [row for _, row in read_jsonl(tmp_path / score[score.index("--manifest") + 1])]
    write_jsonl(
        generated,
        (
            {"prompt": "", "predict": line["answer"] if number else "?", "label": line["answer"]}
            for number, line in enumerate(lines)
        ),
    )
    assert "f1_majority|corpus:my_rows|split:test|form:open|" in run_step(score, tmp_path)
    scores = json.loads((tmp_path / "results/my_rows/scores.json").read_text())
    accuracy = [
        row["value"]
        for row in scores
        if (row["system"], row["subset"], row["metric"]) == ("my_rows", "all", "wa")
    ]
    assert accuracy == [7 / 8]


@pytest.mark.slow
def test_rows_of_ones_own_are_trained_predicted_and_scored(
    own_rows: list[list[str]], small: tuple[str, ...], tmp_path: Path
) -> None:
    """By LLaMA-Factory itself, on the tiny model in two steps."""
    shutil.copytree(ROOT / "llamafactory_configs", tmp_path / "llamafactory_configs")
    run_step(["whyser-demo", "model", "model"], tmp_path)
    said = ""
    for words in own_rows[1:5]:
        if words[0] == "llamafactory-cli":
            words = [*words, *small, *(["max_new_tokens=4"] if "_predict" in words[2] else [])]
        said += run_step(words, tmp_path)
    assert "f1_majority|corpus:my_rows|split:test|form:open|" in said
    run_step(["whyser-eval", "report", "results/my_rows"], tmp_path)
