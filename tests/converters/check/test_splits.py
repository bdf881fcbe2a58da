from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from whyser.records.corpus import Corpus
from whyser_converters.check import duplicate_audio
from whyser_converters.check.findings import Findings
from whyser_converters.check.splits import check_splits

CorpusOf = Callable[..., Corpus]
Noise = Callable[..., Any]


def problems(*corpora: Corpus) -> list[str]:
    findings = Findings("c")
    check_splits(corpora, findings)
    return findings.problems


def test_a_speaker_in_two_splits_is_named(corpus_of: CorpusOf) -> None:
    given = [
        {"id": "1", "split": "train", "speaker": "c/Ann"},
        {"id": "2", "split": "test", "speaker": "c/Ann"},
        {"id": "3", "split": "test", "speaker": "c/Bob"},
    ]
    corpus = corpus_of("a", given)
    findings = Findings("c")
    summaries = check_splits([corpus], findings)
    [problem] = findings.problems
    assert problem == (
        f"{corpus.path}: speaker 'c/Ann' is in test and in train. "
        "Move all utterances of a speaker into one split."
    )
    assert [summary.row()[1:] for summary in summaries] == [
        ("train", "1", "no sound", "1", "0", "0"),
        ("test", "2", "no sound", "2", "0", "0"),
    ]
    # MELD's official splits share the main cast, and say so.
    assert problems(corpus_of("b", given, disjoint=False)) == []


@pytest.mark.parametrize("noun", ["dialogue", "session"])
@pytest.mark.parametrize("disjoint", [True, False])
def test_a_conversation_in_two_splits_is_named(
    corpus_of: CorpusOf, noun: str, disjoint: bool
) -> None:
    given = [
        {"id": "1", "split": "train", noun: "c/7"},
        {"id": "2", "split": "dev", noun: "c/7"},
        {"id": "3", "split": "dev", noun: "c/8"},
    ]
    [problem] = problems(corpus_of("a", given, disjoint=disjoint))
    assert f"{noun} 'c/7' is in dev and in train" in problem


@pytest.mark.parametrize("noun", ["speaker", "dialogue", "session"])
def test_two_files_of_one_corpus_are_one_corpus(corpus_of: CorpusOf, noun: str) -> None:
    """Such as two conversions of it, each with a list of ids of its own."""
    train = corpus_of("a", [{"id": "1", "split": "train", noun: "c/7"}])
    given = [{"id": "2", "split": "test", noun: "c/7"}]
    test, other = corpus_of("b", given, corpus="a"), corpus_of("c", given)
    [problem] = problems(train, test, other)
    assert problem.startswith(f"{test.path}: {noun} 'c/7' is in test and in train ({train.path})")


@pytest.mark.parametrize("key", ["speaker", "dialogue", "session"])
def test_test_sets_count_as_one_split(corpus_of: CorpusOf, noise: Noise, key: str) -> None:
    given = [{"id": str(n), "split": f"test{n}", key: "c/Ann", "sound": noise()} for n in (1, 2)]
    assert problems(corpus_of("a", given)) == []


def test_an_id_in_two_corpora_is_named(corpus_of: CorpusOf) -> None:
    corpus = corpus_of("a", [{"id": "1", "split": "train"}])
    [problem] = problems(corpus, corpus_of("b", [{"id": "1", "split": "train"}]), corpus)
    assert f"id 'a/1' is also in {corpus.path}" in problem


def test_a_corpus_that_cannot_be_read_hides_no_other(corpus_of: CorpusOf, tmp_path: Path) -> None:
    given = [{"id": str(n), "split": split, "dialogue": "d"} for n, split in enumerate("ab")]
    missing, shared = problems(Corpus(tmp_path / "gone.jsonl"), corpus_of("a", given))
    assert "gone.jsonl: no such file" in missing
    assert "dialogue 'd'" in shared


def test_the_same_sound_in_two_splits_is_named(corpus_of: CorpusOf, noise: Noise) -> None:
    given = [
        {"id": "1", "split": "train", "sound": noise(seed=1)},
        {"id": "2", "split": "test1", "sound": noise(seed=1)},
        {"id": "3", "split": "test2", "sound": noise(seed=2)},
        {"id": "4", "split": "dev", "sound": noise(seed=3)},
    ]
    corpus = corpus_of("a", given)
    [problem] = problems(corpus)
    first, second = (corpus.path.parent / f"{n}.wav" for n in (1, 2))
    assert problem == (
        f"{first}: is the sound of a/1 (train) and a/2 (test1: {second}). "
        "Keep the sound in one split."
    )


def test_the_same_sound_within_one_split_is_no_leak(corpus_of: CorpusOf, noise: Noise) -> None:
    given = [{"id": str(n), "split": "train", "sound": noise(seed=1)} for n in range(2)]
    assert problems(corpus_of("a", given)) == []


