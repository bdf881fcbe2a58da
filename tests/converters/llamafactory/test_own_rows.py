"""Rows of a stranger get ids, labels, utterances and manifests, and stay what they were."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from whyser.io.errors import InputError
from whyser.io.files import read_json, read_jsonl
from whyser.prompting.prompts import Prompt
from whyser.records.corpus import Corpus
from whyser.records.utterance import Utterance
from whyser_converters.cli import app
from whyser_converters.llamafactory.own_rows.read import GivenDataset, check_asked, split_of
from whyser_eval.answers.join import join
from whyser_eval.reading.readers import RuleReader

Import = Callable[..., str]
QUESTION = "<audio>How does the speaker feel?"
ANSWERS = ("The speaker is sad.", "<asr>Hi.</asr><answer>happy</answer>", "furious", "Neutral")


class Place:
    """A user's folder with a table, rows and sounds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table: dict[str, Any] = {}

    def sound(self, name: str, rate: int = 16_000) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng([*name.encode()]).uniform(-0.1, 0.1, rate // 2)
        soundfile.write(path, noise, rate)
        return name

    def add(self, name: str, rows: Sequence[Any], *, lines: bool = False, **entry: Any) -> None:
        file = f"{name}.jsonl" if lines else f"{name}.json"
        text = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows)
        (self.folder / file).write_text(text, encoding="utf-8")
        columns = {"messages": "conversations", "audios": "audios"}
        given = {"file_name": file, "formatting": "sharegpt", "columns": columns, **entry}
        self.table[name] = {key: one for key, one in given.items() if one is not None}
        text = json.dumps(self.table)
        (self.folder / "dataset_info.json").write_text(text, encoding="utf-8")

    def written(self, name: str) -> tuple[list[Any], list[dict[str, Any]]]:
        lines = [line for _, line in read_jsonl(self.folder / f"out/{name}.manifest.jsonl")]
        return read_json(self.folder / f"out/{name}.json"), lines

    @property
    def utterances(self) -> dict[str, Utterance]:
        return {one.id: one for one in Corpus(self.folder / "out/utterances.jsonl").utterances()}

    @property
    def problems(self) -> list[str]:
        with (self.folder / "out/problems.csv").open(encoding="utf-8", newline="") as stream:
            return [row["problem"] for row in csv.DictReader(stream)]


def row(audio: str, answer: str, question: str = QUESTION, **more: Any) -> dict[str, Any]:
    said = (("human", question), ("gpt", answer))
    turns = [{"from": role, "value": text} for role, text in said]
    return {"conversations": turns, "audios": [audio], **more}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    found = Place(tmp_path)
    train = [row(found.sound(f"train/{n}.wav"), answer) for n, answer in enumerate(ANSWERS)]
    test = [row(found.sound(f"test/t{n}.wav", 22_050), answer) for n, answer in enumerate(ANSWERS)]
    found.add("mine", train)
    found.add("mine_test", test, lines=True)
    return found


@pytest.fixture
def imported(place: Place) -> Import:
    def call(*words: str, status: int = 0) -> str:
        given = words if any("=" in word for word in words[:1]) else ("mine=train", *words)
        done = CliRunner().invoke(app, ["import", *given, "--output", "out"])
        said = done.output + (str(done.exception) if done.exception else "")
        assert (done.exit_code != 0) == bool(status), said
        return said

    return call


# ---- what is written ----------------------------------------------------------------------


def test_every_row_is_an_utterance(place: Place, imported: Import) -> None:
    said = imported("mine=train", "mine_test=test")
    found = place.utterances
    assert [(one.id, one.split, one.label, one.transcript) for one in found.values()] == [
        ("mine/0", "train", "sad", ""),
        ("mine/1", "train", "happy", "Hi."),
        ("mine/2", "train", "angry", ""),
        ("mine/3", "train", "neutral", ""),
        ("mine/t0", "test", "sad", ""),
        ("mine/t1", "test", "happy", "Hi."),
        ("mine/t2", "test", "angry", ""),
        ("mine/t3", "test", "neutral", ""),
    ]
    one = found["mine/t2"]
    assert (one.duration, one.sampling_rate, one.channels) == (0.5, 22_050, 1)
    assert (one.label_raw, one.speaker, one.votes) == ("furious", None, ())
    corpus = Corpus(place.folder / "out/utterances.jsonl")
    assert corpus.audio_path(one).samefile(place.folder / "test/t2.wav")
    assert corpus.card.classes == ("angry", "sad", "happy", "neutral")
    assert (corpus.card.read, corpus.card.utterances, corpus.card.dropped) == (8, 8, {})
    assert "wrote 4 rows to out/mine_test.json" in said
    assert not (place.folder / "out/problems.csv").exists()


