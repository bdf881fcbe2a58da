"""Who reads the answers: the rules, a model at an endpoint, or the model where the rules cannot.

A reader takes all answers of a run at once, so that an endpoint is asked many at a time, and names
itself for the signature. What the conventions leave unread whoever reads, a refusal, an echo of the
options or an answer that was cut off, is not sent to any model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from whyser.chat import Chat, ChatError, ChatSettings, Tally, run_all
from whyser.console import say
from whyser.errors import InputError, WhyserError
from whyser.labels import OTHER
from whyser.lexicon import Lexicon, lexicon, read_lexicon
from whyser.prompts import OPTIONS
from whyser_eval.extraction import EXTRACTION_VERSION, PROMPT_HASH, Extractor
from whyser_eval.predictions import Prediction
from whyser_eval.read import RULES_VERSION, UNREAD, Reading, answer_proper, read_answer


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


class ModelReader:
    """A model reads every answer; its replies are kept in a ledger, and none is asked for twice."""

    def __init__(
        self,
        settings: ChatSettings,
        ledger: Path,
        table: Lexicon | None = None,
        *,
        max_tokens: int = 1024,
    ) -> None:
        self.settings = settings
        self.ledger = ledger
        self.rules = RuleReader(table)
        self.extractor = Extractor(self.rules.table, max_tokens)

    @property
    def version(self) -> str:
        return f"llm-{EXTRACTION_VERSION}+{self._named()}"

    def _named(self) -> str:
        # "|" and "+" part the signature.
        model = re.sub(r"[|+\s]+", "_", self.settings.model)
        return f"{model}+{PROMPT_HASH}+{self.rules.table.hash}"

    def read(self, answers: Sequence[Prediction]) -> list[Reading]:
        """Raises: `EndpointError`, or `WhyserError` when the run ended before all were read."""
        return self.read_all(answers)

    def read_all(self, answers: Sequence[Prediction]) -> list[Reading]:
        """What the model makes of every answer, whatever the rules do."""
        return self._ask(answers, dict.fromkeys(range(len(answers)), UNREAD))

    def _ask(self, answers: Sequence[Prediction], known: Mapping[int, Reading]) -> list[Reading]:
        """The readings by place; those `known` as unread, or of an unknown word, are asked for."""
        found = dict(known)
        wanted = [place for place, reading in known.items() if self._is_open(reading)]
        failed: list[WhyserError] = []
        if not wanted:
            return list(found.values())

        async def work(chat: Chat, place: int) -> Reading:
            return await self._read_one(chat, answers[place], known[place])

        def keep(place: int, result: Reading | WhyserError) -> None:
            if isinstance(result, WhyserError):
                failed.append(result)
            else:
                found[place] = result

        tally = run_all(
            wanted,
            work,
            self.settings,
            self.ledger,
            on_result=keep,
            total=len(wanted),
            description="Reading",
        )
        self._check(tally, failed)
        say(
            f"{self.settings.model} was asked {tally.asked:,} times about {len(wanted):,} answers; "
            f"{tally.from_ledger:,} replies were in {self.ledger}"
        )
        return list(found.values())

    async def _read_one(self, chat: Chat, answer: Prediction, known: Reading) -> Reading:
        if known.word is not None:
            label = await self.extractor.group(chat, known.word)
            return Reading(label, "llm", known.word, known.two_emotions)
        options = answer.options or OPTIONS
        proper = answer_proper(
            answer.text, form=answer.form, options=options, table=self.rules.table
        )
        if proper is None:
            return UNREAD
        reading = await self.extractor.read(chat, proper, answer.form, options, label=answer.id)
        return reading or UNREAD

    def _is_open(self, reading: Reading) -> bool:
        """Whether the rules read nothing, or a word that the table lacks."""
        return reading.label is None or is_unknown(reading, self.rules.table)

    def _check(self, tally: Tally, failed: Sequence[WhyserError]) -> None:
        """Half a reading is none: a score must not depend on the weather of a network."""
        if tally.interrupted:
            raise SystemExit(130)
        refused = [error for error in failed if _is_refused(error)]
        none_came = tally.answered + tally.from_ledger == 0
        if tally.stopped or len(refused) < len(failed) or (refused and none_came):
            why = tally.stopped or f"{len(failed):,} answers were not read, as {failed[0]}"
            raise WhyserError(
                f"{why.rstrip('.')}. What came back is in {self.ledger}: run the same command "
                "again to go on."
            )
        if refused:
            say(f"note: {len(refused):,} answers count as misses, as {refused[0]}")


class HybridReader(ModelReader):
    """The rules read, and the model what they leave unread or what their table lacks."""

    @property
    def version(self) -> str:
        return f"hybrid-{RULES_VERSION}.{EXTRACTION_VERSION}+{self._named()}"

    def read(self, answers: Sequence[Prediction]) -> list[Reading]:
        return self._ask(answers, dict(enumerate(self.rules.read(answers))))


def is_unknown(reading: Reading, table: Lexicon) -> bool:
    """Whether the answer states an emotion by a word that the table lacks."""
    is_word = reading.label == OTHER and reading.stage in {"tag", "sentence"}
    return is_word and reading.word is not None and not table.knows(reading.word)


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
    kind = HybridReader if name == "hybrid" else ModelReader
    return kind(settings, ledger, table, max_tokens=max_tokens)


#: Said of one request and for good: a filter of contents, or an answer too long for the model.
_REFUSALS = frozenset({400, 413, 422, 451})


def _is_refused(error: WhyserError) -> bool:
    return isinstance(error, ChatError) and error.status in _REFUSALS
