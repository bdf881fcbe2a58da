from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whyser.labels.classes import CLASSES
from whyser.teacher.filters import Leak, Subject, families_of, inspect, leaked, strip_banned

SPOKEN = "I didn't know that she has pink hair. How did I miss that?"
GOOD = (
    'The speaker says "I didn\'t know that she has pink hair" with a pitch that climbs at its end, '
    "and the pace quickens. The voice is louder on the last words, as if the news had only just "
    "arrived and left no time to compose a calmer reply."
)


def faults(text: str, label: str = "surprise", leak: Leak = "stem") -> tuple[str, ...]:
    return inspect(text, Subject(label, SPOKEN), leak).faults  # type: ignore[arg-type]


def test_a_good_rationale_has_no_fault() -> None:
    assert faults(GOOD) == ()


@pytest.mark.parametrize(
    ("text", "label", "levels"),
    [
        ("The voice is sad.", "sad", ["exact", "stem", "synonym"]),
        ("There is Sadness in it.", "sad", ["stem", "synonym"]),
        ("He speaks sadly.", "sad", ["stem", "synonym"]),
        ("A gloomy voice.", "sad", ["synonym"]),
        # A stem of the lexicon stands for the longer word.
        ("Uma voz tristonha.", "sad", ["synonym"]),
        ("He is furious about it.", "angry", ["synonym"]),
        ("A saddle on a horse.", "sad", []),
        ("The danger is near.", "angry", []),
        ("The voice is sad.", "angry", []),
        ("Surprisingly little is said.", "surprise", ["stem", "synonym"]),
    ],
)
def test_levels_of_a_leak(text: str, label: str, levels: list[str]) -> None:
    found = inspect(text, Subject(label, SPOKEN))  # type: ignore[arg-type]
    assert list(found.leaks) == levels


@pytest.mark.parametrize("leak", ["exact", "stem", "synonym"])
def test_the_chosen_level_is_the_strictest_that_is_a_fault(leak: Leak) -> None:
    words = {"exact": "surprise", "stem": "surprised", "synonym": "astonishment"}
    order = list(words)
    for level, word in words.items():
        found = faults(f"{GOOD} There was {word}.", leak=leak)
        expected = order.index(level) <= order.index(leak)
        assert ("label leak" in found) == expected, (level, leak)


@pytest.mark.parametrize(
    "end",
    [
        "The speaker sounds astonished.",
        "The emotion conveyed is one of shock.",
        "I think the feeling is amazement.",
    ],
)
def test_a_statement_by_another_word_is_a_paraphrase(end: str) -> None:
    assert faults(f"{GOOD} {end}") == ("paraphrase of the label",)
    # Of another label it is no paraphrase.
    assert faults(f"{GOOD} {end}", "sad") == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Too short.", "length"),
        (f"{GOOD} {'word ' * 200}", "length"),
        (f"{GOOD} Who could have known?", "open question"),
        (f"{GOOD} Feel free to share your thoughts.", "meta talk"),
        (f"{GOOD} As an AI language model I have no ears.", "meta talk"),
        (f"{GOOD} This fits the given label.", "meta talk"),
        (GOOD.replace("pink", "purple"), "quote that is not in the transcript"),
        (GOOD.replace('"', ""), None),  # three words in a row with the transcript are enough
        (GOOD.replace('"I didn\'t know that she has pink hair"', "it"), "no content cue"),
        (
            GOOD.replace("a pitch that climbs", "words that come").replace("louder", "there"),
            "too few acoustic cues",
        ),
    ],
)
def test_faults(text: str, fault: str | None) -> None:
    assert (fault is None) if not faults(text) else fault in faults(text)


def test_every_fault_is_found_at_once() -> None:
    found = inspect('Sad? "Never said at all."', Subject("sad", SPOKEN))
    assert set(found.faults) == {
        "label leak",
        "length",
        "open question",
        "quote that is not in the transcript",
        "no content cue",
        "too few acoustic cues",
    }
    assert any("Never said at all." in detail for detail in found.details)


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("Well, you know, the pitch is low.", "the pitch is low."),
        ("Well, the pitch is low. Well, it is.", "the pitch is low. it is."),
        ("The pitch is low. What do you think about this?", "The pitch is low."),
        (
            "The pitch is low. If you want to talk more about this, feel free to share.",
            "The pitch is low.",
        ),
        (
            "He says “What do you think?” in a low voice.",
            "He says “What do you think?” in a low voice.",
        ),
        ("The clip is well recorded.", "The clip is well recorded."),
        ("", ""),
    ],
)
def test_banned_phrases_are_stripped(text: str, stripped: str) -> None:
    assert strip_banned(text) == stripped


def test_families_are_not_read_in_quotations() -> None:
    assert families_of('"Louder, faster!" he says, and pauses.') == {"pauses"}
    assert families_of("A low-pitched, breathy voice at a slow pace, clearly spoken.") == {
        *("pitch", "voice quality", "rate", "clarity"),
    }


@given(st.text(max_size=400), st.sampled_from(CLASSES))
def test_any_text_is_judged(text: str, label: str) -> None:
    stripped = strip_banned(text)
    inspect(stripped, Subject(label, text))  # type: ignore[arg-type]
    assert leaked(text, label) in text  # type: ignore[arg-type]


@pytest.mark.parametrize("piece", [" ", "a ", '"', "“”", ". ", "well, ", "\n", "what do you "])
def test_long_hostile_text_takes_no_time(piece: str) -> None:
    """Cubic or exponential patterns would take minutes here."""
    text = piece * 20_000
    inspect(strip_banned(text), Subject("sad", SPOKEN))