def test_the_rows_are_the_users_own(place: Place, imported: Import) -> None:
    tags = {"role_tag": "from", "content_tag": "value", "user_tag": "human",
            "assistant_tag": "gpt", "system_tag": "system"}  # fmt: skip
    system = {"from": "system", "value": "Be terse."}
    own = row("train/0.wav", "sad", more={"kept": [1]})
    own["conversations"] = [system, *own["conversations"]]
    place.add("mine", [own], tags=tags, num_samples=5)
    imported()
    ((written,), (line,)) = place.written("mine")
    audio = str(place.folder / "train/0.wav")
    assert written == {**own, "audios": [audio]}
    assert read_json(place.folder / "out/dataset_info.json") == {
        "mine": place.table["mine"] | {"file_name": "mine.json"}
    }
    text = "How does the speaker feel?"
    assert line == {
        "id": "mine/0", "corpus": "mine", "split": "train", "form": "open", "question": text,
        "prompt": Prompt("own", 1, text).hash, "options": [], "audio": audio, "label": "sad",
        "answer": "sad", "control": "none", "epoch": 0,
    }  # fmt: skip


def test_a_test_set_is_not_drawn_anew(place: Place, imported: Import) -> None:
    """LLaMA-Factory draws `num_samples` rows at random, and its answers have no ids."""
    place.add("mine", [row("train/0.wav", "sad")], num_samples=5)
    imported("mine=test")
    assert "num_samples" not in read_json(place.folder / "out/dataset_info.json")["mine"]


def test_the_manifest_joins_what_llamafactory_predicts(place: Place, imported: Import) -> None:
    imported("mine=train", "mine_test=test")
    generated = place.folder / "generated.jsonl"
    lines = [
        {"prompt": f"user\n{QUESTION.removeprefix('<audio>')}", "predict": "sad", "label": answer}
        for answer in ANSWERS
    ]
    generated.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    joined = join(place.folder / "out/mine_test.manifest.jsonl", generated, model="m")
    assert [one.id for one in joined] == [f"mine/t{n}" for n in range(4)]


def test_the_check_finds_nothing(place: Place, imported: Import) -> None:
    imported("mine=train", "mine_test=test", "--control", "shuffled,gain")
    for target in ("out/dataset_info.json", "out/utterances.jsonl"):
        done = CliRunner().invoke(app, ["check", target])
        assert done.exit_code == 0, done.output


def test_alpaca_rows_and_lettered_options(place: Place, imported: Import) -> None:
    rows = [
        {"ask": "<audio>Which?", "more": "A. Sad\nB. Happy", "say": answer, "audios": "train/0.wav"}
        for answer in ("A", "B. happy")
    ]
    columns = {"prompt": "ask", "query": "more", "response": "say", "audios": "audios"}
    place.add("mine", rows, formatting=None, columns=columns)
    imported()
    written, lines = place.written("mine")
    assert [one["audios"] for one in written] == [[str(place.folder / "train/0.wav")]] * 2
    assert {(line["form"], *line["options"]) for line in lines} == {("closed", "sad", "happy")}
    assert {line["question"] for line in lines} == {"Which?\nA. Sad\nB. Happy"}
    assert [one.label for one in place.utterances.values()] == ["sad", "happy"]


