"""Asks an endpoint about every utterance of a test set: `predictions.jsonl`, and how it came about.

Every answer is in the ledger beside the output before it counts, so a run that was killed goes on
where it was. The output appears whole or not at all: an utterance that the endpoint refused to
answer is an error, unless failures were accepted, which makes it a miss like any unreadable answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from whyser.chat import (
    Chat,
    ChatSettings,
    EndpointError,
    Reply,
    Request,
    ask_in_order,
    ledger_of,
    print_estimate,
)
from whyser.io.console import print_table, say
from whyser.io.errors import InputError, WhyserError
from whyser.io.files import atomic_path
from whyser.prompting.prompts import OPTIONS
from whyser.records.corpus import Clip
from whyser.records.predictions import Prediction, prediction_line
from whyser_eval.answers.predict.clips import Clips
from whyser_eval.answers.predict.plan import Plan
from whyser_eval.answers.predict.probabilities import continuation, decision, label_probabilities
from whyser_eval.answers.predict.record import Record, check_unchanged
from whyser_eval.answers.predict.template import Seen, Template, ask_template, check_template

#: Problems shown; all are counted.
SHOWN = 10


@dataclass(frozen=True)
class Item:
    """One question about one utterance."""

    clip: Clip
    variant: int

    @property
    def id(self) -> str:
        return self.clip.id


@dataclass(frozen=True)
class PredictedAnswer:
    """What came of a question, and how many of its samples ended at the limit of tokens."""

    prediction: Prediction
    cut: int = 0


@dataclass
class Session:
    """A system that is asked about clips under one plan.

    Args:
        name: The system, as tables call it.
        output: The predictions' file; ledger and record are written beside it.
        probabilities: Ask for those of the labels too.
        template: What the server was started with; held against what it tells.
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

    # ---- asking -----------------------------------------------------------------------------

    def print_estimate(self, settings: ChatSettings) -> None:
        """What the run would still ask; nothing is asked."""
        requests = (
            self._request(item, sample)
            for item in self._items()
            for sample in range(self.plan.decoding.samples)
        )
        print_estimate(f"Dry run of {self.name}", requests, settings, self.output)
        if self.probabilities:
            say("each answer that can be read is asked a second time, for its probabilities")

    def run(self, settings: ChatSettings) -> None:
        """Asks all, writes predictions and provenance, prints what was counted.

        Raises: `SystemExit` with 130 when Ctrl-C ended it; `WhyserError` when a limit did, and for
        utterances that were not answered.
        """
        record = Record(
            self.name, self.plan, self._template_seen(settings), self.template, self.count
        )
        record.write(settings, self.clips.corpora, self.output)
        problems: list[str] = []
        output, ledger = self.output, ledger_of(self.output)
        with atomic_path(output) as temporary, temporary.open("w", encoding="utf-8") as stream:

            def write(item: Item, result: PredictedAnswer | WhyserError) -> None:
                if isinstance(result, WhyserError):
                    problems.append(f"{item.id}: {result}")
                    result = PredictedAnswer(self._prediction(item, [""]))
                self.counts["cut"] += result.cut
                self.counts["unknown"] += result.prediction.probabilities is None
                stream.write(prediction_line(result.prediction) + "\n")

            ask_in_order(
                self._items(),
                self._work,
                settings,
                ledger,
                write=write,
                total=self.count,
                description=f"Asking {self.name}",
            )
            self._tell(problems, ledger)
        finished = replace(record, is_finished=True, not_answered=self.counts["failed"])
        finished.write(settings, self.clips.corpora, output)
        print_table(f"{self.count:,} predictions -> {output}", ["what", "count"], self._rows())

    async def _work(self, chat: Chat, item: Item) -> PredictedAnswer:
        replies = []
        for sample in range(self.plan.decoding.samples):
            request = self._request(item, sample)
            replies.append(await chat.ask(request, label=self._label(item, sample)))
        prediction = self._prediction(item, [reply.text for reply in replies])
        if self.probabilities:
            found = await self._weigh(chat, item, replies[0])
            prediction = prediction.model_copy(update={"probabilities": found})
        return PredictedAnswer(
            prediction, sum(reply.finish_reason == "length" for reply in replies)
        )

    async def _weigh(self, chat: Chat, item: Item, reply: Reply) -> dict[Any, float] | None:
        """The labels' probabilities at the answer's decision."""
        question = self.plan.questions[item.variant]
        decided = decision(reply.text, question)
        if decided is None:
            return None
        request = continuation(self._request(item), decided)
        going_on = await chat.ask(request, label=f"{self._label(item, 0)}?")
        if not going_on.tokens:
            error = EndpointError(
                f"{chat.settings.address} gives no log-probabilities of tokens",
                kind="no log-probabilities",
                status=None,
                cure="Leave --probabilities out, or ask a server that does, such as vllm serve.",
            )
            chat.end_with(error)
            raise error
        return label_probabilities(going_on.tokens, decided, question)

    @staticmethod
    def _label(item: Item, sample: int) -> str:
        return f"{item.id}#{item.variant}.{sample}"

    def _prediction(self, item: Item, texts: Sequence[str]) -> Prediction:
        question = self.plan.questions[item.variant]
        return Prediction(
            id=item.id,
            form=question.form,
            prompt=question.hash,
            model=self.name,
            control=self.plan.control,
            variant=item.variant,
            options=() if question.options == OPTIONS else question.options,
            text=texts[0],
            samples=tuple(texts[1:]),
        )

    # ---- what is told -----------------------------------------------------------------------

    def _template_seen(self, settings: ChatSettings) -> Seen:
        """What the server makes of the first question.

        Raises: `InputError` where it is not what was said, or what an earlier run was answered in.
        """
        # The templates differ around a sound alone.
        if self.plan.control == "transcript":
            return Seen()
        try:
            request = self._request(next(self._items()))
        except InputError:
            return Seen()  # a clip that cannot be read is told of when its turn comes
        seen = ask_template(settings, request, self.plan.questions[0].text)
        check_template(self.template, seen.template, settings)
        check_unchanged(self.output, seen.template)
        return seen

    def _tell(self, problems: Sequence[str], ledger: Path) -> None:
        for problem in problems[:SHOWN]:
            say(f"problem: {problem}")
        if not problems:
            return
        told = f"{len(problems):,} of {self.count:,} questions were not answered"
        if not self.accepts_failures:
            raise WhyserError(
                f"{told}, so nothing is written; the other answers are in {ledger}. Run the same "
                "command again to ask these anew, or say --accept-failures to count them as misses."
            )
        self.counts["failed"] = len(problems)
        say(f"warning: {told}; they are written as empty answers, which score as misses")

    def _rows(self) -> Iterator[tuple[str, str]]:
        decoding = self.plan.decoding
        yield "utterances", f"{len(self.clips):,}"
        yield "wordings or orders of each", f"{len(self.plan.questions):,}"
        yield "samples of each", f"{decoding.samples:,}"
        yield f"cut off at {decoding.max_tokens:,} tokens", f"{self.counts['cut']:,}"
        yield "not answered", f"{self.counts['failed']:,}"
        if self.probabilities:
            yield "without probabilities", f"{self.counts['unknown']:,}"
