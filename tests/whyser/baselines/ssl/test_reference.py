"""Features relative to the speaker, compared with a calculation by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from whyser.baselines.ssl.reference import Moments, SpeakerReference
from whyser.records.corpus import Clip, Corpus
from whyser.records.utterance import Utterance


def clip(number: int, speaker: str | None, gender: str | None = None) -> Clip:
    return Clip(
        Corpus(Path("utterances.jsonl")),
        Utterance(
            id=f"a/{number}", corpus="a", split="test", audio=None, duration=None,
            sampling_rate=None, channels=None, transcript="", speaker=speaker, gender=gender,
            label=None, label_raw="",
        ),
    )  # fmt: skip


def reference(clips: list[Clip], values: list[float]) -> SpeakerReference:
    return SpeakerReference(clips, [lambda value=value: torch.tensor([value]) for value in values])


def test_moments() -> None:
    moments = Moments()
    for value in (1.0, 3.0, 5.0):
        moments.add(torch.tensor([value, 7.0]))
    # Mean 3, variance (4 + 0 + 4) / 3; and a constant, whose deviation is not 0.
    assert moments.mean.tolist() == [3, 7]
    assert moments.deviation.tolist() == pytest.approx([(8 / 3) ** 0.5, 1e-4])


def test_a_speaker_is_compared_with_the_own_clips() -> None:
    clips = [clip(number, "low" if number < 8 else "high") for number in range(16)]
    values = [1.0, 3.0] * 4 + [101.0, 103.0] * 4
    relative = reference(clips, values)
    assert relative.strangers == 0
    # Each speaker's mean is 2 or 102, the deviation 1.
    found = [relative(f"a/{number}", torch.tensor([values[number]])).item() for number in range(16)]
    assert found == pytest.approx([-1, 1] * 8)


def test_a_stranger_is_compared_with_the_gender_or_the_corpus() -> None:
    # Eight clips of women of eight speakers, one of a man, and one of nobody.
    clips = [clip(number, str(number), "female") for number in range(8)]
    clips += [clip(8, "8", "male"), clip(9, None)]
    values = [1.0, 3.0] * 4 + [2.0, 2.0]
    relative = reference(clips, values)
    assert relative.strangers == 10
    assert relative("a/0", torch.tensor([1.0])).item() == pytest.approx(-1)
    # Of the corpus the mean is 2, the deviation sqrt(8 / 10).
    assert relative("a/8", torch.tensor([3.0])).item() == pytest.approx((10 / 8) ** 0.5)
    assert relative("a/9", torch.tensor([3.0])).item() == pytest.approx((10 / 8) ** 0.5)
