"""One run of the listening teacher: it selects utterances, writes rationales and prints rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

from whyser.chat import Chat, ChatSettings, ask_in_order, ledger_of, print_estimate
from whyser.evidence.cues import Cues, read_cues
from whyser.io.console import print_table, say
from whyser.io.errors import InputError, WhyserError
from whyser.io.files import atomic_path
from whyser.records.corpus import Corpus
from whyser.records.draws import ORDER, drawn
from whyser.records.utterance import Utterance
from whyser.teacher.lesson import Lesson
from whyser.teacher.listening import Taught, build_request, teach, teachable, without_answer
from whyser.teacher.outcome import Outcome
from whyser.teacher.rationale import Labels
from whyser.teacher.wanted import read_ids, report_absent


@dataclass
class TeacherSession:
    """The utterances of one split, and the lesson for them.

    They are taught in the order of the training rows, which is drawn from their ids: what is taught
    first is trained on first.

    Args: `utterances` and `cues` are files, one per corpus. `ids` is a file with one id per line
    that restricts the utterances. With `enough`, teaching ends when so many utterances have a
    rationale that is kept.

    Raises: `InputError` for a split other than train, unless it is for a human study, or is dev
    for the evaluation loss; for a split without utterances, or a prompt that needs cues if there
    are none.
    """

    utterances: Sequence[Path]
    lesson: Lesson
    split: str = "train"
    is_for_study: bool = False
    is_for_loss: bool = False
    ids: Path | None = None
    cues: Sequence[Path] = ()
    max_samples: int | None = None
    enough: int | None = None
    labels: Labels = "majority"

    def __post_init__(self) -> None:
        is_for_loss = self.is_for_loss and self.split == "dev"
        if self.split != "train" and not (self.is_for_study or is_for_loss):
            raise InputError(
                f"rationales for split {self.split!r} are refused",
                cure="They are written from the labels, so they are for training data only; for a "
                "human study, which trains nothing, add --reference-for-study; for the evaluation "
                "loss of a training, take the dev split and add --for-evaluation-loss.",
            )
        if len(self.corpora) < len(self.utterances):
            raise InputError("two files are of one corpus", cure="Give a file for each corpus.")
        if self.lesson.needs_cues and not self.cues:
            raise InputError(
                "the prompt needs measured cues",
                cure="Give --cues FILE (whyser-teach cues writes it).",
            )
        if not self.count:
            among = f" among the ids in {self.ids}" if self.ids else ""
            raise InputError(
                f"no utterance of split {self.split!r} with a class and a transcript{among}",
                file=self.utterances[0],
                cure="Check --split; corpus.json in the same folder lists the splits.",
            )

    @cached_property
    def corpora(self) -> dict[str, Corpus]:
        """Name -> corpus."""
        corpora = map(Corpus, self.utterances)
        return {corpus.card.corpus: corpus for corpus in corpora}

    @property
    def count(self) -> int:
        return len(self._items)

    @cached_property
    def _cues(self) -> dict[str, Cues]:
        return {one.id: one for path in self.cues for one in read_cues(path)}

    @cached_property
    def _items(self) -> list[Utterance]:
        everything = chain.from_iterable(one.utterances() for one in self.corpora.values())
        chosen = teachable(everything, self.split, self.labels)
        ids = self._wanted
        wanted = [one for one in chosen if ids is None or one.id in ids]
        wanted.sort(key=lambda one: drawn(0, ORDER, one.id))
        return wanted[: self.max_samples]

    @cached_property
    def _wanted(self) -> frozenset[str] | None:
        return read_ids(self.ids)

    def _sound(self, utterance: Utterance) -> Path | None:
        return None if self.lesson.audio == "none" else self._heard(utterance)

    def _heard(self, utterance: Utterance) -> Path:
        return self.corpora[utterance.corpus].audio_path(utterance)

    def print_estimate(self, settings: ChatSettings, output: Path) -> None:
        """Prints what the run would still ask, with one answer per utterance; it asks nothing."""
        requests = (
            build_request(one, self._sound(one), self._cues.get(one.id), self.lesson, 0)
            for one in self._items
        )
        print_estimate("Dry run, each utterance answered once", requests, settings, output)
        say(f"a rejected rationale is asked for again, up to {self.lesson.attempts} times in all")

    def run(self, settings: ChatSettings, output: Path) -> None:
        """Asks about all utterances, writes the rationales in their order and prints the rates.

        Raises: `SystemExit` with 130 if Ctrl-C ended the run, `WhyserError` if a limit did.
        """
        if not self.cues:
            say("note: without --cues, claims about the sound are not checked")
        report_absent(self.ids, self._items)
        outcome, explained = Outcome(), set[str]()
        with atomic_path(output) as temporary, temporary.open("w", encoding="utf-8") as stream:

            def write(utterance: Utterance, result: Taught | WhyserError) -> None:
                if isinstance(result, WhyserError):
                    say(f"problem: {utterance.id}: {result}")
                    result = without_answer(utterance, self.lesson, settings.model)
                rationale = result.rationale
                stream.write(rationale.model_dump_json() + "\n")
                outcome.add(utterance.corpus, utterance.emotion, rationale, result.inspections)
                if rationale.kept:
                    explained.add(utterance.id)

            ask_in_order(
                self._items,
                self._work,
                settings,
                ledger_of(output),
                write=write,
                total=self.count,
                description="Teaching",
                is_enough=lambda: self.enough is not None and len(explained) >= self.enough,
            )
        counts = outcome.whole
        title = f"{counts['kept']:,} of {counts['rationales']:,} rationales kept -> {output}"
        print_table(title, Outcome.RATE_COLUMNS, outcome.rates_rows())
        columns, faults = outcome.fault_table()
        if faults:
            print_table("Faults, as shares of the answers", columns, faults)
        for example in outcome.examples.values():
            say(f"dropped: {example}")

    async def _work(self, chat: Chat, utterance: Utterance) -> Taught:
        cues = self._cues.get(utterance.id)
        return await teach(chat, utterance, self._sound(utterance), cues, self.lesson)
