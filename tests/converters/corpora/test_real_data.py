"""Published facts about the real files, in addition to the counts in each corpus' own tests."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import soundfile

from whyser.records.utterance import Utterance
from whyser_converters.corpora.crema_d import prepare_crema_d
from whyser_converters.corpora.meld import prepare_meld

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def voice(shared_data: Path) -> list[Utterance]:
    return list(prepare_crema_d(shared_data / "crema_d", label_source="voice"))


@pytest.fixture(scope="module")
def meld(shared_data: Path) -> list[Utterance]:
    return list(prepare_meld(shared_data / "meld"))


def clips_of(shared_data: Path, name: str) -> list[dict[str, str]]:
    path = shared_data / "crema_d/processedResults" / name
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("source", "column"), [("voice", "VoiceVote"), ("multimodal", "MultiModalVote")]
)
def test_crema_d_labels_are_those_of_its_own_summary(
    shared_data: Path, source: str, column: str
) -> None:
    """`summaryTable.csv`, which the converter does not read, joins ties by a colon."""
    rows = clips_of(shared_data, "summaryTable.csv")
    published = {f"crema_d/{row['FileName']}": row[column] for row in rows}
    clips = list(prepare_crema_d(shared_data / "crema_d", label_source=source))
    assert {clip.id: clip.label_raw for clip in clips} == published
    assert all((clip.label is None) == (":" in clip.label_raw) for clip in clips)


def test_crema_d_votes_are_the_published_counts(shared_data: Path, voice: list[Utterance]) -> None:
    rows = [row for row in clips_of(shared_data, "tabulatedVotes.csv") if row[""][0] == "1"]
    published = {f"crema_d/{row['fileName']}": [int(row[x]) for x in "ADFHNS"] for row in rows}
    found = {clip.id: Counter(vote.raw for vote in clip.votes) for clip in voice}
    assert {name: [count[x] for x in "ADFHNS"] for name, count in found.items()} == published
    sizes = [len(clip.votes) for clip in voice]
    assert (min(sizes), max(sizes)) == (4, 12)
    # One half of the votes is no strict majority; 883 clips have exactly that at the top.
    halves = [max(found[clip.id].values()) * 2 == len(clip.votes) for clip in voice]
    assert sum(halves) == 883
    assert not any(clip.is_strict for clip, half in zip(voice, halves, strict=True) if half)


def test_crema_d_classes_of_the_voice_votes(voice: list[Utterance]) -> None:
    order = ("neutral", "angry", "fear", "disgust", "sad", "happy")
    plurality = Counter(clip.label for clip in voice)
    strict = Counter(clip.label for clip in voice if clip.is_strict)
    assert [plurality[name] for name in order] == [3897, 986, 645, 547, 370, 353]
    # In the order of the classes above; published by falling counts.
    assert [strict[name] for name in order] == [3054, 790, 416, 289, 201, 262]


def test_crema_d_actors(voice: list[Utterance]) -> None:
    genders = {clip.speaker: clip.gender for clip in voice}
    assert Counter(genders.values()) == {"male": 48, "female": 43}
    clips = Counter(clip.speaker for clip in voice)
    assert Counter(clips.values()) == {82: 86, 76: 3, 81: 2}
    sentences = Counter(Counter(clip.transcript for clip in voice).values())
    assert sentences == {1456: 1, 546: 6, 545: 2, 540: 3}


def test_crema_d_real_sound_without_its_tables(
    converted: Any, refused: Any, shared_data: Path, tmp_path: Path
) -> None:
    """The mirror that lacks `processedResults`; with them, every missing clip is named."""
    source = shared_data / "crema_d/AudioWAV/1001_DFA_ANG_XX.wav"
    wav = tmp_path / "mirror/AudioWAV" / source.name
    wav.parent.mkdir(parents=True)
    wav.write_bytes(source.read_bytes())
    (clip,) = converted("crema_d", tmp_path / "mirror").utterances
    assert (clip.label, clip.transcript, clip.votes) == ("angry", "Don't forget a jacket", ())
    assert clip.duration == soundfile.info(str(source)).frames / 16_000
    message = refused("crema_d", shared_data / "crema_d")
    # All but the one that is there, and the silent one, which is left out.
    assert "7,440 clips have no usable sound, and 1 have" in message
    assert "AudioWAV/1001_IEO_NEU_XX.wav: no such sound file" in message


def test_meld_names_repeat_across_splits_and_ids_do_not(meld: list[Utterance]) -> None:
    names: dict[str, set[str]] = {"train": set(), "dev": set(), "test": set()}
    for item in meld:
        names[item.split].add(item.id.rpartition("/")[2])
    shared = {pair: len(names[pair[0]] & names[pair[1]]) for pair in combinations(names, 2)}
    assert shared == {("train", "dev"): 675, ("train", "test"): 1740, ("dev", "test"): 670}
    assert len({item.id for item in meld}) == 13_708
    dialogues = {split: {name.partition("_")[0] for name in names[split]} for split in names}
    assert {split: len(each) for split, each in dialogues.items()} == {
        "train": 1038,
        "dev": 114,
        "test": 280,
    }


def test_meld_speakers_and_text(meld: list[Utterance]) -> None:
    speakers = {
        split: len({item.speaker for item in meld if item.split == split})
        for split in ("train", "dev", "test")
    }
    assert speakers == {"train": 260, "dev": 47, "test": 100}
    train = [item for item in meld if item.split == "train"]
    assert 0.82 < sum(item.gender is not None for item in train) / len(train) < 0.84
    assert not [
        item.id for item in meld if any("\x80" <= mark < "\xa0" for mark in item.transcript)
    ]


def test_ravdess_frames_are_a_third_of_the_source_to_the_sample(
    converted: Any, shared_data: Path
) -> None:
    result = converted("ravdess", shared_data / "ravdess")
    sources = {path.stem: path for path in (shared_data / "ravdess").glob("Actor_*/*.wav")}
    assert len(sources) == len(result.utterances) == 360
    for item in result.utterances:
        source = soundfile.info(str(sources[item.id.partition("/")[2]]))
        written = soundfile.info(str(result.folder / "audio" / str(item.audio)))
        assert (written.frames, source.samplerate) == (round(source.frames / 3), 48_000)
    labels = Counter(item.label_raw for item in result.utterances)
    assert labels.pop("neutral") == 24
    assert set(labels.values()) == {48}
