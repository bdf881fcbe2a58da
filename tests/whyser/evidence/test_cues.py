from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from whyser.corpus import Corpus, CorpusCard, write_card
from whyser.errors import BadInput
from whyser.evidence.acoustics import Acoustics
from whyser.evidence.cues import FEWEST_CLIPS, Cues, measure_corpus, relate
from whyser.utterance import Utterance, write_utterances


def utterance(number: int, speaker: str | None, gender: str | None = "female") -> Utterance:
    return Utterance(
        id=f"c/{number}", corpus="c", split="train", audio=f"{number}.wav", duration=1.0,
        sampling_rate=16000, channels=1, transcript="one two", speaker=speaker, gender=gender,
        label="sad", label_raw="S",
    )  # fmt: skip


def at_pitch(hertz: float | None) -> Acoustics:
    return Acoustics(hertz, 4.0, 60.0, 4.0, 0.0)


def cues_of(pairs: list[tuple[Utterance, float | None]]) -> list[Cues]:
    return list(relate([one for one, _ in pairs], [at_pitch(hertz) for _, hertz in pairs]))


def test_a_level_is_relative_to_the_speaker() -> None:
    pitches = [90, 95, 98, 100, 102, 105, 110, 160]
    low = [(utterance(n, "c/low"), float(hertz)) for n, hertz in enumerate(pitches)]
    high = [(utterance(100 + n, "c/high"), 2.0 * hertz) for n, hertz in enumerate(pitches)]
    found = cues_of(low + high)
    assert {cues.reference for cues in found} == {"speaker"}
    levels = [cues.pitch.level for cues in found if cues.pitch]
    assert levels[:8] == levels[8:]
    assert levels[0] == "low"
    assert levels[7] == "high"
    # 160 Hz against a median of 101 Hz: 12 * log2(160 / 101) = 7.96 semitones.
    assert found[7].pitch is not None
    assert found[7].pitch.deviation == pytest.approx(7.96, abs=0.02)


def test_a_speaker_with_few_clips_is_compared_with_the_gender() -> None:
    many = [(utterance(n, f"c/{n}", "female"), 200.0) for n in range(FEWEST_CLIPS)]
    lone = (utterance(90, "c/lone", "male"), 100.0)
    unknown = (utterance(91, None, None), 200.0)
    found = cues_of([*many, lone, unknown])
    assert [cues.reference for cues in found] == ["gender"] * FEWEST_CLIPS + ["corpus"] * 2


def test_an_unmeasured_family_is_none_and_spoils_no_median() -> None:
    pairs = [(utterance(n, "c/1"), 100.0 if n else None) for n in range(FEWEST_CLIPS + 1)]
    first, *others = cues_of(pairs)
    assert first.pitch is None
    assert "pitch" not in first.measured()
    assert all(cues.pitch and cues.pitch.deviation == 0 for cues in others)


def test_a_tiny_difference_of_a_steady_speaker_is_normal() -> None:
    # All clips within a fifth of a semitone: their spread is smaller than what is heard.
    pairs = [(utterance(n, "c/1"), 100.0 + 0.1 * n) for n in range(10)]
    assert {cues.pitch.level for cues in cues_of(pairs) if cues.pitch} == {"normal"}


def write_corpus(folder: Path, utterances: list[Utterance]) -> Corpus:
    write_utterances(folder / "utterances.jsonl", utterances)
    card = CorpusCard(
        corpus="c", title="c", licence="none", source="none", audio_root=".", classes=("sad",),
        utterances=len(utterances), hours=0.0, read=0, whyser="0",
    )  # fmt: skip
    write_card(folder / "corpus.json", card)
    return Corpus(folder / "utterances.jsonl")


def test_every_unreadable_clip_is_named_at_once(tmp_path: Path) -> None:
    utterances = [utterance(n, "c/1") for n in range(3)]
    soundfile.write(tmp_path / "1.wav", np.zeros(8000), 16_000)
    corpus = write_corpus(tmp_path, utterances)
    with pytest.raises(BadInput) as caught:
        list(measure_corpus(corpus))
    assert [Path(str(one.file)).name for one in caught.value.problems] == ["0.wav", "2.wav"]
