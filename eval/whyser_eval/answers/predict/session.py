"""Asks an endpoint about every utterance and writes `predictions.jsonl` with its provenance.

Every answer is kept in the output's ledger, so a run that was killed continues where it stopped.
The output is written whole or not at all. A question that the endpoint did not answer is an error,
unless failures are accepted: then its empty answer scores as a miss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from whyser.chat import (
    Chat,
    ChatSettings,
    EndpointError,
    Request,
    ask_in_order,
    ledger_of,
    print_estimate,
)
from whyser.io.console import print_table, say
from whyser.io.errors import InputError, WhyserError
from whyser.io.files import atomic_set
from whyser.prompting.prompts import OPTIONS, Template
from whyser.records.corpus import Clip
from whyser.records.predictions import Prediction, prediction_line
from whyser_eval.answers.predict.clips import Clips
from whyser_eval.answers.predict.plan import Plan
from whyser_eval.answers.predict.probabilities import continuation, decision, label_probabilities
from whyser_eval.answers.predict.record import Record, check_unchanged
from whyser_eval.answers.predict.template import Seen, ask_template, check_template

#: Problems shown; all are counted.
SHOWN = 10


@dataclass(frozen=True)
class Item:
    """One question about one utterance."""

    clip: Clip
    variant: int

    def label(self, sample: int) -> str:
        return f"{self.clip.id}#{self.variant}.{sample}"


@dataclass
class Session:
    """A system that is asked about clips under one plan.

    Args:
        name: The system's name in tables.
        output: The file of predictions; ledger and record are in its folder.
        probabilities: Ask for the labels' probabilities too.
        template: The prompt template that the server must use.
        accepts_failures: Write an empty answer where the endpoint gave none.
    """

    clips: Clips
    plan: Plan
    name: str
    output: Path
    probabilities: bool = False
    template: Template | None = None
    accepts_failures: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    #: Parameters that the endpoint refused, so that it answered without them.
    without: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        return len(self.clips) * len(self.plan.questions)

    def _items(self) -> Iterator[Item]:
        for clip in self.clips:
            for variant in range(len(self.plan.questions)):
                yield Item(clip, variant)

    def _request(self, item: Item, sample: int = 0) -> Request:
        sound = self.clips.sound(item.clip)
        return self.plan.request(item.clip.utterance, sound, item.variant, sample)

    def print_estimate(self, settings: ChatSettings) -> None:
        """Prints what the run would still ask; asks nothing."""
        requests = (
            self._request(item, sample)
            for item in self._items()
            for sample in range(self.plan.decoding.samples)
        )
        print_estimate(f"Dry run of {self.name}", requests, settings, self.output)
        if self.probabilities:
            say("each readable answer needs a second request, for its probabilities")

    def run(self, settings: ChatSettings) -> None:
        """Asks all questions, writes predictions and provenance, prints the counts.

        Raises: `SystemExit` with 130 after Ctrl-C; `WhyserError` when a limit ended the run, and
        for questions that were not answered.
        """
        record = Record(
            self.name, self.plan, self._template_seen(settings), self.template, self.count
        )
        # Predictions of an earlier run keep their record until these replace them.
        begun = ledger_of(self.output) if self.output.exists() else self.output
        record.write(settings, self.clips.corpora, begun)
        with atomic_set(self.output) as files:
            with files(self.output).open("w", encoding="utf-8") as stream:
                self._ask_all(settings, stream)
            finished = replace(
                record,
                is_finished=True,
                not_answered=self.counts["failed"],
                without=sorted(self.without),
            )
            finished.write(settings, self.clips.corpora, self.output, files)
        print_table(f"{self.count:,} predictions -> {self.output}", ["what", "count"], self._rows())

    def _ask_all(self, settings: ChatSettings, stream: TextIO) -> None:
        problems: list[str] = []
        ledger = ledger_of(self.output)

        def write(item: Item, result: Prediction | WhyserError) -> None:
            if isinstance(result, WhyserError):
                problems.append(f"{item.clip.id}: {result}")
                result = self._prediction(item, [""])
            self.counts["unknown"] += result.probabilities is None
            stream.write(prediction_line(result) + "\n")

        ask_in_order(
            self._items(),
            self._work,
            settings,
            ledger,
            write=write,
            total=self.count,
            description=f"Asking {self.name}",
        )
        self._report(problems, ledger)

    async def _work(self, chat: Chat, item: Item) -> Prediction:
        replies = []
        for sample in range(self.plan.decoding.samples):
            request = self._request(item, sample)
            replies.append(await chat.ask(request, label=item.label(sample)))
        prediction = self._prediction(item, [reply.text for reply in replies])
        if self.probabilities:
            found = await self._weigh(chat, item)
            prediction = prediction.model_copy(update={"probabilities": found})
        self.counts["cut"] += sum(reply.is_cut for reply in replies)
        self.without.update(*(reply.without for reply in replies))
        return prediction

    async def _weigh(self, chat: Chat, item: Item) -> dict[Any, float] | None:
        """The labels' probabilities where the answer decides."""
        question = self.plan.questions[item.variant]
        # The ledger has the answer with its thinking, on which what follows depends.
        answer = chat.ledger.entry(chat.key(self._request(item))).text
        decided = decision(answer, question)
        if decided is None:
            return None
        request = continuation(self._request(item), decided)
        continued = await chat.ask(request, label=f"{item.label(0)}?")
        if not continued.tokens:
            error = EndpointError(
                f"{chat.settings.address} gives no log-probabilities of tokens",
                kind="no log-probabilities",
                status=None,
                cure="Leave --probabilities out, or ask a server that gives them (vllm serve).",
            )
            chat.end_with(error)
            raise error
        return label_probabilities(continued.tokens, decided, question)

    def _prediction(self, item: Item, texts: Sequence[str]) -> Prediction:
        question = self.plan.questions[item.variant]
        return Prediction(
            id=item.clip.id,
            form=question.form,
            prompt=question.hash,
            model=self.name,
            control=self.plan.control,
            variant=item.variant,
            options=() if question.options == OPTIONS else question.options,
            text=texts[0],
            samples=tuple(texts[1:]),
        )

    def _template_seen(self, settings: ChatSettings) -> Seen:
        """The prompt that the server makes of the first question.

        Raises: `InputError` if its template is not the required one, or that of an earlier run.
        """
        # The templates differ only around a sound.
        if self.plan.control == "transcript":
            return Seen()
        try:
            request = self._request(next(self._items()))
        except InputError:
            return Seen()  # an unreadable clip is reported when its turn comes
        seen = ask_template(settings, request, self.plan.questions[0].text)
        check_template(self.template, seen.template, settings)
        check_unchanged(self.output, seen.template)
        return seen

    def _report(self, problems: Sequence[str], ledger: Path) -> None:
        for problem in problems[:SHOWN]:
            say(f"problem: {problem}")
        if not problems:
            return
        failed = f"{len(problems):,} of {self.count:,} questions were not answered"
        if not self.accepts_failures:
            raise WhyserError(
                f"{failed}, so nothing is written; the other answers are in {ledger}. Run the same "
                "command again to ask them anew, or give --accept-failures to count them as misses."
            )
        self.counts["failed"] = len(problems)
        say(f"warning: {failed}; they are written as empty answers, which score as misses")

    def _rows(self) -> Iterator[tuple[str, str]]:
        decoding = self.plan.decoding
        yield "utterances", f"{len(self.clips):,}"
        yield "wordings or orders of each", f"{len(self.plan.questions):,}"
        yield "samples of each", f"{decoding.samples:,}"
        yield f"cut off at {decoding.max_tokens:,} tokens", f"{self.counts['cut']:,}"
        yield "not answered", f"{self.counts['failed']:,}"
        if self.probabilities:
            yield "without probabilities", f"{self.counts['unknown']:,}"
