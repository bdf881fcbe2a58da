from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from whyser.io.errors import BadInput, InputError
from whyser.io.files import read_json, read_jsonl
from whyser.prompting.answer import parse_answer
from whyser.prompting.prompts import CLOSED, OPEN
from whyser.records.corpus import Corpus, CorpusCard, write_card
from whyser.records.utterance import Utterance, write_utterances
from whyser.teacher.rationale import Rationale, write_rationales
from whyser_converters.datasets.dataset_info import register, standard_table
from whyser_converters.datasets.questions import QuestionSpec
from whyser_converters.datasets.sharegpt import (
    DatasetSpec,
    SharegptRow,
    build,
    under_control,
    write,
)
from whyser_converters.datasets.targets import TargetSpec, TrainingInputs

LABEL, MIX = TargetSpec("label"), QuestionSpec("mix")
LABELS = ("sad", "happy", "neutral", None, "other")


def write_corpus(folder: Path, name: str, splits: Sequence[str], count: int = 10) -> Corpus:
    """`count` utterances a split with real sound, in a folder whose name has a space."""
    folder = folder / f"{name} corpus"
    folder.mkdir(parents=True)
    utterances = []
    for split in splits:
        for number in range(count):
            audio = f"{split}_{number}.wav"
            soundfile.write(folder / audio, np.full(800, 0.1), 16_000)
            label = LABELS[number % len(LABELS)]
            utterances.append(
                Utterance(
                    id=f"{name}/{split}_{number}", corpus=name, split=split, audio=audio,
                    duration=0.05, sampling_rate=16000, channels=1,
                    transcript=f"words of {number}" if number else "", speaker=f"{name}/{split}",
                    gender=None, label=label, label_raw=str(label),
                )
            )  # fmt: skip
    write_utterances(folder / "utterances.jsonl", utterances)
    write_card(
        folder / "corpus.json",
        CorpusCard(
            corpus=name, title=name, licence="none", source="none", audio_root=str(folder),
            classes=("sad", "happy", "neutral"), options={}, utterances=len(utterances),
            hours=0.1, read=0, whyser="0",
        ),
    )  # fmt: skip
    return Corpus(folder / "utterances.jsonl")


def write_reasons(corpus: Corpus, path: Path) -> Path:
    write_rationales(
        path,
        (
            Rationale(id=one.id, text=f"Because of {one.id}.", teacher="t", prompt="p",
                      kept=not one.id.endswith("_2"),
                      reasons=("length",) if one.id.endswith("_2") else ())
            for one in corpus.utterances()
            if one.is_scored
        ),
    )  # fmt: skip
    return path


