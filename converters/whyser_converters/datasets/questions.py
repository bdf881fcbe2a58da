"""Decides which question a row asks: its form, its wording, the order of its options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from whyser.io.errors import InputError
from whyser.prompting.answer import Target
from whyser.prompting.prompts import (
    OPTIONS,
    POOLS,
    QUESTIONS,
    STEM,
    Form,
    Question,
    emotion_question,
)

#: `mix` is open or closed, half each; `task` the question that belongs to the target.
Asked: TypeAlias = Literal["open", "closed", "mix", "task"]


@dataclass(frozen=True)
class QuestionSpec:
    """How the questions of a dataset vary; by default all ask the paper's open-form question.

    Target `asr` never asks about the emotion, since that would teach the model not to answer such
    a question: its open form is the question of the transcription task.

    Raises: `InputError` for a chain of thought with a task's question, since the task fixes the
    answer, and for shuffled options in a form without options.
    """

    form: Asked = "open"
    thinks: bool = False
    paraphrase: bool = False
    shuffle_options: bool = False

    def __post_init__(self) -> None:
        if self.thinks and self.form == "task":
            raise InputError(
                "--cot asks for a chain of thought, and the question of a task allows none",
                cure="Use --cot with --prompt open, closed or mix.",
            )
        if self.shuffle_options and self.form not in {"closed", "mix"}:
            raise InputError(
                f"--shuffle-options needs options, and {self.form!r} questions have none",
                cure="Use it with --prompt closed or mix.",
            )

    def question(self, target: Target, drawn: Callable[[str], bytes]) -> Question:
        """The question of one row; `drawn` gives its random bytes for a purpose."""
        if self.form == "task" or (self.form == "open" and target == "asr"):
            return self._task_question(target, drawn)
        form: Form = self.form if self.form != "mix" else ("closed", "open")[drawn("form")[0] % 2]
        stem = self._wording("stem", drawn) if self.paraphrase else STEM
        options = list(OPTIONS)
        if self.shuffle_options:
            Random(drawn("options")).shuffle(options)
        return emotion_question(form, thinks=self.thinks, stem=stem, options=options)

    def _task_question(self, target: Target, drawn: Callable[[str], bytes]) -> Question:
        name = target if target in QUESTIONS else "reason"
        if not self.paraphrase:
            return QUESTIONS[name]
        return Question(name, 1, self._wording(name, drawn))

    @staticmethod
    def _wording(pool: str, drawn: Callable[[str], bytes]) -> str:
        wordings = POOLS[pool]
        return wordings[int.from_bytes(drawn("wording")[:8]) % len(wordings)]
