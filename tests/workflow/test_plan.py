from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from whyser.io.errors import InputError
from whyser_converters.check.settings import settings_of
from whyser_converters.corpora.registry import CORPORA
from whyser_workflow.plan import SMALL, SMALL_PREDICT, OwnRows, Teacher, as_words, read_plan

from .conftest import PlanOf

FOLDER = "llamafactory_configs/"
ROW_11 = ("--train", f"{FOLDER}qwen2audio/lora_sft_reason.yaml")
DPO = ("--train", f"{FOLDER}qwen2audio/lora_dpo.yaml")
QWEN = ("--model", "Qwen/Qwen2-Audio-7B-Instruct")


@pytest.fixture
def corpora(place: Path) -> tuple[str, ...]:
    """`--corpora` with two real ones, given in another order than the registry's."""
    for name in ("crema", "msp"):
        (place / name).mkdir()
    return "--corpora", "crema_d=crema", "msp_podcast=msp"


def test_the_demo(plan: PlanOf) -> None:
    made = plan()
    assert made.is_demo and made.is_tiny
    assert made.corpora == list(CORPORA)
    assert made.trains == (f"{FOLDER}tiny/full_sft_reason.yaml",)
    assert made.predict == f"{FOLDER}tiny/full_predict.yaml"
    assert made.training_sets == ["whyser_train_reason"]
    assert made.test_sets == [
        *("whyser_test_open", "whyser_test_closed", "whyser_test_open_shuffled")
    ]
    assert (made.model, made.teacher, made.predict_with) == (
        *("data/demo/model", Teacher("measured"), "transformers"),
    )
    assert (made.prompt, made.labels, made.rows_wanted) == ("mix", "majority", 15000)
    assert made.source("meld") == "data/demo/corpora/meld"
    assert made.start_of(0) == {"model_name_or_path": "data/demo/model"}
    assert made.start_of(1) == {"model_name_or_path": "saves/demo"}