@pytest.mark.parametrize(
    ("options", "answers"),
    [
        ("(A) angry (B) sad (C) happy", ("B", "(c)", "Answer: A")),
        ("A: angry, B: sad, C: happy", ("B", "C: happy", "The answer is A.")),
        ("a. angry; b. sad; c. happy", ("b", "C", "a. angry")),
        ("[A] angry [B] sad [C] happy", ("[B]", "C.", "Option A")),
        ("1) angry 2) sad 3) happy", ("2", "3. happy", "<answer>1</answer>")),
        ("1. angry\n2. sad\n3. happy\n", ("(2)", "Answer: 3", "angry")),
    ],
)
def test_options_of_any_notation_are_read(
    place: Place, imported: Import, options: str, answers: tuple[str, ...]
) -> None:
    """From the row to what the model answers."""
    question = f"<audio>Which emotion is it? {options}"
    place.add("mine", [row(f"train/{n}.wav", one, question) for n, one in enumerate(answers)])
    imported("mine=test")
    expected = ["sad", "happy", "angry"]
    assert [one.label for one in place.utterances.values()] == expected
    _, lines = place.written("mine")
    assert {(line["form"], *line["options"]) for line in lines} == {
        ("closed", "angry", "sad", "happy")
    }
    assert {line.get("numbered", False) for line in lines} == {"1" in options}
    generated = place.folder / "generated.jsonl"
    said = [{"prompt": question.removeprefix("<audio>"), "predict": one, "label": one}
            for one in answers]  # fmt: skip
    generated.write_text("\n".join(map(json.dumps, said)), encoding="utf-8")
    joined = join(place.folder / "out/mine.manifest.jsonl", generated, model="m")
    assert [one.label for one in RuleReader().read(joined)] == expected


def test_an_ambiguous_list_of_options_is_not_guessed(place: Place, imported: Import) -> None:
    question = "<audio>(A) angry (B) sad; or 1. sad 2. angry?"
    place.add("mine", [row("train/0.wav", "B", question), row("train/1.wav", "sad", question)])
    imported()
    assert [one.label for one in place.utterances.values()] == [None, "sad"]
    assert place.problems == ["row 0: the answer 'B' names no emotion"]
    assert {line["form"] for line in place.written("mine")[1]} == {"open"}


def test_the_last_turn_counts(place: Place, imported: Import) -> None:
    """As LLaMA-Factory predicts."""
    one = row("train/0.wav", "Hello.")
    later = row("train/0.wav", "angry", "And now?")
    one["conversations"] += later["conversations"]
    place.add("mine", [one])
    imported()
    _, (line,) = place.written("mine")
    assert (line["question"], line["answer"], line["label"]) == ("And now?", "angry", "angry")


# ---- ids and columns ----------------------------------------------------------------------


def test_ids_are_unique_over_all_datasets(place: Place, imported: Import) -> None:
    names = ("a/1.wav", "b/1.wav", "b/1.flac", "b/my clip.wav", "a/1.wav")
    rows = [row(place.sound(name), "sad") for name in names]
    place.add("mine", rows)
    place.add("mine_too", [row("b/my clip.wav", "happy")])
    imported("mine=train", "mine_too=train")
    assert [*place.utterances] == [
        *("mine/a/1", "mine/b/1.wav", "mine/b/1.flac", "mine/my_clip", "mine/a/1-2"),
        "mine/my_clip-2",
    ]


def test_columns_name_ids_speakers_transcripts_and_splits(place: Place, imported: Import) -> None:
    rows = [
        row(f"train/{n}.wav", "sad", name=f"clip {n}", who=n % 2, text=f" Words  {n} ", part=part)
        for n, part in enumerate(("train", "Validation", "test"))
    ]
    place.add("mine", rows)
    columns = ("--id", "name", "--speaker", "who", "--transcript", "text", "--split", "part")
    done = CliRunner().invoke(app, ["import", "mine", *columns, "--output", "out"])
    assert done.exit_code == 0, done.output
    found = [(one.id, one.speaker, one.transcript, one.split) for one in place.utterances.values()]
    assert found == [
        ("mine/clip_0", "mine/0", "Words 0", "train"),
        ("mine/clip_1", "mine/1", "Words 1", "dev"),
        ("mine/clip_2", "mine/0", "Words 2", "test"),
    ]
    # One dataset for each, so that no training reads a row of the test.
    assert {*read_json(place.folder / "out/dataset_info.json")} == {
        *("mine_train", "mine_dev", "mine_test"),
    }
    assert [len(place.written(f"mine_{split}")[0]) for split in ("train", "dev", "test")] == [1] * 3


def test_a_link_to_a_sound_elsewhere_is_followed(place: Place, imported: Import) -> None:
    (place.folder / "links").mkdir()
    (place.folder / "links/one.wav").symlink_to(place.folder / "test/t0.wav")
    place.add("mine", [row("links/one.wav", "sad"), row("train/0.wav", "sad")])
    imported()
    corpus = Corpus(place.folder / "out/utterances.jsonl")
    paths = [corpus.audio_path(one) for one in corpus.utterances()]
    assert [path.name for path in paths] == ["t0.wav", "0.wav"]


