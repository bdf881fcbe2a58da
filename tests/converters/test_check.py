from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from whyser.corpus import Corpus, CorpusCard, write_card
from whyser.errors import Problems
from whyser.utterance import Utterance, write_utterances
from whyser_converters.check import (
    Job,
    audio_tokens,
    check_dataset,
    check_splits,
    jobs_of,
)
from whyser_converters.dataset_info import entry


def row(content: str = "<audio>What?", audios: list[str] | None = None) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": content},
            {"role": "assistant", "content": "<answer>I think the emotion is sad</answer>"},
        ],
        "audios": ["a.wav"] if audios is None else audios,
    }


def faults(folder: Path, rows: list[Any], table: dict[str, Any] | None = None, **job: Any) -> str:
    """What the check says of a dataset `d` with these rows; empty when all is well."""
    soundfile.write(folder / "a.wav", np.full(16_000, 0.1), 16_000)
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    path = folder / "dataset_info.json"
    path.write_text(json.dumps(table or {"d": entry("rows.json")}), encoding="utf-8")
    problems = Problems("d")
    check_dataset(Job("d", path, **job), problems)
    return "\n".join(map(str, problems.found))


def test_a_good_row_has_no_fault_and_is_counted(tmp_path: Path) -> None:
    assert faults(tmp_path, [row(), row()], cutoff_len=100, trains=True) == ""
    summary = check_dataset(Job("d", tmp_path / "dataset_info.json"), Problems("d"))
    assert summary.row() == ("d", "2", "0.00", "50", "25", "0")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("What?"), "row 1: 0 <audio> in the messages for 1 audios"),
        (row("<audio>He said <audio>."), "2 <audio> in the messages for 1 audios"),
        (row(audios=["gone.wav"]), "gone.wav: no such sound file"),
        ({"messages": "hello", "audios": []}, "no list of messages"),
        ({"conversations": [], "audios": []}, "no list of messages under 'messages'"),
        ([1], "no list of messages"),
        ({**row(), "messages": row()["messages"][::-1]}, "LLaMA-Factory drops such a row"),
        ({**row(), "messages": row()["messages"][:1]}, "roles are ['user']"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, bad: Any, message: str) -> None:
    found = faults(tmp_path, [row(), bad])
    assert message in found
    assert "rows.json: row 1: " in found


def test_a_clip_too_short_for_a_token_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", np.full(320, 0.1), 16_000)
    assert "gives no audio token" in faults(tmp_path, [row(audios=["short.wav"])])


def test_audio_that_does_not_fit_the_cutoff_is_named(tmp_path: Path) -> None:
    assert "25 audio tokens do not fit cutoff_len 25" in faults(tmp_path, [row()], cutoff_len=25)


def test_a_misspelt_column_is_named(tmp_path: Path) -> None:
    table = {"d": {**entry("rows.json"), "columns": {"messages": "messages", "audio": "audios"}}}
    found = faults(tmp_path, [row()], table)
    assert "LLaMA-Factory ignores columns 'audio'" in found
    assert "Did you mean 'audios'?" in found
    assert "would train without sound" in found


@pytest.mark.parametrize(
    ("entry_", "message"),
    [
        ({"hf_hub_url": "a/b"}, "names no local file"),
        ("rows.json", "names no local file"),
        ({**entry("rows.json"), "columns": ["messages"]}, "columns is no table of names"),
    ],
)
def test_a_foreign_entry_is_named(tmp_path: Path, entry_: Any, message: str) -> None:
    assert message in faults(tmp_path, [row()], {"d": entry_})


def test_an_empty_dataset_is_a_problem(tmp_path: Path) -> None:
    assert "holds no rows" in faults(tmp_path, [])


@pytest.mark.parametrize("audios", ["a.wav", [5]])
def test_audios_must_be_a_list_of_paths(tmp_path: Path, audios: Any) -> None:
    assert "'audios' is no list of paths" in faults(tmp_path, [{**row(), "audios": audios}])


def test_a_manifest_of_another_build_is_named(tmp_path: Path) -> None:
    manifest = tmp_path / "rows.manifest.jsonl"
    manifest.write_text(2 * '{"id": "a/1", "split": "train"}\n', encoding="utf-8")
    found = faults(tmp_path, [row()])
    assert "2 lines for 1 rows" in found
    assert "id 'a/1' stands twice" in found


