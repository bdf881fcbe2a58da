"""The text that the tiny tokenizer learns its merges from.

Texts of the demo corpora should need few tokens: prompts, tags of the answer, sentences, and the
words in which a rationale describes a voice.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from whyser.demo import sentences
from whyser.demo.emotions import EIGHT

QUESTION = "What emotion do you think the audio expresses?"

CATEGORIES = (*EIGHT, "other", "joy", "anger", "sadness", "fearful", "disgusted", "surprised",
              "calm", "excited", "frustrated")  # fmt: skip

LETTERED = "\n".join(
    f"{letter}. {name.capitalize()}" for letter, name in zip("ABCDEFGHI", CATEGORIES, strict=False)
)

OPENINGS = (
    'The words "{text}" could be said in many moods, so the delivery has to decide.',
    'Taken alone, "{text}" settles little; what matters here is how it is said.',
    'The speaker says "{text}", and the way it is spoken carries the feeling.',
    'What is said, "{text}", leaves the feeling open, and the voice fills it in.',
    "The words '{text}' are plain, so the evidence lies in the delivery.",
)
CLOSINGS = (
    "Together these cues point to how the speaker feels.",
    "Heard with the words, this is what the reading rests on.",
    "These traits of the delivery support the reading.",
    "It is this manner of speaking that gives the feeling away.",
    "Together, these cues point to this emotion rather than to another.",
)
SUBJECTS = ("The speaker", "The voice", "The delivery", "The speech")
LEVELS = {
    "pitch": ("high", "higher than usual", "low", "lower than usual", "at its usual level"),
    "intonation": ("wide", "varied", "lively", "narrow", "flat", "monotone", "even"),
    "loudness": ("loud", "louder than usual", "quiet", "quieter than usual", "soft", "moderate"),
    "rate": ("fast", "faster than usual", "slow", "slower than usual", "steady", "hurried"),
    "pauses": ("long", "short", "frequent", "few", "hardly any", "clear"),
    "voice quality": ("tense", "breathy", "harsh", "smooth", "creaky", "trembling", "clear"),
}
FRAMES = (
    "{subject} has a {level} {cue}.",
    "The {cue} is {level} for this speaker.",
    "{subject} sounds {level}, and the {cue} stays {level}.",
    "While saying '{text}', the {cue} is {level}, compared with the speaker's usual {cue}.",
)
PHRASES = (
    "The pitch lies lower than usual for this voice, and the voice is pitched low.",
    "The pitch lies higher than usual for this voice, and the voice is pitched high.",
    "The pitch stays near this voice's usual level, and the pitch is ordinary.",
    "The melody is flat and monotone, and the intonation hardly moves.",
    "The intonation moves as much as usual, and the melody is of ordinary width.",
    "The intonation is lively and varied, and the melody swings widely.",
    "The voice is quieter than usual, and the words come out softly.",
    "The voice is louder than usual, and the words come out loudly.",
    "The loudness is ordinary, and the voice is about as loud as usual.",
    "The speech is slow, and the words come slower than usual.",
    "The speech is fast, and the words come faster than usual.",
    "The pace is steady and ordinary, and the speech runs at the usual pace.",
    "There are hardly any pauses, and the phrase runs on without gaps.",
    "The pauses are ordinary, and the phrase is paused as usual.",
    "Long pauses break the phrase, and the speech is halting, with long gaps.",
    "It is spoken quietly and slowly, with soft energy and pauses between the words.",
    "It is spoken loudly and quickly, with strong energy, without pauses.",
    "Listen to the words first, then to the tone, pitch, loudness and speed of the speech.",
    "Then give your final answer.",
)


def all_sentences() -> list[str]:
    """Return all sentences of the five corpora, in a fixed order."""
    return [
        *sentences.CREMA_D.values(),
        *sentences.MSP_PODCAST,
        *sentences.RAVDESS.values(),
        *sentences.IEMOCAP,
        *sentences.MELD,
        *(text.replace("'", "\u2019") for text in sentences.MELD if "'" in text),
    ]


def corpus() -> Iterator[str]:
    """Yield the training text of the tokenizer."""
    yield "You are a helpful assistant."
    for _ in range(40):
        yield from _prompts()
    for text, category in product(all_sentences(), CATEGORIES):
        yield f"<asr>{text}</asr><answer>I think the emotion is {category}</answer>"
    yield from _descriptions()


def _prompts() -> Iterator[str]:
    yield from (QUESTION, "system\nYou are a helpful assistant.", "user\n", "assistant\n")
    yield f"{QUESTION} Choose one from the following options:\n{LETTERED}"


def _descriptions() -> Iterator[str]:
    texts = [text.rstrip(".?!") for text in all_sentences()]
    for opening, closing, text in product(OPENINGS, CLOSINGS, texts):
        yield f"<reason>{opening.format(text=text)} {closing}</reason>"
    for index, (cue, subject, frame) in enumerate(product(LEVELS, SUBJECTS, FRAMES)):
        for step, level in enumerate(LEVELS[cue]):
            text = texts[(7 * index + step) % len(texts)]
            yield frame.format(subject=subject, cue=cue, level=level, text=text)
    for phrase in PHRASES:
        for _ in range(12):
            yield f"{phrase} {phrase.lower()}"