def test_controls_change_only_the_sounds_of_the_test(place: Place, imported: Import) -> None:
    imported("mine=train", "mine_test=test", "--control", "shuffled,noise")
    plain, lines = place.written("mine_test")
    for control in ("shuffled", "noise"):
        rows, changed = place.written(f"mine_test_{control}")
        assert [line["id"] for line in changed] == [line["id"] for line in lines]
        assert {line["control"] for line in changed} == {control}
        for one, other in zip(plain, rows, strict=True):
            assert one["conversations"] == other["conversations"]
            assert one["audios"] != other["audios"]
    assert not (place.folder / "out/mine_shuffled.json").exists()


# ---- what is wrong ------------------------------------------------------------------------


def test_an_answer_without_a_label_stays_and_is_listed(place: Place, imported: Import) -> None:
    answers = ("sad", "What a day.", "sad or angry", "not happy", "confused")
    place.add("mine", [row(f"train/{n % 4}.wav", one) for n, one in enumerate(answers)])
    said = imported()
    assert [one.label for one in place.utterances.values()] == ["sad", None, None, None, "other"]
    assert len(place.written("mine")[0]) == 5
    assert [line["label"] for line in place.written("mine")[1]] == ["sad", *[None] * 4]
    assert place.problems == [
        "row 1: the answer 'What a day.' names no emotion",
        "row 2: the answer 'sad or angry' names several emotions (sad, angry)",
        "row 3: the answer 'not happy' may deny an emotion",
    ]
    for why in ("names no emotion", "names several emotions", "may deny an emotion"):
        assert f"note: answers without a label: {why}: 1" in said
    # A row of another task, such as a transcript, is no fault.
    imported("--strict")


def test_a_faulty_row_is_left_out_counted_and_listed(place: Place, imported: Import) -> None:
    wrong = row("train/0.wav", "sad")
    wrong["conversations"].reverse()
    two = row("train/0.wav", "sad", "<audio><audio>Which?")
    two["audios"] *= 2
    (place.folder / "train/broken.wav").write_bytes(b"RIFF")
    rows = [
        row("train/0.wav", "sad"),
        wrong,
        two,
        row("train/0.wav", "sad", "No mark?"),
        row("gone.wav", "sad"),
        row("train/broken.wav", "sad"),
        row("train/1.wav", "sad", who=["a"]),
        {"conversations": None, "audios": ["train/0.wav"]},
        *(row("train/1.wav", "happy") for _ in range(3)),
    ]
    place.add("mine", rows)
    said = imported("--speaker", "who")
    assert len(place.written("mine")[0]) == len(place.utterances) == 4
    card = Corpus(place.folder / "out/utterances.jsonl").card
    assert card.dropped == {
        "faulty row in mine.json": 5,
        "sound is missing or unreadable": 2,
    }
    assert card.read == card.utterances + sum(card.dropped.values())
    problems = "\n".join(place.problems)
    for words in (
        "row 1: roles are ['gpt', 'human'], expected ['human', 'gpt'] in turn",
        "row 2: has 2 sounds, and an utterance has one",
        "row 3: 0 <audio> in the messages for 1 audios",
        f"row 4: {place.folder}/gone.wav: no such sound file",
        f"row 5: {place.folder}/train/broken.wav: ",
        "row 6: 'who' is ['a'], expected a text or a number",
        "row 7: has no list of messages under 'conversations'",
    ):
        assert words in problems
    assert "problems: 7 in all" in said
    assert "row 1: roles are" in imported("--speaker", "who", "--strict", status=1)


@pytest.mark.parametrize("copied", [True, False])
def test_a_sound_of_the_training_is_no_test(place: Place, imported: Import, copied: bool) -> None:
    """The same path, or the same sound under another name."""
    name = "test/again.wav" if copied else "train/2.wav"
    if copied:
        shutil.copy(place.folder / "train/2.wav", place.folder / name)
    place.add("mine_test", [row("test/t0.wav", "sad"), row(name, "sad")])
    said = imported("mine=train", "mine_test=test", status=1)
    first, second = (place.folder / one for one in ("train/2.wav", name))
    other = f"mine/again (test: {second})" if copied else "mine/2-2 (test)"
    assert (
        f"{first}: is the sound of mine/2 (train) and {other}. Keep the sound in one split.\n"
        "1 problem in dataset_info.json"
    ) in said
    assert not (place.folder / "out").exists()
    # Several rows of one split may have one sound, such as those of several tasks.
    imported("mine=test", "mine_test=test2")