def test_an_unknown_dataset_is_named(tmp_path: Path) -> None:
    assert "no dataset 'd'" in faults(tmp_path, [row()], {"dd": entry("rows.json")})


def test_test_rows_in_training_are_refused(tmp_path: Path) -> None:
    manifest = tmp_path / "rows.manifest.jsonl"
    manifest.write_text('{"id": "a/1", "split": "test1"}\n', encoding="utf-8")
    assert "1 rows of split 'test1' in a training dataset" in faults(tmp_path, [row()], trains=True)
    assert faults(tmp_path, [row()], trains=False) == ""


@pytest.mark.parametrize("seconds", [0.05, 0.1, 1.0, 6.3, 29.99, 30.0, 40.0])
def test_audio_tokens_follow_the_models_own_arithmetic(seconds: float) -> None:
    # Qwen2AudioEncoder._get_feat_extract_output_lengths on the frames of the mask.
    frames = round(seconds * 16_000)
    mask = min(3000, -(-frames // 160))
    after_conv = (mask - 1) // 2 + 1
    assert audio_tokens(frames) == (after_conv - 2) // 2 + 1


def test_jobs_of_a_yaml_name_its_datasets(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("dataset: a, b\neval_dataset: c\ndataset_dir: here\ncutoff_len: 512\n")
    table = Path("here/dataset_info.json")
    assert jobs_of(str(path)) == [
        Job("a", table, 512, trains=True),
        Job("b", table, 512, trains=True),
        Job("c", table, 512),
    ]
    elsewhere = jobs_of(str(path), tmp_path)
    assert {job.table for job in elsewhere} == {tmp_path / "dataset_info.json"}


def corpus_of(
    folder: Path, rows: list[tuple[str, str, str]], *, speaker_disjoint: bool = True
) -> Corpus:
    """A corpus of (id, split, speaker)."""
    utterances = [
        Utterance(
            id=id_, corpus="c", split=split, audio=None, duration=None, sampling_rate=None,
            channels=None, transcript="", speaker=speaker, gender=None, label="sad", label_raw="",
        )
        for id_, split, speaker in rows
    ]  # fmt: skip
    folder.mkdir()
    write_utterances(folder / "utterances.jsonl", utterances)
    card = CorpusCard(
        corpus="c", title="c", licence="", source="", audio_root=None, classes=("sad",),
        speaker_disjoint=speaker_disjoint, utterances=len(rows), hours=None,
        read=0, whyser="0",
    )  # fmt: skip
    write_card(folder / "corpus.json", card)
    return Corpus(folder / "utterances.jsonl")


def test_a_speaker_in_two_splits_is_named(tmp_path: Path) -> None:
    rows = [("c/1", "train", "c/Ann"), ("c/2", "test", "c/Ann"), ("c/3", "test", "c/Bob")]
    problems = Problems("c")
    summaries = check_splits([corpus_of(tmp_path / "a", rows)], problems)
    assert [str(problem.what) for problem in problems.found] == [
        "speaker 'c/Ann' is in test and in train"
    ]
    assert [summary.row()[:3] for summary in summaries] == [("c", "train", "1"), ("c", "test", "2")]
    # MELD's official splits share the main cast, and say so.
    shared = Problems("c")
    check_splits([corpus_of(tmp_path / "b", rows, speaker_disjoint=False)], shared)
    assert shared.found == []


def test_test_sets_may_share_speakers(tmp_path: Path) -> None:
    problems = Problems("c")
    rows = [("c/1", "test1", "c/Ann"), ("c/2", "test2", "c/Ann")]
    check_splits([corpus_of(tmp_path / "a", rows)], problems)
    assert problems.found == []


def test_an_id_in_two_corpora_is_named(tmp_path: Path) -> None:
    problems = Problems("c")
    corpora = [corpus_of(tmp_path / name, [("c/1", "train", "c/Ann")]) for name in "ab"]
    check_splits(corpora, problems)
    assert "id 'c/1' is also in" in str(problems.found[0])
