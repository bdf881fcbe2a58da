from __future__ import annotations

import json
from pathlib import Path

import pytest

from whyser_converters.datasets.dataset_info import STANDARD_NAMES
from whyser_workflow import building
from whyser_workflow.building import build, test_words, training_words
from whyser_workflow.plan import RunPlan

from .conftest import PlanOf

# pytest takes it for a test.
words_of_test = test_words
del test_words

ROW_11 = "llamafactory_configs/qwen2audio/lora_sft_reason.yaml"


@pytest.fixture
def made(plan: PlanOf, place: Path) -> RunPlan:
    for name in ("msp", "crema"):
        (place / name).mkdir()
    corpora = ("--corpora", "msp_podcast=msp", "crema_d=crema")
    return plan(*corpora, "--train", ROW_11, "--teacher", "serve", "--name", "x")


UTTERANCES = [f"data/x/utterances/{name}/utterances.jsonl" for name in ("msp_podcast", "crema_d")]
#: The audio teacher's rationales, of both splits.
TAUGHT = [
    *("--rationales", "data/x/rationales/listening.jsonl"),
    *("--rationales", "data/x/rationales/listening_dev.jsonl"),
    *("--cues", "data/x/rationales/msp_podcast/cues.jsonl"),
    *("--cues", "data/x/rationales/crema_d/cues.jsonl"),
]


@pytest.mark.parametrize(
    ("name", "verb", "split", "options"),
    [
        ("train_reason", "sharegpt", "train", "--prompt open --target reason"),
        ("train_label", "sharegpt", "train", "--prompt open --target label"),
        (
            *("train_sampled", "sharegpt", "train"),
            "--prompt open --target reason --labels sampled --epochs 2",
        ),
        ("train_attributes", "sharegpt", "train", "--prompt open --target attributes"),
        ("task_attributes", "sharegpt", "train", "--prompt task --target attributes --no-asr"),
        ("train_preference", "preference", "train", ""),
        ("dev_reason", "sharegpt", "dev", "--max-samples 1000 --prompt open --target reason"),
        ("dev_preference", "preference", "dev", "--max-samples 1000"),
        ("task_asr", "sharegpt", "train", "--prompt task --target asr"),
        ("task_descriptors", "sharegpt", "train", "--prompt task --target descriptors --no-asr"),
        ("train_distribution", "sharegpt", "train", "--prompt open --target distribution"),
        (
            *("dev_distribution", "sharegpt", "dev"),
            "--max-samples 1000 --prompt open --target distribution",
        ),
        ("task_distribution", "sharegpt", "train", "--prompt task --target distribution --no-asr"),
    ],
)
def test_the_command_of_a_training_set(
    made: RunPlan, name: str, verb: str, split: str, options: str
) -> None:
    output = ["--split", split, "--output", f"data/x/sharegpt/whyser_{name}"]
    expected = [verb, *UTTERANCES, *output, *options.split(), *TAUGHT]
    assert training_words(made, f"whyser_{name}") == expected


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("open", "--prompt open"),
        ("closed", "--prompt closed"),
        ("open_cot", "--prompt open --cot"),
        ("open_shuffled", "--prompt open --control shuffled"),
        ("open_cot_shuffled", "--prompt open --cot --control shuffled"),
        ("closed_cot_codec", "--prompt closed --cot --control codec"),
    ],
)
def test_the_command_of_a_test_set(made: RunPlan, name: str, options: str) -> None:
    """Of the tested corpus alone, and without rationales."""
    assert words_of_test(made, f"whyser_test_{name}") == [
        *("sharegpt", UTTERANCES[0], "--split", "test1", "--target", "label"),
        *("--output", f"data/x/sharegpt/whyser_test_{name}", *options.split()),
    ]


def test_own_rows_are_copied_with_their_manifests(
    plan: PlanOf, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("mine", "mine_test", "mine_test_shuffled")
    entries = {name: {"file_name": f"{name}.json", "tags": {"role_tag": name}} for name in names}
    (place / "dataset_info.json").write_text(json.dumps(entries), encoding="utf-8")
    made = plan("--dataset", "mine", "--test", "mine_test")
    source = made.utterances("mine").parent
    source.mkdir(parents=True)
    for name in names:
        (source / f"{name}.json").write_text(f'["{name}"]', encoding="utf-8")
        (source / f"{name}.manifest.jsonl").write_text("{}\n", encoding="utf-8")
    (source / "dataset_info.json").write_text(json.dumps(entries), encoding="utf-8")
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(building, "call", lambda *words: started.append(words))
    build(made)
    assert started == [("whyser-convert", "check", "data/mine/sharegpt/dataset_info.json")]
    assert json.loads((made.rows / "dataset_info.json").read_text()) == entries
    assert {path.name for path in made.rows.iterdir()} == {
        "dataset_info.json",
        *(f"{name}{suffix}" for name in names for suffix in (".json", ".manifest.jsonl")),
    }
    assert (made.rows / "mine_test.json").read_text() == '["mine_test"]'


def test_every_set_is_written_and_then_all_are_checked(
    made: RunPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(building, "call", lambda *words: started.append(words))
    build(made)
    outputs = [words[words.index("--output") + 1] for words in started[:-1]]
    assert [Path(one).name for one in outputs] == [
        *("whyser_train_reason", "whyser_dev_reason"),
        *("whyser_test_open", "whyser_test_closed", "whyser_test_open_shuffled"),
    ]
    assert started[-1] == ("whyser-convert", "check", "data/x/sharegpt/dataset_info.json")
    assert {words[0] for words in started} == {"whyser-convert"}


def test_the_demo_trains_both_forms(plan: PlanOf) -> None:
    words = training_words(plan(), "whyser_train_reason")
    assert words[words.index("--prompt") + 1] == "mix"


def test_all_standard_training_sets_have_a_command(made: RunPlan) -> None:
    names = [name for name in STANDARD_NAMES if "_test_" not in name]
    assert len(names) > 5
    for name in names:
        assert training_words(made, name)[-len(TAUGHT) :] == TAUGHT
