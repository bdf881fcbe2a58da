"""Every prompt text, versioned and hashed; a score's signature carries the hash."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from whyser.files import short_hash
from whyser.labels import CLASSES, OTHER


@dataclass(frozen=True)
class Prompt:
    """A text under a name and version; change the text, raise the version."""

    name: str
    version: int
    text: str

    @cached_property
    def hash(self) -> str:
        return short_hash(self.text)


def lettered_options() -> dict[str, str]:
    """Letter -> label of the closed-form prompt: A to H are the classes, I is other."""
    return dict(zip("ABCDEFGHI", [*CLASSES, OTHER], strict=True))


_QUESTION = "What emotion do you think the audio expresses?"

#: Paper, 3.1: the output space is not limited.
OPEN = Prompt("open", 1, _QUESTION)

#: Paper, 3.1: nine lettered options. (The paper prints "nA." where a line break was lost.)
CLOSED = Prompt(
    "closed",
    1,
    "\n".join(
        [
            f"{_QUESTION} Choose one from the following options:",
            *(f"{letter}. {label.capitalize()}" for letter, label in lettered_options().items()),
        ]
    ),
)

QUESTIONS = {prompt.name: prompt for prompt in (OPEN, CLOSED)}

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
