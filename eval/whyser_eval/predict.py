"""Asks an endpoint about every utterance of a test set: `predictions.jsonl`, and how it came about.

Every answer is in the ledger beside the output before it counts, so a run that was killed goes on
where it was. The output appears whole or not at all: an utterance that the endpoint refused to
answer is an error, unless failures were accepted, which makes it a miss like any unreadable answer.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from whyser import audio
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
from whyser.console import print_table, say
from whyser.corpus import Corpus
from whyser.derangement import derangement
from whyser.errors import InputError, WhyserError
from whyser.files import atomic_path
from whyser.prompts import OPTIONS
from whyser.utterance import Utterance
from whyser_eval.predict_plan import Plan
from whyser_eval.predict_probabilities import (
    continuation,
    decision,
    label_probabilities,
)
from whyser_eval.predict_record import Record, check_unchanged
from whyser_eval.predict_template import Seen, Template, ask_template, check_template
from whyser_eval.predictions import Prediction, prediction_line

#: Problems shown; all are counted.
SHOWN = 10


@dataclass(frozen=True)
class Item:
    """One question about one utterance."""

    corpus: Corpus
    utterance: Utterance
    variant: int


@dataclass(frozen=True)
class Answer:
    """What came of a question, and how many of its samples ended at the limit of tokens."""

    prediction: Prediction
    cut: int = 0


@dataclass
class Session:
    """A system that is asked about one split of each corpus under one plan.

    Args:
        name: The system, as tables call it.
        output: The predictions' file; ledger, provenance and silence are written beside it.
        split: None for the one test split that each corpus has.
        max_samples: Only the first utterances.
        everything: Ask also about utterances without a consensus among the eight classes.
        probabilities: Ask for those of the labels too.
        template: What the server was started with; held against what it tells.
        accepts_failures: Write an empty answer where the endpoint gave none.
    """

    corpora: Sequence[Corpus]
    plan: Plan
    name: str
    output: Path
    split: str | None = None
    max_samples: int | None = None
    everything: bool = False
    probabilities: bool = False
    template: Template | None = None
    accepts_failures: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    # ---- what is asked ----------------------------------------------------------------------

    @cached_property
    def _chosen(self) -> list[tuple[Corpus, Utterance]]:
        """Of all corpora, before `max_samples`.

        Raises: `InputError` for a corpus without utterances to ask about, or with several test
        splits and none named.
        """
        found = []
        for corpus in self.corpora:
            utterances = list(corpus.utterances())
            split = self.split or _test_split(corpus, {one.split for one in utterances})
            own = [
                (corpus, one)
                for one in utterances
                if one.split == split and (self.everything or one.is_scored)
            ]
            if not own:
                raise InputError(
                    f"no utterance of split {split!r} to ask about",
                    file=corpus.path,
                    cure="corpus.json beside it lists the splits and their labels.",
                )
            found += own
        return found

    @cached_property
    def _heard(self) -> dict[str, Path]:
        """The sounds under the shuffled control, drawn over the whole split."""
        sounds = {one.id: corpus.audio_path(one) for corpus, one in self._chosen}
        swapped = dict(derangement(sounds, random.Random(self.plan.decoding.seed)))
        if alone := sounds.keys() - swapped.keys():
            raise InputError(
                f"{min(alone)} is the only utterance of its corpus and split, nothing to shuffle "
                "its sound with"
            )
        return {id_: sounds[other] for id_, other in swapped.items()}

    def _items(self) -> Iterator[Item]:
        for corpus, utterance in islice(self._chosen, self.max_samples):
            for variant in range(len(self.plan.questions)):
                yield Item(corpus, utterance, variant)

    def _request(self, item: Item, sample: int = 0) -> Request:
        sound = self._sound(item.corpus, item.utterance)
        return self.plan.request(item.utterance, sound, item.variant, sample)

    def _sound(self, corpus: Corpus, utterance: Utterance) -> Path | None:
        """What is heard; None where the words are told instead."""
        if self.plan.control == "transcript":
            return None
        if self.plan.control == "shuffled":
            return self._heard[utterance.id]
        own = corpus.audio_path(utterance)
        if self.plan.control == "silence":
            return audio.silence(audio.probe(own).duration, self.output.with_suffix(".silence"))
        return own

    @cached_property
    def count(self) -> int:
        utterances = min(len(self._chosen), self.max_samples or len(self._chosen))
        return utterances * len(self.plan.questions)

    def _check_transcripts(self) -> None:
        if self.plan.control == "transcript" and not any(one.transcript for _, one in self._chosen):
            raise InputError(
                "no utterance of this split has a transcript",
                file=self.corpora[0].path,
                cure="Leave --control transcript out.",
            )

    # ---- asking -----------------------------------------------------------------------------

    def print_estimate(self, settings: ChatSettings) -> None:
        """What the run would still ask; nothing is asked."""
        self._check_transcripts()
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
        self._check_transcripts()
        record = Record(
            self.name, self.plan, self._template_seen(settings), self.template, self.count
        )
        record.write(settings, self.corpora, self.output)
        problems: list[str] = []
        output, ledger = self.output, ledger_of(self.output)
        with atomic_path(output) as temporary, temporary.open("w", encoding="utf-8") as stream:

            def write(item: Item, result: Answer | WhyserError) -> None:
                if isinstance(result, WhyserError):
                    problems.append(f"{item.utterance.id}: {result}")
                    result = Answer(self._prediction(item, [""]))
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
        finished.write(settings, self.corpora, output)
        print_table(f"{self.count:,} predictions -> {output}", ["what", "count"], self._rows())

    async def _work(self, chat: Chat, item: Item) -> Answer:
        replies = []
        for sample in range(self.plan.decoding.samples):
            request = self._request(item, sample)
            replies.append(await chat.ask(request, label=self._label(item, sample)))
        prediction = self._prediction(item, [reply.text for reply in replies])
        if self.probabilities:
            found = await self._weigh(chat, item, replies[0])
            prediction = prediction.model_copy(update={"probabilities": found})
        return Answer(prediction, sum(reply.finish_reason == "length" for reply in replies))

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
        return f"{item.utterance.id}#{item.variant}.{sample}"

    def _prediction(self, item: Item, texts: Sequence[str]) -> Prediction:
        question = self.plan.questions[item.variant]
        return Prediction(
            id=item.utterance.id,
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
        yield "utterances", f"{self.count // len(self.plan.questions):,}"
        yield "wordings or orders of each", f"{len(self.plan.questions):,}"
        yield "samples of each", f"{decoding.samples:,}"
        yield f"cut off at {decoding.max_tokens:,} tokens", f"{self.counts['cut']:,}"
        yield "not answered", f"{self.counts['failed']:,}"
        if self.probabilities:
            yield "without probabilities", f"{self.counts['unknown']:,}"


def _test_split(corpus: Corpus, splits: set[str]) -> str:
    tests = sorted(split for split in splits if split.startswith("test"))
    if len(tests) == 1:
        return tests[0]
    what = f"has the test splits {', '.join(tests)}" if tests else "has no test split"
    raise InputError(what, file=corpus.path, cure=f"Give --split, one of {sorted(splits)}.")
