"""Readers of answers: the protocol, and the reader that works by rules.

A reader gets all answers of a run at once, so that an endpoint can be asked about many at a time.
The readers that ask a model are in `model_reader`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from whyser.labels.lexicon import Lexicon, lexicon
from whyser.prompting.prompts import OPTIONS, Form
from whyser.records.predictions import Prediction
from whyser_eval.reading.numbered import with_letters
from whyser_eval.reading.rules import RULES_VERSION, Reading, read_answer


class Reader(Protocol):
    """Reads answers; `version` is the `parser` of the signature."""

    @property
    def version(self) -> str: ...

    def read(self, answers: Sequence[Prediction]) -> list[Reading]:
        """A reading for each answer, in their order."""
        ...


class RuleReader:
    """Reads by the stages of `rules`, with a lexicon; by default the shipped one."""

    def __init__(self, table: Lexicon | None = None) -> None:
        self.table = table or lexicon()

    @property
    def version(self) -> str:
        """
        >>> RuleReader().version.split("+")[0] == f"rules-{RULES_VERSION}"
        True
        """
        return f"rules-{RULES_VERSION}+{self.table.hash}"

    def read(self, answers: Sequence[Prediction]) -> list[Reading]:
        return [
            read_answer(one.text, form=one.form, options=one.options or OPTIONS, table=self.table)
            for one in map(lettered, answers)
        ]


def lettered(answer: Prediction) -> Prediction:
    """The answer as one to lettered options, if its options had numbers.

    Without a number that is chosen, no letter counts either.
    """
    if not answer.numbered:
        return answer
    text = with_letters(answer.text, len(answer.options or OPTIONS))
    form: Form = "open" if text == answer.text else "closed"
    return answer.model_copy(update={"text": text, "form": form})
