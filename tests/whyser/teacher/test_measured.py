from __future__ import annotations

import itertools

import pytest

from whyser.evidence.content import quotes
from whyser.evidence.cues import FAMILIES, Cue, Cues
from whyser.io.errors import InputError
from whyser.labels.classes import CLASSES
from whyser.records.utterance import Utterance
from whyser.teacher import measured
from whyser.teacher.filters import Subject, inspect, leaked
from whyser.teacher.measured import write_rationales_for


def utterance(id_: str, transcript: str, label: str = "sad") -> Utterance:
    return Utterance.model_validate(
        {
            "id": id_, "corpus": "c", "split": "train", "audio": None, "duration": None,
            "sampling_rate": None, "channels": None, "transcript": transcript, "speaker": None,
            "gender": None, "label": label, "label_raw": "S",
        }
    )  # fmt: skip


def cues(id_: str, *strengths: float) -> Cues:
    found = {
        family: Cue(value=1.0, deviation=1.0, strength=strength, level="high")
        for family, strength in itertools.zip_longest(FAMILIES, strengths)
        if strength is not None
    }
    return Cues(id=id_, reference="speaker", **{family: found.get(family) for family in FAMILIES})


def rationale(transcript: str, label: str = "sad", *, strengths: tuple[float, ...] = (1, 2, 3)):
    one = utterance("c/1", transcript, label)
    return next(write_rationales_for([one], [cues("c/1", *strengths)]))


def test_no_wording_holds_a_label_or_its_stem() -> None:
    texts = [*measured._OPENINGS, *measured._CLOSINGS]
    for levels in measured._PHRASES.values():
        texts += itertools.chain.from_iterable(levels.values())
    assert [text for text in texts for label in CLASSES if leaked(text, label)] == []


def test_a_rationale_quotes_the_words_and_names_the_strongest_cues() -> None:
    made = rationale("Don't forget a jacket.", strengths=(0.1, 3, 2, 0.2, 4))
    assert made.kept
    assert quotes(made.text) == ["Don't forget a jacket"]
    assert inspect(made.text, Subject("sad", "Don't forget a jacket.")).faults == ()


def test_the_quote_avoids_the_label() -> None:
    made = rationale("I was so sad then, but the long summer was over before we noticed.")
    assert made.kept
    assert not leaked(made.text, "sad")


def test_no_quote_names_any_class() -> None:
    # Quoting "angry" for a sad utterance would say that it is not angry.
    made = rationale("He was angry then, but the long summer was over before we noticed.")
    assert made.kept
    assert not any(leaked(made.text, label) for label in CLASSES)


@pytest.mark.parametrize(
    ("transcript", "strengths", "reason"),
    [
        ("Sadly.", (1, 2, 3), "no content cue"),
        ("Call me later.", (1,), "too few acoustic cues"),
    ],
)
def test_what_cannot_be_told_is_dropped_with_its_reason(
    transcript: str, strengths: tuple[float, ...], reason: str
) -> None:
    made = rationale(transcript, strengths=strengths)
    assert not made.kept
    assert reason in made.reasons


def test_without_a_transcript_only_the_voice_is_described() -> None:
    made = rationale("", strengths=(1, 2, 3))
    assert made.kept
    assert '"' not in made.text
    assert made.prompt != rationale("Call me later.", strengths=(1, 2, 3)).prompt


def test_the_label_does_not_change_the_text() -> None:
    texts = {rationale("The airplane is almost full", label).text for label in CLASSES}
    assert len(texts) == 1


def test_wording_varies_over_utterances_and_repeats_by_seed() -> None:
    many = [utterance(f"c/{n}", "The airplane is almost full") for n in range(40)]
    measured_cues = [cues(one.id, 1, 2, 3) for one in many]
    first = [one.text for one in write_rationales_for(many, measured_cues)]
    assert first == [one.text for one in write_rationales_for(many, measured_cues)]
    assert len(set(first)) > 20


def test_an_utterance_without_class_gets_none() -> None:
    one = utterance("c/1", "hello there").model_copy(update={"label": None})
    assert list(write_rationales_for([one], [])) == []


def test_missing_cues_are_an_error() -> None:
    with pytest.raises(InputError, match="no cues for c/1"):
        list(write_rationales_for([utterance("c/1", "hello")], []))


@pytest.mark.parametrize(
    ("text", "label", "leaks"),
    [
        ("It sounds SAD.", "sad", True),
        ("A saddle.", "sad", False),
        ("Unhappiness", "happy", True),
        ("It may happen.", "happy", False),
        ("in an angle", "angry", False),
        ("surprisingly quick", "surprise", True),
        ("She fears nothing", "fear", True),
        ("contempt", "sad", False),
    ],
)
def test_label_leak(text: str, label: str, leaks: bool) -> None:
    assert bool(leaked(text, label)) is leaks  # type: ignore[arg-type]
