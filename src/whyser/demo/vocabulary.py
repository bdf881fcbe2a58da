"""The text that the tiny tokenizer learns its merges from.

Whatever a run on the demo corpora reads or writes should cost few tokens: the prompts, the answer's
tags, the sentences, and the words in which a rationale describes a voice.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from whyser.demo import sentences
from whyser.demo.emotions import EIGHT

QUESTION = "What emotion do you think the audio expresses?"

CATEGORIES = (*EIGHT, "other", "joy", "anger", "sadness", "fearful", "disgusted", "surprised",
              "calm", "excited", "frustrated")  # fmt: skip

SUBJECTS = ("The speaker", "The voice", "Here the speaker", "This voice", "The delivery")
LEVELS = {
    "pitch": ("high", "higher than usual", "low", "lower than usual", "at its usual level"),
    "pitch range": ("wide", "varied", "lively", "narrow", "flat", "monotone", "even"),
    "loudness": ("loud", "louder than usual", "quiet", "quieter than usual", "soft", "moderate"),
    "rate": ("fast", "faster than usual", "slow", "slower than usual", "steady", "hurried"),
    "pauses": ("long", "short", "frequent", "few", "hardly any", "clear"),
    "voice quality": ("tense", "breathy", "harsh", "smooth", "creaky", "trembling", "clear"),
}
FRAMES = (
    "{subject} has a {level} {cue}.",
    "The {cue} is {level} for this speaker.",
    "{subject} sounds {level}, and the {cue} stays {level} throughout.",
    "While saying '{text}', the {cue} is {level}, compared with the speaker's usual {cue}.",
    "The words '{text}' are spoken with {level} {cue}, which fits this reading.",
)
PHRASES = (
    "Compared with how this speaker usually sounds, the pitch is clearly raised and moves a lot.",
    "The intonation hardly moves, so the phrase sounds flat and monotone.",
    "The intonation is lively, with a wide pitch range.",
    "It is spoken quietly and slowly, with soft energy and long pauses between the words.",
    "It is spoken loudly and quickly, with strong energy, without pauses.",
    "The speaker talks faster than usual, at about five syllables a second.",
    "The speaker talks slower than usual, with a drawn out, hesitant rhythm.",
    "The volume stays close to the speaker's usual level, neither loud nor soft.",
    "The pace is steady and the tone is even; nothing in the voice stands out.",
    "A low, soft, slow voice with little variation.",
    "A high, loud, fast voice with much variation.",
    "The wording itself is plain and gives no clue, so the evidence lies in the delivery.",
    "Together, these cues point to this emotion rather than to another.",
    "The content is ordinary, but the tone of voice carries the feeling.",
    "I think the emotion is hard to tell from the words alone.",
    "Listen to the words first, then to the tone, pitch, loudness and speed of the speech.",
    "Then give your final answer as a single letter.",
    "Choose the one option that describes the emotion best.",
    "Transcribe the audio.",
)


def all_sentences() -> list[str]:
    """Every sentence that is spoken in any of the five corpora, in a fixed order."""
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
    for _ in range(20):
        yield from _prompts()
    for text, category in product(all_sentences(), CATEGORIES):
        yield f"<asr>{text}</asr><answer>I think the emotion is {category}</answer>"
    yield from _descriptions()


def _prompts() -> Iterator[str]:
    yield QUESTION
    yield "system\nYou are a helpful assistant."
    yield "user\n"
    yield "assistant\n"
    options = [f"({letter}) {name}" for letter, name in zip("ABCDEFGHI", CATEGORIES, strict=False)]
    yield f"{QUESTION}\n" + "\n".join(options)
    yield f"{QUESTION} " + ", ".join(CATEGORIES)


def _descriptions() -> Iterator[str]:
    texts = all_sentences()
    for index, (cue, subject, frame) in enumerate(product(LEVELS, SUBJECTS, FRAMES)):
        for step, level in enumerate(LEVELS[cue]):
            text = texts[(7 * index + step) % len(texts)].rstrip(".?!")
            filled = frame.format(subject=subject, cue=cue, level=level, text=text)
            yield f"<reason>{filled}</reason>"
            yield filled
    for phrase in PHRASES:
        for _ in range(6):
            yield f"<reason>{phrase} {phrase}</reason>"
