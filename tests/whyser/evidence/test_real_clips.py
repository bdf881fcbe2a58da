"""Cues of real clips, from a RAVDESS next to the checkout."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from whyser.evidence.acoustics import measure
from whyser.evidence.cues import Cues, relate
from whyser.io import audio
from whyser.records.utterance import Utterance
from whyser_converters.corpora.ravdess import prepare_ravdess

pytestmark = pytest.mark.shared_data

#: Codes in a file's name: 03-01-EMOTION-INTENSITY-STATEMENT-REPETITION-ACTOR.
SAD, ANGRY, STRONG = "04", "05", "02"
ORDER = ["low", "normal", "high"]


@pytest.fixture(scope="module")
def clips(shared_data: Path) -> list[tuple[Utterance, Cues]]:
    folder = shared_data / "ravdess"
    utterances = list(prepare_ravdess(folder))
    measured = [measure(audio.load(folder / str(one.audio)), one.transcript) for one in utterances]
    return list(zip(utterances, relate(utterances, measured), strict=True))


def pairs(clips: list[tuple[Utterance, Cues]]) -> list[tuple[Cues, Cues]]:
    """Strong anger and sadness of one actor in one statement, every take with every take."""

    def of(emotion: str, is_wanted: Callable[[str], bool]) -> dict[tuple[str, str], list[Cues]]:
        found: dict[tuple[str, str], list[Cues]] = {}
        for utterance, cues in clips:
            _, _, code, intensity, statement, _, actor = utterance.id.split("/")[1].split("-")
            if code == emotion and is_wanted(intensity):
                found.setdefault((actor, statement), []).append(cues)
        return found

    angry, sad = of(ANGRY, lambda intensity: intensity == STRONG), of(SAD, lambda _: True)
    assert angry.keys() == sad.keys()
    return [pair for key in angry for pair in itertools.product(angry[key], sad[key])]


def test_intensity_orders_strong_anger_above_sadness(clips: list[tuple[Utterance, Cues]]) -> None:
    levels = [(a.loudness, s.loudness) for a, s in pairs(clips)]
    known = [(angry, sad) for angry, sad in levels if angry and sad]
    assert len(known) == len(levels) == 6 * 2 * 2 * 4  # actors, statements, takes of each
    above = sum(angry.value > sad.value for angry, sad in known)
    ranks = [(ORDER.index(angry.level), ORDER.index(sad.level)) for angry, sad in known]
    words_above = sum(angry > sad for angry, sad in ranks)
    words_against = sum(angry < sad for angry, sad in ranks)
    print(
        f"\nRAVDESS, loudness of strong anger above sadness: {above}/{len(known)} pairs; "
        f"level words: above in {words_above}, the same in "
        f"{len(known) - words_above - words_against}, below in {words_against}"
    )
    assert above >= 0.95 * len(known)
    # Two clips on one side of a threshold share a word; the words must not turn the order round.
    assert words_against == 0
    assert words_above >= 0.85 * len(known)


def test_strong_emotion_is_louder_than_the_same_emotion(
    clips: list[tuple[Utterance, Cues]],
) -> None:
    by_name = {utterance.id: cues for utterance, cues in clips}
    louder = [
        (strong.loudness.value, weak.loudness.value)
        for name, strong in by_name.items()
        if "-05-02-" in name
        and strong.loudness
        and (weak := by_name[name.replace("-05-02-", "-05-01-")]).loudness
    ]
    assert len(louder) == 24
    assert sum(strong > weak for strong, weak in louder) >= 0.95 * len(louder)
