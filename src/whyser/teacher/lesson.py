"""How a teacher is asked: the prompt, the form of the clip, and which label leaks to reject."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from string import Template

from whyser.io.errors import InputError
from whyser.io.files import read_text
from whyser.options.endpoint import AudioForm
from whyser.prompting.prompts import RATIONALE, RATIONALE_MEASURED, RATIONALE_TEXT, Prompt
from whyser.teacher.filters import Leak

#: docs/design.md, "Where the paper is silent", 15.
MAX_TOKENS = 256


@dataclass(frozen=True)
class Lesson:
    """What all questions of a run share; `attempts` includes the first one.

    `max_tokens` limits an answer, its thinking included.

    The default is one attempt and three more (docs/design.md, "Where the paper is silent", 12).
    """

    prompt: Prompt
    audio: AudioForm = "data"
    leak: Leak = "stem"
    attempts: int = 4
    seed: int = 0
    max_tokens: int = MAX_TOKENS

    @property
    def needs_cues(self) -> bool:
        return "$EVIDENCE" in self.prompt.text or "${EVIDENCE}" in self.prompt.text


def choose_prompt(*, measured: bool, hears: bool, file: Path | None) -> Prompt:
    """The paper's prompt, ours with measured evidence, ours for a model that only reads, or a file.

    Raises: `InputError` for a file without $CONTENT or $EMOTION, or with an unknown placeholder.
    """
    if file is None:
        return RATIONALE_TEXT if not hears else RATIONALE_MEASURED if measured else RATIONALE
    text = read_text(file)
    names = set(Template(text).get_identifiers())
    if not {"CONTENT", "EMOTION"} <= names <= {"CONTENT", "EMOTION", "EVIDENCE"}:
        raise InputError(
            f"contains the placeholders {sorted(names)}",
            file=file,
            cure="Use $CONTENT and $EMOTION, and $EVIDENCE if the prompt should state the cues.",
        )
    return Prompt(file.stem, 0, text.strip())
