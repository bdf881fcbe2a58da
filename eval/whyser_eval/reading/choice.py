"""Chooses the reader: the rules, a model, or a model where the rules cannot read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from whyser.io.errors import InputError
from whyser.labels.lexicon import read_lexicon
from whyser_eval.reading.readers import Reader, RuleReader

if TYPE_CHECKING:
    from whyser.chat import ChatSettings


def choose_reader(
    name: str | None,
    settings: ChatSettings | None,
    ledger: Path | None,
    *,
    grouping: Path | None = None,
    max_tokens: int = 1024,
) -> Reader:
    """The reader of that name; without one the rules, or hybrid if there is an endpoint.

    Raises: `InputError` for a missing or an unused endpoint, or a broken table.
    """
    name = name or ("hybrid" if settings else "rules")
    table = read_lexicon(grouping) if grouping else None
    if name == "rules":
        if settings:
            raise InputError(
                "the rules use no endpoint", cure="Leave out --reader-endpoint, or choose hybrid."
            )
        return RuleReader(table)
    if settings is None:
        raise InputError(
            f"reader '{name}' needs a model to ask",
            cure="Give --reader-endpoint URL and --reader-model NAME.",
        )
    if ledger is None:
        raise InputError(
            "no file for the model's replies", cure="Give --output or --reader-cache FILE."
        )
    # The client is slow to load.
    from whyser_eval.reading.model_reader import HybridReader, ModelReader

    kind = HybridReader if name == "hybrid" else ModelReader
    return kind(settings, ledger, table, max_tokens=max_tokens)
