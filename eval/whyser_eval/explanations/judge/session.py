"""One judge asked about pairs: all is answered, or nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from whyser.chat import Chat, ChatError, ChatSettings, ask_all, ledger_of
from whyser.chat import print_estimate as print_requests
from whyser.io.console import say
from whyser.io.errors import WhyserError
from whyser_eval.explanations.judge.answers import (
    Asked,
    Files,
    JudgedPair,
    Rated,
    Reply,
    judged_pair,
    rated,
    refusals,
    write_answers,
)
from whyser_eval.explanations.judge.material import Material, check_sounds, keep
from whyser_eval.explanations.judge.questions import Manner, PairQuestion, Question, questions
from whyser_eval.explanations.judge.record import Record
from whyser_eval.explanations.pairs import pairs_hash


@dataclass
class Session:
    """A judge, the pairs, and how it is asked.

    Args:
        rubric: Rate every explanation too.
        seed: That of the pairs, for the record.
    """

    material: Material
    manner: Manner
    files: Files
    rubric: bool = True
    seed: int = 0
    _refused: dict[str, Asked] = field(default_factory=dict)

    def print_estimate(self, settings: ChatSettings) -> None:
        """What the run would still ask; nothing is asked.

        Raises: `BadInput` for sounds that are not there.
        """
        if self.manner.hears:
            check_sounds(self.material.pairs)
        print_requests(
            f"Dry run of {settings.model} as judge of {len(self.material.pairs):,} pairs",
            map(self.manner.request, self._questions),
            settings,
            self.files.base,
        )

    @property
    def _questions(self) -> list[Question]:
        return questions(self.material.pairs, rubric=self.rubric)

    def run(self, settings: ChatSettings) -> None:
        """Asks all and writes pairs, verdicts, ratings and the record.

        Raises: `SystemExit` with 130 when Ctrl-C ended it, `WhyserError` when anything else did but
        that the endpoint refused single questions, and what `run_all` raises.
        """
        pairs = keep(self.material, self.files.folder)
        record = Record(
            settings.model,
            self.manner,
            pairs_hash(self.material.pairs),
            self.seed,
            self.rubric,
            self.material.as_json(),
        )
        record.write(settings, self.files, pairs)
        self._ask(settings)
        replace(record, is_finished=True).write(settings, self.files, pairs)

    def _ask(self, settings: ChatSettings) -> None:
        self._refused = refusals(self.files)
        asked = self._questions
        replies, tally = ask_all(
            asked,
            self._work,
            settings,
            ledger_of(self.files.base),
            description="Judging",
            undone="questions were not answered",
        )
        self._tell_refused(replies)
        self._write(asked, replies)
        say(
            f"{settings.model} was asked {tally.asked:,} times for {len(asked):,} judgements; "
            f"{tally.from_ledger:,} replies were in {ledger_of(self.files.base)}"
        )

    async def _work(self, chat: Chat, question: Question) -> Reply:
        request = self.manner.request(question)
        key = chat.key(request)
        if key in self._refused:
            return Reply(self._refused[key])
        try:
            reply = await chat.ask(request, label=question.label)
        except ChatError as error:
            if not (error.is_refusal or error.is_empty):
                raise
            return Reply(_refusal(error, key, chat.settings.model))
        time = chat.ledger.entry(key).time
        asked = Asked(reply=reply.text, fault=None, model=reply.model, time=time, request=key)
        return Reply(asked, is_cut=reply.finish_reason == "length")

    def _tell_refused(self, replies: Sequence[Reply]) -> None:
        """Raises: `WhyserError` where the endpoint refused everything."""
        refused = [one.asked.fault for one in replies if one.asked.reply is None]
        if refused and len(refused) == len(replies):
            cure = " If it knows no JSON schema, say --no-schema." if self.manner.schema else ""
            raise WhyserError(f"the judge answered nothing; the first {refused[0]}{cure}")
        if refused:
            say(f"note: {len(refused):,} questions count as unreadable; the first {refused[0]}")

    def _write(self, asked: Sequence[Question], replies: Sequence[Reply]) -> None:
        hears = self.manner.hears
        verdicts: list[JudgedPair] = []
        ratings: list[Rated] = []
        for question, reply in zip(asked, replies, strict=True):
            prompt = self.manner.prompt(question).hash
            if isinstance(question, PairQuestion):
                verdicts.append(judged_pair(question, reply, prompt, hears=hears))
            else:
                ratings.append(rated(question, reply, prompt, hears=hears))
        write_answers(self.files.verdicts, verdicts)
        if self.rubric:
            write_answers(self.files.ratings, ratings)


def _refusal(error: ChatError, key: str, model: str) -> Asked:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Asked(reply=None, fault=f"refused: {error.what}", model=model, time=now, request=key)
