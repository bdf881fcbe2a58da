"""All prompt texts, with versions and hashes; a score's signature contains the hash."""

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
"""The chat template for serving a model that LLaMA-Factory trained: it puts the same text around
the sound as the template `qwen2_audio`."""

#: `official`: the checkpoint's own; `whyser`: what LLaMA-Factory's `qwen2_audio` trains with.
Template: TypeAlias = Literal["official", "whyser"]

#: Files that LLaMA-Factory's exports and trained models have, and official checkpoints have not.
TRACES = ("Modelfile", "trainer_state.json", "training_args.bin")


@dataclass(frozen=True)
class Prompt:
    """A text with a name and a version; increase the version with every change of the text."""

    name: str
    version: int
    text: str

    @cached_property
    def hash(self) -> str:
        return short_hash(self.text)


@dataclass(frozen=True)
class Question(Prompt):
    """A question about a clip; a closed form has `options` in the order of their letters.

    `numbered` if they have numbers instead, which only own rows have. Other tasks, such as a
    transcript, have the open form.
    """

    form: Form = "open"
    options: tuple[Label, ...] = ()
    numbered: bool = False


#: The closed form's options in the paper's order: A to H are the classes, I is other.
OPTIONS: tuple[Label, ...] = (*CLASSES, OTHER)


def lettered_options(
    options: Sequence[Label] = OPTIONS, *, numbered: bool = False
) -> dict[str, Label]:
    """Letter -> label, or number -> label.

    >>> lettered_options()["C"], lettered_options(["sad", "angry", "happy"])["C"]
    ('happy', 'happy')
    >>> lettered_options(["sad", "angry"], numbered=True)
    {'1': 'sad', '2': 'angry'}
    """
    if numbered:
        return {str(place): label for place, label in enumerate(options, start=1)}
    return {chr(ord("A") + place): label for place, label in enumerate(options)}


# ---- the questions ------------------------------------------------------------------------

CHOOSE = "Choose one from the following options:"
STEM = "What emotion do you think the audio expresses?"

#: Ours, because the authors' prompt is not available: words, then voice, then answer
#: (docs/design.md, "Where the paper is silent", 17).
THINK = (
    "Think step by step. First consider the words that are spoken. Then consider the tone, the "
    "pitch, the loudness and the speed of the voice. Then say what they tell together, and end "
    'with the sentence "I think the emotion is ..."'
)


def emotion_question(
    form: Form, *, thinks: bool = False, stem: str = STEM, options: Sequence[Label] = OPTIONS
) -> Question:
    """The open or closed form with this wording; `thinks` asks for a chain of thought.

    Paper, 3.1: the open form does not limit the answer, and the closed form has nine lettered
    options. (The paper prints "nA." where it lost a line break.)

    >>> print(emotion_question("closed", options=["sad", "happy"]).text)
    What emotion do you think the audio expresses? Choose one from the following options:
    A. Sad
    B. Happy
    """
    name = f"{form}_cot" if thinks else form
    if form == "open":
        return Question(name, 1, f"{stem} {THINK}" if thinks else stem)
    lettered = lettered_options(options).items()
    lines = [f"{stem} {CHOOSE}", *(f"{letter}. {label.capitalize()}" for letter, label in lettered)]
    text = "\n".join([*lines, THINK] if thinks else lines)
    return Question(name, 1, text, "closed", tuple(options))


OPEN, CLOSED = emotion_question("open"), emotion_question("closed")
OPEN_COT = emotion_question("open", thinks=True)
CLOSED_COT = emotion_question("closed", thinks=True)

#: For a mixture of tasks (docs/targets.md, "Several tasks at once"), where the question must name
#: the task.
ASK_ASR = Question("asr", 1, "What does the speaker say?")
ASK_LABEL = Question("label", 1, "Name the emotion that the audio expresses.")
ASK_DESCRIPTORS = Question(
    "descriptors", 1, "Describe the speaker's voice, and name the emotion that the audio expresses."
)
ASK_REASON = Question("reason", 1, "What emotion does the audio express, and what shows it?")
ASK_DISTRIBUTION = Question(
    "distribution", 1, "What share of listeners would hear each emotion in this audio?"
)
ASK_ATTRIBUTES = Question(
    "attributes",
    1,
    "Rate the emotional attributes of the speech, such as arousal, valence and dominance, and name "
    "the emotion that the audio expresses.",
)

_FORMS = (OPEN, CLOSED, OPEN_COT, CLOSED_COT)
_TASKS = (ASK_ASR, ASK_LABEL, ASK_DESCRIPTORS, ASK_REASON, ASK_DISTRIBUTION, ASK_ATTRIBUTES)
QUESTIONS = {one.name: one for one in (*_FORMS, *_TASKS)}

#: The first text of a pool is its own question, the others are paraphrases. Never change a text,
#: since models may be trained on it; add new ones at the end.
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
    "distribution": (
        ASK_DISTRIBUTION.text,
        "How would listeners divide their votes on the emotion of this recording?",
        "For each emotion that some listener would name, give the percentage of listeners.",
        "What percentage of people would choose each emotion for this clip?",
        "Estimate how the annotators' labels of this utterance are distributed.",
    ),
    "attributes": (
        ASK_ATTRIBUTES.text,
        "How strong and how pleasant is the emotion that you hear, and which one is it?",
        "Give the attributes of this utterance, such as arousal and valence, then its emotion.",
        "Where does this voice lie on the scales of emotional attributes? Name the emotion too.",
        "Estimate the emotional attributes of this recording, then its emotion.",
    ),
}

# ---- the control without sound ------------------------------------------------------------

#: Ours: precedes the question in place of the sound.
TRANSCRIPT = Prompt("transcript", 1, 'The transcript of the audio is: "$CONTENT"\n')


def with_transcript(question: str, transcript: str) -> str:
    r"""The question after the transcript, for a model that gets no sound.

    >>> with_transcript("Which emotion?", "It costs $5.")
    'The transcript of the audio is: "It costs $5."\nWhich emotion?'
    """
    return TRANSCRIPT.text.replace("$CONTENT", transcript) + question


# ---- the teacher --------------------------------------------------------------------------

#: Verbatim from the paper, 2.1; `$CONTENT` is the transcript, `$EMOTION` the majority label.
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

#: Ours: the same with the measured levels, as in SEmoLLM and the descriptor papers. `$EVIDENCE` is
#: one line, such as "pitch high, loudness normal, rate low".
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

#: Ours, for a teacher that only reads, so that it does not invent what it cannot hear.
RATIONALE_TEXT = Prompt(
    "rationale_text",
    1,
    RATIONALE_MEASURED.text.replace(
        "Provide a detailed",
        "You cannot hear the audio: rely on the measurements.\nProvide a detailed",
    ),
)