def written(dataset_file: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    manifest = dataset_file.with_suffix(".manifest.jsonl")
    return read_json(dataset_file), [row for _, row in read_jsonl(manifest)]


def ids(rows: Sequence[SharegptRow]) -> list[str]:
    return [row.utterance.id for row in rows]


def test_rows_never_have_the_manifest_of_another_run(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    corpus = write_corpus(tmp_path, "meld", ["train"])
    dataset = build([corpus], DatasetSpec("train", LABEL, MIX), TrainingInputs())
    set_before = request.getfixturevalue("set_before")
    write(dataset, tmp_path / "out" / "d", tmp_path / "out" / "t.json")
    assert set_before("d.json") == {"d.manifest.jsonl"}


def test_rows_and_manifest_are_in_the_same_order(tmp_path: Path) -> None:
    corpora = [write_corpus(tmp_path, name, ["train", "test"]) for name in ("a", "b")]
    reasons = [write_reasons(one, tmp_path / f"{i}.jsonl") for i, one in enumerate(corpora)]
    dataset = build(corpora, DatasetSpec("train"), TrainingInputs.read(reasons, []))
    rows, manifest = written(write(dataset, tmp_path / "out" / "d", tmp_path / "out" / "t.json"))
    # Of ten utterances six have a class; number 0 has no transcript, number 2 no kept rationale.
    assert len(rows) == len(manifest) == 2 * 4
    assert dataset.dropped == {
        "no agreement": 4, "none of the eight classes": 4, "no transcript": 2,
        "rationale dropped: length": 2,
    }  # fmt: skip
    for row, line in zip(rows, manifest, strict=True):
        user, assistant = row["messages"]
        assert user == {"role": "user", "content": f"<audio>{OPEN.text}"}
        assert assistant["content"] == line["answer"]
        assert row["audios"] == [line["audio"]]
        assert Path(line["audio"]).is_file()
        answer = parse_answer(line["answer"])
        assert answer.emotion == line["label"]
        assert answer.rationale == f"Because of {line['id']}."
        assert answer.transcript == f"words of {line['id'].split('_')[1]}"
        assert line["prompt"] == OPEN.hash


def test_corpora_are_merged_and_shuffled_by_seed(tmp_path: Path) -> None:
    corpora = [write_corpus(tmp_path, name, ["train"], count=40) for name in ("a", "b")]
    first, again, other = (
        [
            row.utterance.id
            for row in build(corpora, DatasetSpec("train", LABEL, seed=seed), TrainingInputs()).rows
        ]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other)
    # LLaMA-Factory takes the first N rows: both corpora must be among them.
    assert {name.split("/")[0] for name in first[:10]} == {"a", "b"}


def test_a_capped_dataset_is_a_prefix_of_the_whole(tmp_path: Path) -> None:
    corpora = [write_corpus(tmp_path, "a", ["train"], count=20)]
    whole = build(corpora, DatasetSpec("train", LABEL), TrainingInputs())
    capped = build(corpora, DatasetSpec("train", LABEL, max_samples=5), TrainingInputs())
    assert capped.rows == whole.rows[:5]
    assert capped.dropped["over max_samples"] == len(whole.rows) - 5


@pytest.mark.parametrize(("form", "prompt"), [("open", OPEN), ("closed", CLOSED)])
def test_the_question_is_the_papers(tmp_path: Path, form: Any, prompt: Any) -> None:
    dataset = build(
        [write_corpus(tmp_path, "a", ["test"])],
        DatasetSpec("test", LABEL, QuestionSpec(form)),
        TrainingInputs(),
    )
    assert {row.question for row in dataset.rows} == {prompt}
    assert CLOSED.text.endswith("\nH. Neutral\nI. Other")


def test_mixed_questions_hold_both(tmp_path: Path) -> None:
    corpora = [write_corpus(tmp_path, "a", ["train"], count=40)]
    dataset = build(corpora, DatasetSpec("train", LABEL, MIX), TrainingInputs())
    assert {row.question.name for row in dataset.rows} == {"open", "closed"}


def test_a_test_row_needs_no_transcript(tmp_path: Path) -> None:
    dataset = build(
        [write_corpus(tmp_path, "a", ["test1"])], DatasetSpec("test1", LABEL), TrainingInputs()
    )
    assert len(dataset.rows) == 6
    answers = {row.utterance.id: row.answer for row in dataset.rows}
    assert answers["a/test1_0"] == "<answer>I think the emotion is sad</answer>"


def test_the_shuffled_control_moves_every_sound_within_its_corpus(tmp_path: Path) -> None:
    corpora = [write_corpus(tmp_path, name, ["test"]) for name in ("a", "b")]
    plain = build(corpora, DatasetSpec("test", LABEL), TrainingInputs()).rows
    shuffled = build(corpora, DatasetSpec("test", LABEL, control="shuffled"), TrainingInputs()).rows
    assert [row.utterance.id for row in plain] == [row.utterance.id for row in shuffled]
    assert all(one.audio != other.audio for one, other in zip(plain, shuffled, strict=True))
    assert sorted(row.audio for row in plain) == sorted(row.audio for row in shuffled)
    assert all(row.audio.parent.name == f"{row.utterance.corpus} corpus" for row in shuffled)
    assert {row.manifest()["control"] for row in shuffled} == {"shuffled"}


def test_the_silent_control_hears_silence_as_long_as_its_sound(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, "a", ["test"])
    plain = build([corpus], DatasetSpec("test", LABEL), TrainingInputs()).rows
    dataset = build([corpus], DatasetSpec("test", LABEL, control="silence"), TrainingInputs())
    rows, manifest = written(write(dataset, tmp_path / "out/d", tmp_path / "out/t.json"))
    assert [line["id"] for line in manifest] == ids(plain)
    assert {line["control"] for line in manifest} == {"silence"}
    for row, line in zip(rows, manifest, strict=True):
        (path,) = row["audios"]
        samples, rate = soundfile.read(path)
        assert (len(samples), rate, samples.any()) == (800, 16_000, False)
        assert Path(path).parent == tmp_path / "out/silence"
        assert line["audio"] == path
    # Clips of one length share a file.
    assert len(list((tmp_path / "out/silence").iterdir())) == 1


def test_the_transcript_control_gives_words_and_no_sound(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, "a", ["test"])
    dataset = build([corpus], DatasetSpec("test", LABEL, control="transcript"), TrainingInputs())
    rows, manifest = written(write(dataset, tmp_path / "out/d", tmp_path / "out/t.json"))
    assert {line["control"] for line in manifest} == {"transcript"}
    assert {(line["question"], line["prompt"]) for line in manifest} == {(OPEN.text, OPEN.hash)}
    for row, line in zip(rows, manifest, strict=True):
        assert row["audios"] == [] and "audio" not in line
        number = line["id"].rpartition("_")[2]
        # Nothing is known of what the first one says; it is asked about all the same.
        words = f"words of {number}" if number != "0" else ""
        told = f'The transcript of the audio is: "{words}"\n{OPEN.text}'
        assert row["messages"][0]["content"] == told


def test_a_transcript_control_needs_transcripts(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, "a", ["test"], count=1)
    with pytest.raises(InputError, match="has a transcript"):
        build([corpus], DatasetSpec("test", LABEL, control="transcript"), TrainingInputs())


def test_rationales_are_never_made_of_test_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="use --target label"):
        build([write_corpus(tmp_path, "a", ["test1"])], DatasetSpec("test1"), TrainingInputs())


def test_missing_sound_is_named_and_nothing_written(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, "a", ["test"])
    (corpus.path.parent / "test_1.wav").unlink()
    with pytest.raises(BadInput, match=r"test_1\.wav: no such sound file for a/test_1"):
        build([corpus], DatasetSpec("test", LABEL), TrainingInputs())


@pytest.mark.parametrize("gone", ["card", "sound"])
def test_what_a_whole_corpus_lacks_is_told_once(tmp_path: Path, gone: str) -> None:
    corpus = write_corpus(tmp_path, "a", ["test"])
    card = corpus.path.parent / "corpus.json"
    if gone == "sound":
        card.write_text(card.read_text("utf-8").replace("a corpus", "b corpus"), encoding="utf-8")
    else:
        card.unlink()
    with pytest.raises(InputError, match=r"no such (file|folder)") as told:
        build([corpus], DatasetSpec("test", LABEL), TrainingInputs())
    assert str(told.value).count("no such") == 1


def test_an_unknown_split_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no utterance of split 'tset'"):
        build([write_corpus(tmp_path, "a", ["test"])], DatasetSpec("tset", LABEL), TrainingInputs())


def test_a_users_own_entries_are_left_alone(tmp_path: Path) -> None:
    table = tmp_path / "dataset_info.json"
    mine = {"my_corpus": {"file_name": "mine.json", "odd": [1]}}
    table.write_text(json.dumps(mine), encoding="utf-8")
    register(table, "whyser_train_label", tmp_path / "data" / "rows.json")
    found = read_json(table)
    assert found["my_corpus"] == mine["my_corpus"]
    assert found["whyser_train_label"]["file_name"] == "data/rows.json"


def test_the_committed_table_is_what_the_code_generates(root: Path) -> None:
    assert read_json(root / "dataset_info.json") == standard_table()


def test_targets_differ_in_nothing_but_the_rationale(tmp_path: Path) -> None:
    corpora = [write_corpus(tmp_path, name, ["train"], count=40) for name in ("a", "b")]
    reasons = [write_reasons(one, tmp_path / f"{i}.jsonl") for i, one in enumerate(corpora)]
    reason, label = (
        build(
            corpora, DatasetSpec("train", TargetSpec(target), MIX), TrainingInputs.read(reasons, [])
        ).rows
        for target in ("reason", "label")
    )
    # Some rationales are dropped; the label-only dataset must leave the same utterances out.
    assert len(reason) < len(
        build(corpora, DatasetSpec("train", LABEL, MIX), TrainingInputs()).rows
    )
    assert [(row.utterance.id, row.question) for row in reason] == [
        (row.utterance.id, row.question) for row in label
    ]
    assert all("<reason>" not in row.answer for row in label)


def test_leaving_one_utterance_out_moves_no_other(tmp_path: Path) -> None:
    first, second = (write_corpus(tmp_path, name, ["train"], count=40) for name in ("a", "b"))
    both = build([first, second], DatasetSpec("train", LABEL, MIX), TrainingInputs()).rows
    alone = build([first], DatasetSpec("train", LABEL, MIX), TrainingInputs()).rows
    assert [row for row in both if row.utterance.corpus == "a"] == alone


def test_a_file_given_twice_is_refused(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, "a", ["test"])
    with pytest.raises(InputError, match="duplicate id 'a/test_0'"):
        build([corpus, corpus], DatasetSpec("test", LABEL), TrainingInputs())


@pytest.mark.parametrize("name", ["", "..", "a,b"])
def test_a_dataset_that_no_yaml_could_name_is_refused(tmp_path: Path, name: str) -> None:
    dataset = build(
        [write_corpus(tmp_path, "a", ["test"])], DatasetSpec("test", LABEL), TrainingInputs()
    )
    folder = tmp_path / "out"
    output = folder / name if name else Path()
    with pytest.raises(InputError, match="does not end with the name of a dataset"):
        write(dataset, output, folder / "dataset_info.json")
    assert not folder.exists()


def test_a_broken_table_leaves_nothing_half_written(tmp_path: Path) -> None:
    dataset = build(
        [write_corpus(tmp_path, "a", ["test"])], DatasetSpec("test", LABEL), TrainingInputs()
    )
    table = tmp_path / "out" / "dataset_info.json"
    table.parent.mkdir()
    table.write_text('{"mine": ')
    with pytest.raises(InputError, match="not valid JSON"):
        write(dataset, tmp_path / "out" / "d", table)
    assert [path.name for path in table.parent.iterdir()] == ["dataset_info.json"]


def test_where_no_utterance_has_a_transcript_the_answers_have_none(tmp_path: Path) -> None:
    """One utterance with a transcript is enough to show that the others lack theirs."""
    silent = write_corpus(tmp_path / "a", "a", ["train"], count=1)  # the first has no transcript
    written = build([silent], DatasetSpec("train", LABEL), TrainingInputs())
    assert not written.has_transcripts
    assert [row.answer for row in written.rows] == ["<answer>I think the emotion is sad</answer>"]
    spoken = write_corpus(tmp_path / "b", "b", ["train"], count=3)
    written = build([spoken], DatasetSpec("train", LABEL), TrainingInputs())
    assert written.has_transcripts
    assert written.dropped == {"no transcript": 1}


def test_rows_of_one_sound_are_shuffled_together(tmp_path: Path) -> None:
    """As a stranger's rows are, who asks several questions about one clip."""
    corpus = write_corpus(tmp_path, "a", ["test"])
    rows = build([corpus], DatasetSpec("test", LABEL), TrainingInputs()).rows
    again = [
        replace(row, utterance=row.utterance.model_copy(update={"id": f"{row.utterance.id}-{n}"}))
        for row in rows
        for n in range(3)
    ]
    shuffled = under_control(again, "shuffled", 0)
    assert all(one.audio != other.audio for one, other in zip(again, shuffled, strict=True))