def test_a_speaker_of_the_training_in_the_test_is_warned_of(place: Place, imported: Import) -> None:
    place.add("mine", [row(f"train/{n}.wav", "sad", who=f"s{n}") for n in range(2)])
    place.add("mine_test", [row(f"test/t{n}.wav", "sad", who=f"s{n + 1}") for n in range(2)])
    said = imported("mine=train", "mine_test=test", "--speaker", "who")
    assert (
        "warning: dataset_info.json: speaker 'mine/s1' is in test and in train. "
        "Move all utterances of a speaker into one split."
    ) in said
    assert said.count("warning: ") == 1
    assert "warning: " not in imported("mine=train", "--speaker", "who")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("mine",), "the split of dataset 'mine' is not known"),
        (("mine=train", "other=test"), "no dataset 'other'"),
        (("mine=practice",), "bad split 'practice'. Expected train, dev, test"),
        (("mine=train", "mine=test"), "dataset 'mine' is named twice"),
        (("mine=train", "--split", "part"), "names a split, and --split a column"),
        (("mine=train", "--speaker", "audio"), "no row has the column 'audio'"),
        (("mine=train", "--speaker", "audio"), "Did you mean 'audios'?"),
        (("mine=train", "--control", "noisy"), "bad control 'noisy'"),
        (("mine=train", "--corpus", "a/b"), "bad corpus 'a/b'"),
    ],
)
def test_wrong_usage(place: Place, words: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(app, ["import", *words, "--output", "out"])
    assert done.exit_code != 0
    assert message in str(done.exception)
    assert not (place.folder / "out/utterances.jsonl").exists()


def test_a_duplicate_id_of_a_column_is_named(place: Place, imported: Import) -> None:
    place.add("mine", [row(f"train/{n}.wav", "sad", name="x") for n in range(2)])
    said = imported("--id", "name", status=1)
    assert "row 1: duplicate id 'x', also of row 0" in said


def test_rows_without_any_sound_or_label_are_no_corpus(place: Place, imported: Import) -> None:
    place.add("mine", [row("gone.wav", "sad")])
    assert "of 1 rows 0 have a sound that can be read" in imported(status=1)
    place.add("mine", [row("train/0.wav", "Hello.")])
    assert "none of which names one of the eight emotions" in imported(status=1)
    assert not (place.folder / "out").exists()


@pytest.mark.parametrize(("output", "file"), [(".", "dataset_info.json"), ("rows", "mine.json")])
def test_own_files_are_never_replaced(place: Place, output: str, file: str) -> None:
    (place.folder / "rows").mkdir()
    place.add("mine", [row("train/0.wav", "sad")])
    (place.folder / "mine.json").rename(place.folder / "rows/mine.json")
    place.add("mine", [row("train/0.wav", "sad")], file_name="rows/mine.json")
    before = {path: path.read_bytes() for path in place.folder.rglob("*.json")}
    done = CliRunner().invoke(app, ["import", "mine=train", "--output", output])
    assert f"{file}: would be replaced. Give another --output folder." in str(done.exception)
    assert {path: path.read_bytes() for path in place.folder.rglob("*.json")} == before


def test_a_file_that_llamafactory_refuses_is_refused(place: Place, imported: Import) -> None:
    place.add("mine", [row("train/0.wav", "sad", who="a"), row("train/1.wav", "sad", who=1)])
    assert "'who' is a text in some rows and a number in others" in imported(status=1)


def test_splits_have_their_usual_names() -> None:
    assert [split_of(one) for one in ("Train", "validation", "val", "test1")] == [
        *("train", "dev", "dev", "test1"),
    ]
    with pytest.raises(InputError, match="bad split ''"):
        split_of("")
    with pytest.raises(InputError, match=r"bad split 'tests'. Expected .* test1 or test_noisy"):
        split_of("tests")
    given = [GivenDataset.parse("a=b=train"), GivenDataset.parse("mine")]
    assert [(one.name, one.split) for one in given] == [("a=b", "train"), ("mine", None)]
    check_asked(given[:1], "x", None)
