"""Every prompt text, versioned and hashed; a score's signature carries the hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from whyser.io.files import short_hash
from whyser.labels.classes import CLASSES, OTHER, Label

Form: TypeAlias = Literal["open", "closed"]

TRAINED = Path(__file__).with_name("chat_template.jinja")
"""What a model that LLaMA-Factory trained must be served with: the text around the sound as the
template `qwen2_audio` has it."""


@dataclass(frozen=True)
class Prompt:
    """A text under a name and version; change the text, raise the version."""

    name: str
    version: int
    text: str

    @cached_property
    def hash(self) -> str:
        return short_hash(self.text)


@dataclass(frozen=True)
class Question(Prompt):
    """What a model is asked of a clip; `options` of the closed form in the order of their letters.

    A task of another kind (a transcript, say) is of the open form.
    """

    form: Form = "open"
    options: tuple[Label, ...] = ()


#: The closed form's options in the paper's order: A to H are the classes, I is other.
OPTIONS: tuple[Label, ...] = (*CLASSES, OTHER)


def lettered_options(options: Sequence[Label] = OPTIONS) -> dict[str, Label]:
    """Letter -> label.

    >>> lettered_options()["C"], lettered_options(["sad", "angry", "happy"])["C"]
    ('happy', 'happy')
    """
    return {chr(ord("A") + place): label for place, label in enumerate(options)}


# ---- the questions ------------------------------------------------------------------------

CHOOSE = "Choose one from the following options:"


def closed_question(
    stem: str, options: Sequence[Label] = OPTIONS, *, name: str = "closed", instruction: str = ""
) -> Question:
    """Paper, 3.1: nine lettered options. (The paper prints "nA." where a line break was lost.)"""
    lines = [
        f"{letter}. {label.capitalize()}" for letter, label in lettered_options(options).items()
    ]
    text = "\n".join([f"{stem} {CHOOSE}", *lines, *filter(None, [instruction])])
    return Question(name, 1, text, "closed", tuple(options))


STEM = "What emotion do you think the audio expresses?"

#: Ours, as the authors' is not available: words, then voice, then answer
#: (docs/design.md, "Where the paper is silent", 17).
THINK = (
    "Think step by step. First consider the words that are spoken. Then consider the tone, the "
    "pitch, the loudness and the speed of the voice. Then say what they tell together, and end "
    'with the sentence "I think the emotion is ..."'
)


def emotion_question(
    form: Form, *, thinks: bool = False, stem: str = STEM, options: Sequence[Label] = OPTIONS
) -> Question:
    """The open or the closed form in these words; `thinks` asks for a chain of thought.

    >>> emotion_question("open") == OPEN, emotion_question("closed", thinks=True) == CLOSED_COT
    (True, True)
    """
    name = f"{form}_cot" if thinks else form
    if form == "open":
        return Question(name, 1, f"{stem} {THINK}" if thinks else stem)
    return closed_question(stem, options, name=name, instruction=THINK if thinks else "")


#: Paper, 3.1: the output space is not limited.
OPEN = Question("open", 1, STEM)
CLOSED = closed_question(STEM)
OPEN_COT = Question("open_cot", 1, f"{STEM} {THINK}")
CLOSED_COT = closed_question(STEM, name="closed_cot", instruction=THINK)

#: For a mixture of tasks (docs/targets.md, "Several tasks at once"), where the question has to say
#: which one is meant.
ASK_ASR = Question("asr", 1, "What does the speaker say?")
ASK_LABEL = Question("label", 1, "Name the emotion that the audio expresses.")
ASK_DESCRIPTORS = Question(
    "descriptors", 1, "Describe the speaker's voice, and name the emotion that the audio expresses."
)
ASK_REASON = Question("reason", 1, "What emotion does the audio express, and what shows it?")

QUESTIONS = {
    one.name: one
    for one in (
        *(OPEN, CLOSED, OPEN_COT, CLOSED_COT),
        *(ASK_ASR, ASK_LABEL, ASK_DESCRIPTORS, ASK_REASON),
    )
}

#: The first stands for the pool's own question, the others ask the same in other words. A text is
#: never changed once it was trained on; a change adds to the end and raises the version.
POOL_VERSION = 1
POOLS: dict[str, tuple[str, ...]] = {
    "stem": (
        STEM,
        "Which emotion does the speaker express in this audio?",
        "How does the speaker in this recording feel?",
        "What feeling can be heard in this utterance?",
        "Listen to the recording. What is the emotional state of the speaker?",
        "Which emotion comes across in this clip?",
        "What mood is the person who is speaking in?",
        "Judging by the words and the voice, what does the speaker feel?",
        "Can you tell which emotion this speech conveys?",
        "Please identify the emotion in this audio.",
    ),
    "asr": (
        ASK_ASR.text,
        "Transcribe the speech.",
        "Write down what is said in this audio.",
        "Which words are spoken in this recording?",
        "Please give a transcript of the audio.",
    ),
    "label": (
        ASK_LABEL.text,
        "Which emotion is it? Give the label alone.",
        "Classify the emotion of this utterance.",
        "Label this recording with the emotion of its speaker.",
        "State the speaker's emotion, without a reason.",
    ),
    "descriptors": (
        ASK_DESCRIPTORS.text,
        "Who is speaking and how: gender, pitch, speed and volume? Which emotion is it?",
        "Give the traits of the voice, then the emotion.",
        "What are the pitch, speed and volume of this voice, and which emotion do they carry?",
        "Describe how this is spoken and what the speaker feels.",
    ),
    "reason": (
        ASK_REASON.text,
        "Which emotion do you hear, and why?",
        "Name the speaker's emotion and explain it by the words and the voice.",
        "How does the speaker feel? Give your reasons.",
        "Tell the emotion of this utterance and the evidence for it.",
    ),
}

# ---- the control that hears nothing -------------------------------------------------------

#: Ours: stands before the question in place of the sound.
TRANSCRIPT = Prompt("transcript", 1, 'The transcript of the audio is: "$CONTENT"\n')


def with_transcript(question: str, transcript: str) -> str:
    r"""The question after the words that were spoken, for a model that is given no sound.

    >>> with_transcript("Which emotion?", "It costs $5.")
    'The transcript of the audio is: "It costs $5."\nWhich emotion?'
    """
    return TRANSCRIPT.text.replace("$CONTENT", transcript) + question


# ---- the teacher --------------------------------------------------------------------------

#: Paper, 2.1, to the letter; `$CONTENT` is the transcript, `$EMOTION` the gold label.
RATIONALE = Prompt(
    "rationale",
    1,
    """\