def test_the_same_sound_is_found_across_corpora_and_containers(
    corpus_of: CorpusOf, noise: Noise
) -> None:
    sound = noise(seed=1)
    first = corpus_of("a", [{"id": "1", "split": "train", "sound": sound, "format": "WAV"}])
    second = corpus_of("b", [{"id": "1", "split": "test", "sound": sound, "format": "FLAC"}])
    [problem] = problems(first, second)
    assert "a/1 (train)" in problem and "b/1 (test: " in problem
    assert problems(first) == problems(second) == []


def test_another_header_makes_no_other_sound(corpus_of: CorpusOf, noise: Noise) -> None:
    sound = noise(seed=1)
    splits = ("train", "test")
    corpus = corpus_of("a", [{"id": split, "split": split, "sound": sound} for split in splits])
    path = corpus.path.parent / "test.wav"
    with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16", format="WAV") as stream:
        stream.title = "another"
        stream.write(sound)
    assert path.read_bytes() != (corpus.path.parent / "train.wav").read_bytes()
    assert len(problems(corpus)) == 1


def test_sounds_that_look_alike_are_compared_whole(
    corpus_of: CorpusOf, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = noise(2.0, seed=1), noise(2.0, seed=1)
    other[5] += 0.01  # between the looks
    given = [
        {"id": "1", "split": "train", "sound": one},
        {"id": "2", "split": "test", "sound": other},
    ]
    corpus = corpus_of("a", given)
    assert problems(corpus) == []
    # Without the last step they would be taken for the same, so it is that which tells.
    monkeypatch.setattr(duplicate_audio, "_all_samples", lambda path: 0)
    assert len(problems(corpus)) == 1


def test_only_sounds_that_look_alike_are_read_whole(
    corpus_of: CorpusOf, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    whole = duplicate_audio._all_samples

    def counted(path: Path) -> Any:
        read.append(path.stem)
        return whole(path)

    monkeypatch.setattr(duplicate_audio, "_all_samples", counted)
    given = [
        {"id": "1", "split": "train", "sound": noise(seed=1)},
        {"id": "2", "split": "test", "sound": noise(seed=1)},
        {"id": "3", "split": "test", "sound": noise(seed=2)},
        {"id": "4", "split": "train", "sound": noise(2.0, seed=1)},
    ]
    assert len(problems(corpus_of("a", given))) == 1
    assert sorted(read) == ["1", "2"]


def test_sounds_are_compared_to_their_last_bit(corpus_of: CorpusOf, noise: Noise) -> None:
    one, other = noise(seed=1), noise(seed=1)
    other[5] += 2**-23
    sounds = {"train": one, "test": other}
    given = [
        {"id": split, "split": split, "sound": sound, "subtype": "PCM_24"}
        for split, sound in sounds.items()
    ]
    assert problems(corpus_of("a", given)) == []
    given[1]["subtype"] = "PCM_16"
    assert len(problems(corpus_of("b", given))) == 1


@pytest.mark.parametrize("content", [None, b"", b"no sound"])
def test_a_sound_that_is_gone_or_broken_is_a_problem(
    corpus_of: CorpusOf, noise: Noise, content: bytes | None
) -> None:
    splits = ("train", "test")
    corpus = corpus_of("a", [{"id": one, "split": one, "sound": noise()} for one in splits])
    path = corpus.path.parent / "test.wav"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    [problem] = problems(corpus)
    assert problem.startswith(f"{path}: ")
    assert ("no such sound file for a/test" in problem) == (content is None)


def test_the_command_names_all_that_is_shared(
    convert: Callable[..., Any], corpus_of: CorpusOf, noise: Noise
) -> None:
    given = [
        {"id": "1", "split": "train", "speaker": "a/Ann", "dialogue": "a/7", "sound": noise()},
        {"id": "2", "split": "dev", "speaker": "a/Ann", "dialogue": "a/7", "sound": noise()},
    ]
    outcome = convert("check", corpus_of("a", given).path)
    assert outcome.status == 1
    for part in ("speaker 'a/Ann'", "dialogue 'a/7'", "is the sound of", "3 problems in "):
        assert part in outcome.err
    [header] = [line for line in outcome.out.splitlines() if "utterances" in line]
    assert "dialogues" in header
    [train] = [line for line in outcome.out.splitlines() if "train" in line]
    assert [cell.strip() for cell in train.split("│")[3:-1]] == ["1", "0.00", "1", "1", "0"]


def test_a_corpus_without_sound_is_sound_and_said_so(
    convert: Callable[..., Any], corpus_of: CorpusOf
) -> None:
    given = [{"id": "1", "split": "train"}, {"id": "2", "split": "test"}]
    outcome = convert("check", corpus_of("a", given).path)
    assert outcome.status == 0
    assert "note: " in outcome.err
    assert "2 utterances were converted without sound" in outcome.err
