"""One run of the listening teacher: which utterances, what is written, what is told at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from whyser.chat import Chat, ChatSettings, ask_in_order, ledger_of, print_estimate
from whyser.evidence.cues import Cues, read_cues
from whyser.io.console import print_table, say
from whyser.io.errors import InputError, WhyserError
from whyser.io.files import atomic_path
from whyser.records.corpus import Corpus
from whyser.records.utterance import Utterance
from whyser.teacher.lesson import Lesson
from whyser.teacher.listening import Taught, build_request, teach, teachable, without_answer
from whyser.teacher.outcome import Outcome
from whyser.teacher.rationale import Labels
from whyser.teacher.wanted import is_wanted, tell_absent


@dataclass
class TeacherSession:
    """Utterances of one split of one corpus, taught under one lesson.

    Args: `ids`, a file with an id a line: no other utterance is taught. Ids of other corpora may
    stand in it too.

    Raises: `InputError` for another split than train outside a human study, a split without
    utterances, and a prompt that tells cues without a file of them.
    """

    utterances: Path
    lesson: Lesson
    split: str = "train"
    is_for_study: bool = False
    ids: Path | None = None
    cues: Path | None = None
    max_samples: int | None = None
    labels: Labels = "majority"

    def __post_init__(self) -> None:
        if self.split != "train" and not self.is_for_study:
            raise InputError(
                f"rationales for split {self.split!r}",
                cure="They are made from the labels, so for training data only; for a human "
                "study, which trains nothing, add --reference-for-study.",
            )
        if self.lesson.needs_cues and self.cues is None:
            raise InputError(
                "the prompt tells what was measured, and nothing was",
                cure="Give --cues FILE (whyser-teach cues writes it).",
            )
        if not self.count:
            among = f" among those of {self.ids}" if self.ids else ""
            raise InputError(
                f"no utterance of split {self.split!r} with a class and a transcript{among}",
                file=self.utterances,
                cure="corpus.json beside it lists the splits.",
            )

    @cached_property
    def corpus(self) -> Corpus:
        return Corpus(self.utterances)

    @cached_property
    def count(self) -> int:
        return sum(1 for _ in self._items())

    @cached_property
    def _cues(self) -> dict[str, Cues]:
        return {one.id: one for one in read_cues(self.cues)} if self.cues else {}

    def _items(self) -> Iterator[Utterance]:
        chosen = teachable(self.corpus.utterances(), self.split, self.labels)
        return islice(filter(self._is_wanted, chosen), self.max_samples)

    @cached_property
    def _is_wanted(self) -> Callable[[Utterance], bool]:
        return is_wanted(self.ids)

    def _sound(self, utterance: Utterance) -> Path | None:
        return None if self.lesson.audio == "none" else self.corpus.audio_path(utterance)

    def print_estimate(self, settings: ChatSettings, output: Path) -> None:
        """What the run would still ask, one answer an utterance; nothing is asked."""
        requests = (
            build_request(one, self._sound(one), self._cues.get(one.id), self.lesson, 0)
            for one in self._items()
        )
        print_estimate("Dry run, each utterance answered once", requests, settings, output)
        say(f"a faulty rationale is asked for anew, up to {self.lesson.attempts} times in all")

    def run(self, settings: ChatSettings, output: Path) -> None:
        """Teaches all, writes the rationales in the utterances' order, prints the rates.

        Raises: `SystemExit` with 130 when Ctrl-C ended it, `WhyserError` when a limit did.
        """
        if not self.cues:
            say("note: no --cues: claims about the sound are not checked against it")
        tell_absent(self.ids, self._items())
        outcome = Outcome()
        with atomic_path(output) as temporary, temporary.open("w", encoding="utf-8") as stream:

            def write(utterance: Utterance, result: Taught | WhyserError) -> None:
                if isinstance(result, WhyserError):
                    say(f"problem: {utterance.id}: {result}")
                    result = without_answer(utterance, self.lesson, settings.model, "no answer")
                rationale = result.rationale
                stream.write(rationale.model_dump_json() + "\n")
                outcome.add(utterance.corpus, utterance.emotion, rationale, result.inspections)

            ask_in_order(
                self._items(),
                self._work,
                settings,
                ledger_of(output),
                write=write,
                total=self.count,
                description="Teaching",
            )
        self._tell(outcome, output)

    async def _work(self, chat: Chat, utterance: Utterance) -> Taught:
        cues = self._cues.get(utterance.id)
        return await teach(chat, utterance, self._sound(utterance), cues, self.lesson)

    def _tell(self, outcome: Outcome, output: Path) -> None:
        title = f"{outcome.kept:,} of {outcome.total:,} rationales kept -> {output}"
        print_table(title, Outcome.RATE_COLUMNS, outcome.rates_rows())
        if faults := list(outcome.fault_rows()):
            print_table("Faults, as shares of the answers", outcome.fault_columns(), faults)
        for examples in outcome.examples.values():
            for example in examples:
                say(f"dropped: {example}")
