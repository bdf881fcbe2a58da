"""How a teacher is asked: with which prompt, hearing or not, and under which rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from whyser.io.errors import InputError
from whyser.io.files import read_text
from whyser.options.endpoint import AudioForm
from whyser.prompting.prompts import RATIONALE, RATIONALE_MEASURED, RATIONALE_TEXT, Prompt
from whyser.teacher.filters import Rules

#: Attempts after the first (docs/design.md, "Where the paper is silent", 12).
NEW_ATTEMPTS = 3


@dataclass(frozen=True)
class Lesson:
    """What all questions of a run share; `attempts` counts the first."""

    prompt: Prompt
    audio: AudioForm = "data"
    rules: Rules = field(default_factory=Rules)
    attempts: int = 1 + NEW_ATTEMPTS
    seed: int = 0

    @property
    def needs_cues(self) -> bool:
        return "$EVIDENCE" in self.prompt.text or "${EVIDENCE}" in self.prompt.text


def choose_prompt(*, measured: bool, hears: bool, file: Path | None) -> Prompt:
    """The paper's prompt, ours with measured evidence, that of a teacher that reads, or a file.

    Raises: `InputError` for a file without the transcript or the label, or with other marks.
    """
    if file is None:
        return RATIONALE_TEXT if not hears else RATIONALE_MEASURED if measured else RATIONALE
    text = read_text(file)
    marks = set(Template(text).get_identifiers())
    if not {"CONTENT", "EMOTION"} <= marks or not marks <= {"CONTENT", "EMOTION", "EVIDENCE"}:
        raise InputError(
            f"holds the marks {sorted(marks)}",
            file=file,
            cure="Expected $CONTENT and $EMOTION, and $EVIDENCE where cues are to be told.",
        )
    return Prompt(file.stem, 0, text.strip())