def test_a_plan_is_the_same_after_it_was_written(
    plan: PlanOf, corpora: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHER_OPTIONS", "--concurrency 64 --prompt 'my prompt.txt'")
    made = plan(
        *corpora, *ROW_11, *DPO, *QWEN, "--teacher", "serve", "--set", "seed=3", has_vllm=True
    )
    assert made.write() == Path("data/real/run.json")
    assert read_plan(made.path) == made
    assert made.teacher.options == ("--concurrency", "64", "--prompt", "my prompt.txt")
    assert made.predict_with == "vllm"


SMALL_ONE = (
    *("--train", f"{FOLDER}small/freeze_sft_projector.yaml"),
    *("--train", f"{FOLDER}small/lora_sft_reason.yaml"),
)
PARTS = ("--speech", "openai/whisper-base", "--llm", "owner/small", "--window", "6")


def test_a_small_student_is_built_and_trained_in_two_stages(
    plan: PlanOf, corpora: tuple[str, ...]
) -> None:
    made = plan(*corpora, *SMALL_ONE, *PARTS, "--teacher", "measured", "--name", "s")
    assert made.parts == {"speech": "openai/whisper-base", "llm": "owner/small"}
    assert (made.model, made.window) == ("data/s/model", 6)
    assert made.start_of(0) == {"model_name_or_path": "data/s/model"}
    assert made.start_of(2) == {
        "model_name_or_path": "saves/s/small_freeze_sft_projector",
        "adapter_name_or_path": "saves/s/small_lora_sft_reason",
    }
    assert made.predict == f"{FOLDER}small/lora_predict.yaml"
    assert made.training_sets == ["whyser_task_asr", "whyser_task_label", "whyser_train_reason"]
    assert read_plan(made.write()) == made


def test_parts_are_not_for_the_tiny_configurations(plan: PlanOf) -> None:
    with pytest.raises(InputError, match=r"larger model than .*/tiny/.*/small/"):
        plan(*PARTS)


def test_a_broken_plan_is_named(plan: PlanOf) -> None:
    path = plan().write()
    path.write_text(path.read_text().replace('"transformers"', '"magic"'))
    with pytest.raises(InputError, match=r"run\.json: predict_with: .* Give the command of that"):
        read_plan(path)


# ---- configurations ------------------------------------------------------------------------


def test_after_sft_then_dpo_the_family_predicts_and_the_test_rows_have_names_of_their_own(
    plan: PlanOf,
) -> None:
    made = plan(*ROW_11, *DPO, *QWEN)
    assert made.predict == f"{FOLDER}qwen2audio/lora_predict.yaml"
    assert made.training_sets == [
        *("whyser_train_reason", "whyser_dev_reason"),
        *("whyser_train_preference", "whyser_dev_preference"),
    ]
    assert not {*made.training_sets} & {*made.test_sets}
    folders = ["saves/demo/qwen2audio_lora_sft_reason", "saves/demo/qwen2audio_lora_dpo"]
    assert [str(made.saved(number)) for number in range(2)] == folders
    base = {"model_name_or_path": "Qwen/Qwen2-Audio-7B-Instruct"}
    # DPO stacks an adapter on that of this run, not on the one that its YAML names.
    assert [made.start_of(number) for number in range(3)] == [
        base,
        base | {"adapter_name_or_path": folders[0]},
        base | {"adapter_name_or_path": ",".join(folders)},
    ]


def test_an_adapter_that_is_trained_on_replaces_itself(plan: PlanOf) -> None:
    made = plan(*ROW_11, *DPO, *QWEN, "--set", "create_new_adapter=false")
    assert made.start_of(2)["adapter_name_or_path"] == "saves/demo/qwen2audio_lora_dpo"


def test_whole_weights_are_the_next_base(plan: PlanOf) -> None:
    made = plan("--train", f"{FOLDER}qwen2audio/full_sft_reason.yaml", *ROW_11, *QWEN)
    full, lora = "saves/demo/qwen2audio_full_sft_reason", "saves/demo/qwen2audio_lora_sft_reason"
    assert made.start_of(1) == {"model_name_or_path": full}
    assert made.start_of(2) == {"model_name_or_path": full, "adapter_name_or_path": lora}


def test_families_with_configurations_of_one_name_keep_apart(plan: PlanOf) -> None:
    other = ("--train", f"{FOLDER}qwen25omni/lora_sft_reason.yaml")
    made = plan(*ROW_11, *other)
    assert [made.saved(number).name for number in range(2)] == [
        *("qwen2audio_lora_sft_reason", "qwen25omni_lora_sft_reason")
    ]


@pytest.mark.parametrize(
    "line",
    [
        "dataset: whyser_train_reason  # all corpora",
        "dataset: [whyser_train_reason]",
        '"dataset": "whyser_train_reason"',
        "dataset: whyser_train_reason, whyser_train_reason",
    ],
)
def test_the_dataset_is_what_the_yaml_says(plan: PlanOf, own_yaml: Path, line: str) -> None:
    own_yaml.write_text(f"do_train: true\n{line}\n")
    assert plan("--train", str(own_yaml)).training_sets == ["whyser_train_reason"]


def test_overrides_reach_training_and_prediction(plan: PlanOf) -> None:
    made = plan(
        *ROW_11, "--set", "dataset=whyser_train_label", "max_samples=20",
        "--set-predict", "eval_dataset=whyser_test_open_cot",
    )  # fmt: skip
    assert made.training_sets == ["whyser_train_label", "whyser_dev_reason"]
    assert made.rows_wanted == 20
    assert made.test_sets == [
        *("whyser_test_open_cot", "whyser_test_closed_cot", "whyser_test_open_cot_shuffled")
    ]


def test_further_controls_follow_the_open_form(plan: PlanOf) -> None:
    made = plan("--set-predict", "eval_dataset=whyser_test_open,whyser_test_closed_gain")
    assert made.test_sets == [
        *("whyser_test_open", "whyser_test_closed", "whyser_test_open_shuffled"),
        "whyser_test_closed_gain",
    ]


# ---- own rows ------------------------------------------------------------------------------

OWN = ("--dataset", "mine", "--test", "mine_test")


@pytest.fixture
def own_table(place: Path) -> Path:
    path = place / "dataset_info.json"
    entries = {name: {"file_name": f"{name}.json"} for name in ("mine", "mine_dev", "mine_test")}
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def test_own_rows_are_the_only_corpus_and_have_no_teacher(
    plan: PlanOf, own_table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHER_URL", "http://localhost:1/v1")
    monkeypatch.setenv("TEACHER_MODEL", "x")
    made = plan(*OWN, *ROW_11, *QWEN, has_vllm=True)
    assert made.own == OwnRows(".", "mine", "mine_test")
    assert (made.name, made.corpora, made.tested) == ("mine", ["mine"], ["mine"])
    assert not made.is_demo and made.rationales == [] and made.teacher == Teacher()
    assert made.training_sets == ["mine"]
    assert made.test_sets == ["mine_test", "mine_test_shuffled"]
    assert (made.own_controls, made.test_split) == (["shuffled"], "test")
    # The server would be asked our question, not theirs.
    assert made.predict_with == "transformers"
    # Nothing waits for an evaluation loss.
    settings = settings_of(Path(made.trains[0]), made.settings)
    assert (settings["eval_strategy"], settings["load_best_model_at_end"]) == (False, False)
    assert settings["early_stopping_steps"] is None
    made.write()
    assert read_plan(made.path) == made


def test_own_dev_rows_stop_the_training(plan: PlanOf, own_table: Path) -> None:
    made = plan(*OWN, "--dev", "mine_dev", *ROW_11, *QWEN)
    assert made.training_sets == ["mine", "mine_dev"]
    settings = settings_of(Path(made.trains[0]), made.settings)
    assert (settings["eval_strategy"], settings["early_stopping_steps"]) == ("steps", 3)
    assert made.own and made.own.given == {"mine": "train", "mine_dev": "dev", "mine_test": "test"}


def test_further_controls_of_own_rows(plan: PlanOf, own_table: Path) -> None:
    made = plan(*OWN, "--set-predict", "eval_dataset=mine_test,mine_test_codec")
    assert made.test_sets == ["mine_test", "mine_test_shuffled", "mine_test_codec"]
    assert made.own_controls == ["shuffled", "codec"]


def test_another_run_trains_on_the_same_own_rows(plan: PlanOf, own_table: Path) -> None:
    made = plan(*OWN)
    made.write()
    other = plan("--data", "mine", "--name", "again", "--set", "seed=3")
    assert (other.own, other.corpora, other.training_sets) == (made.own, ["mine"], ["mine"])
    assert other.utterances("mine") == made.utterances("mine")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dataset", "mine", "--test", "mine_tst"), "Did you mean 'mine_test'?"),
        (("--dataset", "mine", "--test", "mine"), "name one dataset twice"),
        ((*OWN, "--dev", "mine_test"), "name one dataset twice"),
        ((*OWN, "--dataset-dir", "elsewhere"), "no such file"),
        ((*OWN, "--predict-with", "vllm"), "asks our questions"),
        ((*OWN, "--set", "dataset=whyser_train_reason"), "'whyser_train_reason', which no stage"),
        ((*OWN, "--set-predict", "eval_dataset=mine"), "reads the dataset 'mine', which no stage"),
        ((*OWN, "--set-predict", "eval_dataset=mine_test_transcript"), "which no stage"),
    ],
)
def test_own_rows_refused(
    plan: PlanOf, own_table: Path, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        plan(*words)


def test_small_settings_come_before_the_users(plan: PlanOf) -> None:
    made = plan(*ROW_11, "--small", "--set", "max_samples=5")
    assert made.settings == (*SMALL, "max_samples=5")
    assert made.predict_settings == SMALL_PREDICT
    assert made.rows_wanted == 5
    assert plan(*ROW_11, "--small").rows_wanted == 700


def test_as_many_are_taught_as_the_largest_training_uses(plan: PlanOf, own_yaml: Path) -> None:
    assert plan(*ROW_11, *DPO).rows_wanted == 15000
    # Without max_samples a training uses all.
    assert plan(*ROW_11, "--train", str(own_yaml)).rows_wanted is None


def test_labels_of_single_annotators_want_a_rationale_each(plan: PlanOf) -> None:
    made = plan("--train", f"{FOLDER}qwen2audio/lora_sft_sampled.yaml")
    assert made.labels == "annotators"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--train", "gone.yaml"), "no configuration 'gone.yaml'"),
        (("--predict", "gone.yaml"), "no configuration 'gone.yaml'"),
        (
            ("--train", f"{FOLDER}qwen2audio/qlora_sft_reason.yaml"),
            "no prediction configuration belongs to .*qlora_sft_reason.yaml",
        ),
        # What trains is never taken for what predicts.
        (("--train", f"{FOLDER}qwen2audio/lora_export.yaml"), "Give it with --predict"),
        (("--predict", f"{FOLDER}qwen2audio/lora_export.yaml"), "eval_dataset is None, expected"),
        (
            ("--set-predict", "eval_dataset=whyser_test_closed"),
            "full_predict.yaml: eval_dataset is 'whyser_test_closed', expected a test set of the",
        ),
        (("--set-predict", "eval_dataset=whyser_test_open_shuffled"), "expected a test set"),
        (("--set-predict", "eval_dataset=whyser_test_open,whyser_test_open_noisy"), "no stage"),
        (
            ("--set", "dataset=my_rows"),
            "full_sft_reason.yaml: reads the dataset 'my_rows', which no stage writes",
        ),
        (("--set", "dataset=whyser_test_open"), "'whyser_test_open', which no stage writes"),
        (("--set-predict", "eval_dataset=my_open"), "reads the dataset 'my_open', which no stage"),
        (("--set", "dataset=[a"), r"'dataset=\[a' is not a setting"),
        (("--data", "row11"), "data/row11/run.json: no such file"),
    ],
)
def test_refused(plan: PlanOf, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(*words)


# ---- corpora -------------------------------------------------------------------------------


def test_with_msp_podcast_the_others_are_trained_on_whole(
    plan: PlanOf, corpora: tuple[str, ...], place: Path
) -> None:
    made = plan(*corpora, *ROW_11, "--teacher", "measured")
    assert (made.name, made.data) == ("real", Path("data/real"))
    # In the order of the registry, which is that of the merged files.
    assert made.corpora == ["msp_podcast", "crema_d"]
    assert (made.tested, made.test_split) == (["msp_podcast"], "test1")
    assert made.split_options("crema_d") == ["--split-scheme", "train"]
    assert made.split_options("msp_podcast") == []
    assert made.source("crema_d") == "crema"
    assert made.prompt == "open"


def test_without_msp_podcast_the_test_splits_are_pooled(plan: PlanOf, place: Path) -> None:
    for name in ("crema", "meld"):
        (place / name).mkdir()
    made = plan("--corpora", "crema_d=crema", "meld=meld")
    assert (made.tested, made.test_split) == (["meld", "crema_d"], "test")
    assert made.split_options("crema_d") == []


@pytest.mark.parametrize("name", [*CORPORA, "savee"])
def test_every_registered_corpus_works(
    plan: PlanOf, place: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CORPORA, "savee", CORPORA["ravdess"])
    (place / "c").mkdir()
    assert plan("--corpora", f"{name}=c").corpora == [name]


def test_corpora_are_looked_for_in_the_users_folder(
    plan: PlanOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs/meld").mkdir(parents=True)
    monkeypatch.setenv("WHYSER_CALLED_FROM", str(tmp_path / "theirs"))
    assert plan("--corpora", "meld=meld").sources == {"meld": str(tmp_path / "theirs/meld")}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("meldd=nowhere", r"no corpus 'meldd'. Expected one of \[.*\]. Did you mean 'meld'\?"),
        ("ravdess=nowhere", "no folder 'nowhere' for ravdess. Correct --corpora."),
        ("ravdess=", "no folder '' for ravdess"),
    ],
)
def test_a_corpus_that_is_not_there(plan: PlanOf, pair: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan("--corpora", pair)


def test_any_other_name_is_that_of_a_table(plan: PlanOf, place: Path) -> None:
    (place / "labels.csv").write_text("file,label\n", encoding="utf-8")
    (place / "mine").mkdir()
    found = plan("--corpora", "mine=mine", "meld=mine", "yours=labels.csv")
    assert found.corpora == ["meld", "mine", "yours"]
    assert found.tables == ["mine", "yours"]
    assert found.conversion("yours") == "table labels.csv data/real/utterances --name yours"
    assert found.conversion("meld") == "meld mine data/real/utterances"
    with pytest.raises(InputError, match="bad name of a corpus 'My'"):
        plan("--corpora", "My=labels.csv")
    with pytest.raises(InputError, match=r"no folder 'labels.csv' for meld"):
        plan("--corpora", "meld=labels.csv")


def test_beside_msp_podcast_tables_train_whole_unless_they_state_splits(
    plan: PlanOf, place: Path
) -> None:
    (place / "msp").mkdir()
    (place / "labels.csv").write_text("file,label\n", encoding="utf-8")
    found = plan("--corpora", "msp_podcast=msp", "mine=labels.csv")
    assert found.tested == ["msp_podcast"]
    assert found.conversion("mine").endswith(" --name mine --splits stated")


def test_a_slip_in_the_name_of_a_corpus_is_found(plan: PlanOf, place: Path) -> None:
    clip = place / "RAVDESS/Actor_01/03-01-01-01-01-01-01.wav"
    clip.parent.mkdir(parents=True)
    clip.touch()
    with pytest.raises(InputError, match=r"looks like RAVDESS .* Give it as ravdess=RAVDESS"):
        plan("--corpora", "ravdes=RAVDESS")


# ---- the teacher ---------------------------------------------------------------------------


def test_real_corpora_need_the_choice_of_a_teacher(plan: PlanOf, corpora: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"--teacher measured .* --teacher serve .* --teacher"):
        plan(*corpora, *ROW_11)
    # The tiny model is a try-out.
    assert plan(*corpora).teacher == Teacher("measured")
    assert plan(*corpora, *ROW_11, "--teacher", "measured").teacher == Teacher("measured")


def test_a_served_teacher_has_a_default_model(plan: PlanOf) -> None:
    teacher = plan("--teacher", "serve").teacher
    assert (teacher.kind, teacher.model, teacher.url) == ("serve", "Qwen/Qwen2.5-Omni-7B", "")
    assert str(teacher) == "Qwen/Qwen2.5-Omni-7B"
    assert plan("--teacher", "serve", "--teacher-model", "a/b").teacher.model == "a/b"
    assert str(plan().teacher) == "measured cues"


def test_a_teacher_at_an_endpoint(plan: PlanOf, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"its model's name\. Give --teacher-model NAME."):
        plan("--teacher", "http://t/v1")
    with pytest.raises(InputError, match=r"no teacher 'mesured'\. Give 'measured', 'serve', or"):
        plan("--teacher", "mesured", "--teacher-model", "m")
    given = plan("--teacher", "http://t/v1", "--teacher-model", "m").teacher
    assert given == Teacher("endpoint", "http://t/v1", "m")
    monkeypatch.setenv("TEACHER_URL", "http://t/v1")
    monkeypatch.setenv("TEACHER_MODEL", "m")
    assert plan().teacher == given
    monkeypatch.setenv("TEACHER_KEY_VARIABLE", "MY_KEY")
    assert plan().teacher.key_variable == "MY_KEY"
    # An option counts before a variable.
    assert plan("--teacher", "measured").teacher == Teacher("measured")


def test_one_teacher_writes_the_rationales_of_both_splits(plan: PlanOf, place: Path) -> None:
    (place / "meld").mkdir()
    words = ("--corpora", "meld=meld", "--name", "x")
    measured = Path("data/x/rationales/meld/rationales.jsonl")
    assert plan(*words, "--teacher", "measured").rationales == [measured]
    heard = [Path(f"data/x/rationales/{name}.jsonl") for name in ("listening", "listening_dev")]
    assert plan(*words, *ROW_11, "--teacher", "serve").rationales == heard
    # Without an evaluation loss the dev split is not explained.
    no_loss = ("--set", "eval_strategy=no", "eval_dataset=null")
    assert plan(*words, *ROW_11, "--teacher", "serve", *no_loss).rationales == heard[:1]
    # In a demo, what the teacher fails at is measured.
    demo = plan("--name", "x", "--teacher", "serve").rationales
    assert demo[:1] == heard[:1]
    assert measured in demo


# ---- work of another run -------------------------------------------------------------------


def test_a_run_uses_corpora_and_teacher_of_another(plan: PlanOf, corpora: tuple[str, ...]) -> None:
    first = plan(*corpora, *ROW_11, "--teacher", "serve", "--name", "row11")
    first.write()
    label = ("--train", f"{FOLDER}qwen2audio/lora_sft_label.yaml")
    second = plan("--data", "row11", *label, "--name", "row10")
    assert (second.sources, second.teacher) == (first.sources, first.teacher)
    assert second.rationales == first.rationales
    assert second.utterances("crema_d") == first.utterances("crema_d")
    # Rows, model and results are its own.
    assert second.model == "data/row10/model"
    assert (second.rows, second.saves, second.results) == (
        *(Path("data/row10/sharegpt"), Path("saves/row10"), Path("results/row10")),
    )
    # A third that names the second uses the same.
    second.write()
    third = plan("--data", "row10", *label, "--name", "third")
    assert third.shared == first.data


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--set", "model_name_or_path=Qwen/Q"),
            "--set: the run itself sets model_name_or_path. Give --model instead.",
        ),
        (
            ("--set", "seed=1", "output_dir=x"),
            "--set: the run itself sets output_dir. Give --name instead.",
        ),
        (
            ("--set-predict", "adapter_name_or_path=x"),
            "--set-predict: the run itself sets adapter_name_or_path. Give --train instead.",
        ),
        (
            ("--set-predict", "dataset_dir=x"),
            "--set-predict: the run itself sets dataset_dir. Give --name instead.",
        ),
    ],
)
def test_what_the_run_sets_is_not_set_otherwise(
    plan: PlanOf, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        plan(*words)
    assert str(caught.value) == message


def test_the_engine_stays_that_of_the_answers(plan: PlanOf) -> None:
    """A GPU that is not seen once, or a vLLM that comes later, does not ask everything again."""
    assert plan(has_vllm=True).predict_with == "vllm"
    record = plan().generated("whyser_test_open").with_name("inputs.json")
    record.parent.mkdir(parents=True)
    record.write_text('{"engine": "transformers"}')
    assert plan(has_vllm=True).predict_with == "transformers"
    assert plan("--predict-with", "vllm").predict_with == "vllm"
    assert plan("--restart", "predict", has_vllm=True).predict_with == "vllm"


def test_the_plan_of_a_run_tells_teacher_and_rows(plan: PlanOf) -> None:
    written = json.loads(plan("--teacher", "serve").write().read_text())
    assert written["teacher"]["model"] == "Qwen/Qwen2.5-Omni-7B"
    assert written["model"] == "data/demo/model"


def test_settings_as_words() -> None:
    assert as_words({"a": None, "b": False, "c": 2, "d": "x, y"}) == [
        *("a=null", "b=false", "c=2", "d=x, y")
    ]
