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

    Target `asr` never asks about the emotion, which would teach the model not to answer that: its
    open form is the question of the transcription task.

    Raises: `InputError` for a task's question with a chain of thought, since the task fixes the
    answer, and for options in a drawn order where no question has options.
    """

    form: Asked = "open"
    thinks: bool = False
    paraphrase: bool = False
    shuffle_options: bool = False

    def __post_init__(self) -> None:
        if self.thinks and self.form == "task":
            raise InputError(
                "a chain of thought with the question of a task",
                cure="--cot belongs to --prompt open, closed or mix.",
            )
        if self.shuffle_options and self.form not in {"closed", "mix"}:
            raise InputError(
                f"options in a drawn order, and {self.form!r} questions have none",
                cure="--shuffle-options belongs to --prompt closed or mix.",
            )

    def question(self, target: Target, drawn: Callable[[str], bytes]) -> Question:
        """The question of one row; `drawn` gives its random bytes for a purpose."""
        if self.form == "task" or (self.form == "open" and target == "asr"):
            return self._task_question(target, drawn)
        form: Form = "open" if self.form == "mix" and drawn("form")[0] % 2 else "closed"
        form = form if self.form == "mix" else self.form
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