Given the Content: $CONTENT
Emotion: $EMOTION
Provide a detailed reasoning that explains how the emotion and its intensity relate to the spoken \
content and the audio's characteristics, such as tone, pitch, speaking style, clarity, and other \
acoustic properties.
## Here are some rules you should follow:
- DO NOT use the word $EMOTION in your reasoning.
- DO NOT use open-ended questions or follow-up invitations in the reasoning. For example, "What \
do you think about this?", "What do you think?" or "If you want to talk more about this or have \
other thoughts, feel free to share."
- DO NOT use "Well, you know" or "Well" in the reasoning.""",
)

#: Ours: the same with what was measured, after SEmoLLM's and the descriptor papers' levels.
#: `$EVIDENCE` is one line, such as "pitch high, loudness normal, rate low".
RATIONALE_MEASURED = Prompt(
    "rationale_measured",
    1,
    RATIONALE.text.replace(
        "Provide a detailed",
        "Measured in the audio, relative to this speaker's usual voice: $EVIDENCE\n"
        "Provide a detailed",
    )
    + "\n- DO NOT say anything of the voice that contradicts the measurements.",
)

#: Ours, for a teacher that reads only: no claim about a sound that it cannot hear.
RATIONALE_TEXT = Prompt(
    "rationale_text",
    1,
    RATIONALE_MEASURED.text.replace(
        "Provide a detailed",
        "You cannot hear the audio: rely on the measurements.\nProvide a detailed",
    ),
)
