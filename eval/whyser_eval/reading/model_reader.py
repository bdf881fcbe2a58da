"""Readers that ask a model at an endpoint: about every answer, or where the rules cannot read.

A refusal, an echo of the options and a cut-off answer are unread for every reader, so no model is
asked about them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from whyser.chat import Chat, ChatError, ChatSettings, RequestTally, ask_all, unfinished
from whyser.io.console import say
from whyser.labels.classes import OTHER
from whyser.labels.lexicon import Lexicon
from whyser.prompting.prompts import OPTIONS
from whyser.records.predictions import Prediction
from whyser_eval.reading.extraction import EXTRACTION_VERSION, PROMPT_HASH, Extractor
from whyser_eval.reading.readers import RuleReader, lettered
from whyser_eval.reading.rules import RULES_VERSION, UNREAD, Reading, answer_proper


class ModelReader:
    """A model reads every answer; a ledger keeps its replies, so no request is repeated."""

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
        # "|" and "+" separate fields of the signature.
        model = re.sub(r"[|+\s]+", "_", self.settings.model)
        return f"{model}+{PROMPT_HASH}+{self.rules.table.hash}"

    def read(self, answers: Sequence[Prediction]) -> list[Reading]:
        """Raises: `EndpointError`, or `WhyserError` when the run ended before all were read."""
        return self.read_all(answers)

    def read_all(self, answers: Sequence[Prediction]) -> list[Reading]:
        """The model's reading of every answer, whatever the rules read."""
        return self._ask(answers, dict.fromkeys(range(len(answers)), UNREAD))

    def _ask(self, answers: Sequence[Prediction], known: Mapping[int, Reading]) -> list[Reading]:
        """The readings by place; asks about those of `known` without a label or a known word."""
        found = dict(known)
        wanted = [
            place
            for place, one in known.items()
            if one.label is None or is_unknown(one, self.rules.table)
        ]
        if not wanted:
            return list(found.values())

        async def work(chat: Chat, place: int) -> Reading | str:
            try:
                return await self._read_one(chat, answers[place], known[place])
            except ChatError as error:
                if not error.is_refusal:
                    raise
                return str(error)

        results, tally = ask_all(
            wanted,
            work,
            self.settings,
            self.ledger,
            description="Reading",
            undone="answers were not read",
        )
        for place, result in zip(wanted, results, strict=True):
            if isinstance(result, Reading):
                found[place] = result
        self._report_refused([one for one in results if isinstance(one, str)], tally)
        self._report_faults()
        say(
            f"{self.settings.model} was asked {tally.asked:,} times about {len(wanted):,} answers; "
            f"{tally.from_ledger:,} replies were in {self.ledger}"
        )
        return list(found.values())

    async def _read_one(self, chat: Chat, answer: Prediction, known: Reading) -> Reading:
        if known.word is not None:
            label = await self.extractor.group(chat, known.word)
            return Reading(label, "llm", known.word, known.two_emotions)
        answer = lettered(answer)
        options = answer.options or OPTIONS
        table = self.rules.table
        proper = answer_proper(answer.text, form=answer.form, options=options, table=table)
        if proper is None:
            return UNREAD
        reading = await self.extractor.read(chat, proper, answer.form, options, label=answer.id)
        return reading or UNREAD

    def _report_refused(self, refused: Sequence[str], tally: RequestTally) -> None:
        """Notes the refusals, given their reasons.

        Raises: `WhyserError` if the endpoint refused everything.
        """
        if not refused:
            return
        if not tally.answered + tally.from_ledger:
            why = f"{len(refused):,} answers were not read, as {refused[0]}"
            raise unfinished(why, self.ledger)
        say(f"note: {len(refused):,} answers count as misses, as {refused[0]}")

    def _report_faults(self) -> None:
        """Notes the replies that were not the JSON that was asked for."""
        faults = self.extractor.faults
        if faults:
            reasons = ", ".join(f"{reason}: {count:,}" for reason, count in faults.most_common())
            say(
                f"note: {faults.total():,} replies of {self.settings.model} were not as asked "
                f"({reasons}); an answer without a usable reply stays unread"
            )
            faults.clear()


class HybridReader(ModelReader):
    """The rules read; the model reads what they leave unread, and words that the lexicon lacks."""

    @property
    def version(self) -> str:
        return f"hybrid-{RULES_VERSION}.{EXTRACTION_VERSION}+{self._named()}"

    def read(self, answers: Sequence[Prediction]) -> list[Reading]:
        return self._ask(answers, dict(enumerate(self.rules.read(answers))))


def is_unknown(reading: Reading, table: Lexicon) -> bool:
    """Whether the answer names an emotion by a word that the lexicon lacks."""
    is_word = reading.label == OTHER and reading.stage in {"tag", "sentence"}
    return is_word and reading.word is not None and not table.knows(reading.word)
