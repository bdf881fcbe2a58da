"""Who reads the answers: the rules, a model at an endpoint, or the model where the rules cannot.

A reader takes all answers of a run at once, so that an endpoint is asked many at a time, and names
itself for the signature. Those that ask are in `model_reader`, as the client is slow to load.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from whyser.io.errors import InputError
from whyser.labels.lexicon import Lexicon, lexicon, read_lexicon
from whyser.prompting.prompts import OPTIONS
from whyser.records.predictions import Prediction
from whyser_eval.reading.rules import RULES_VERSION, Reading, read_answer

if TYPE_CHECKING:
    from whyser.chat import ChatSettings


class Reader(Protocol):
    """Reads answers; `version` is the `parser` of the signature."""

    @property
    def version(self) -> str: ...

    def read(self, answers: Sequence[Prediction]) -> list[Reading]:
        """A reading for each answer, in their order."""
        ...


class RuleReader:
    """The stages of `read`, by a table of words; by default the shipped one."""

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
            read_answer(
                answer.text,
                form=answer.form,
                options=answer.options or OPTIONS,
                table=self.table,
            )
            for answer in answers
        ]


def choose_reader(
    name: str | None,
    settings: ChatSettings | None,
    ledger: Path | None,
    *,
    grouping: Path | None = None,
    max_tokens: int = 1024,
) -> Reader:
    """The reader of that name; without one the rules, or hybrid where there is an endpoint.

    Raises: `InputError` when an endpoint is missing or idle, or for a broken table.
    """
    name = name or ("hybrid" if settings else "rules")
    table = read_lexicon(grouping) if grouping else None
    if name == "rules":
        if settings:
            raise InputError(
                "the rules ask no endpoint", cure="Leave out --reader-endpoint, or choose hybrid."
            )
        return RuleReader(table)
    if settings is None:
        raise InputError(
            f"reader '{name}' without a model to ask",
            cure="Give --reader-endpoint URL and --reader-model NAME.",
        )
    if ledger is None:
        raise InputError(
            "no place for the model's replies", cure="Give --output or --reader-cache FILE."
        )
    from whyser_eval.reading.model_reader import HybridReader, ModelReader

    kind = HybridReader if name == "hybrid" else ModelReader
    return kind(settings, ledger, table, max_tokens=max_tokens)
