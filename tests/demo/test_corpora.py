"""Properties that all five miniature corpora share."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import soundfile

from whyser.demo import native_msp_podcast, sentences, voices
from whyser.demo.corpora import WRITERS, write_corpora
from whyser.demo.staging import DemoError
from whyser.demo.vocabulary import all_sentences

EMOTION_WORDS = re.compile(
    r"\b(ang(ry|er)|sad|happ(y|iness)|joy|surpris|fear|afraid|scared|disgust|contempt|neutral|"
    r"glad|upset|cry|laugh|love|hate|mad|calm|excit|frustrat|worr|sorry|great|terrible|awful)",
    re.IGNORECASE,
)


def tree(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_writes_the_same_bytes(corpora: Path, tmp_path: Path) -> None:
    write_corpora(tmp_path / "again", seed=0, scale=0.03)
    assert tree(tmp_path / "again") == tree(corpora)


def test_another_seed_writes_other_bytes(corpora: Path, tmp_path: Path) -> None:
    for name in ("crema_d", "ravdess"):
        WRITERS[name](tmp_path / name, seed=1, scale=0.03, done=lambda: None)
        assert tree(tmp_path / name) != tree(corpora / name)


def test_every_corpus_is_there(corpora: Path) -> None:
    assert {path.name for path in corpora.iterdir() if path.is_dir()} == set(WRITERS)


@pytest.mark.parametrize("name", ["msp_podcast", "iemocap", "crema_d"])
def test_speech_is_16_khz_mono_pcm16_and_short(corpora: Path, name: str) -> None:
    clips = [path for path in (corpora / name).rglob("*.wav") if not path.name.startswith("._")]
    assert clips
    for clip in clips:
        info = soundfile.info(str(clip))
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        assert 0.4 < info.duration < 6


def test_sentences_name_no_emotion() -> None:
    assert not [text for text in all_sentences() if EMOTION_WORDS.search(text)]


def test_sentences_do_not_depend_on_the_emotion() -> None:
    # With 12 sentences and 8 labels, independence gives a chi-square of about its 77 degrees.
    turns = [turn for turn in native_msp_podcast.plan(seed=0, scale=1.0) if turn.split == "Train"]
    texts = sentences.MSP_PODCAST
    labels = sorted({turn.label for turn in turns if turn.label})
    chi_square = 0.0
    total = sum(turn.label is not None for turn in turns)
    for text in texts:
        row = [turn for turn in turns if turn.text == text and turn.label]
        for label in labels:
            expected = len(row) * sum(turn.label == label for turn in turns) / total
            seen = sum(turn.label == label for turn in row)
            chi_square += (seen - expected) ** 2 / expected
    degrees = (len(texts) - 1) * (len(labels) - 1)
    assert chi_square < degrees + 3.5 * (2 * degrees) ** 0.5


def test_the_three_sets_of_voices_are_disjoint() -> None:
    names = [name for part in voices.VARIANTS.values() for own in part.values() for name in own]
    assert len(names) == len(set(names))


def test_a_voice_is_as_loud_as_another_and_loudness_survives() -> None:
    import numpy as np

    usual, loud = np.zeros(4), np.array([0.0, 0.0, 0.0, 1.0])
    levels = []
    with voices.Synthesizer() as synthesizer:
        for variant in ("f1", "m1", "m5"):
            voice = voices.Voice(variant, "")
            low, high = (synthesizer.speak("The surface is slick", voice, p) for p in (usual, loud))
            levels.append(20 * np.log10(np.std(low)))
            assert 20 * np.log10(np.std(high)) - levels[-1] == pytest.approx(5, abs=0.7)
    assert max(levels) - min(levels) < 4


@pytest.mark.parametrize("scale", [0.0, -1.0, 11.0])
def test_a_bad_scale_is_refused(tmp_path: Path, scale: float) -> None:
    with pytest.raises(DemoError, match="Bad scale"):
        write_corpora(tmp_path / "corpora", scale=scale)
    assert not (tmp_path / "corpora").exists()
