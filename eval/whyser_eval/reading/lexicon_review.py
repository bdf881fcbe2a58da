"""Words that the lexicon lacks: collected, classed by a model, reviewed by a person, frozen.

`group` writes a table to review; `freeze` writes a lexicon with the words that a person accepted.
No word enters a lexicon without review, and the lexicon's hash is part of every signature.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whyser.chat import Chat, ChatSettings, run_all
from whyser.io.console import say
from whyser.io.errors import InputError, Problems, WhyserError
from whyser.io.files import read_jsonl, read_text, write_text
from whyser.io.text import inert, read_cells
from whyser.labels.classes import Label, find
from whyser.labels.lexicon import COLUMNS, Lexicon, check_row, check_table, shipped_table, words_of
from whyser.records.predictions import read_predictions
from whyser_eval.reading.extraction import Extractor
from whyser_eval.reading.readers import Reader
from whyser_eval.reading.rules import Reading

#: The columns of a review: those of the lexicon, two that help a person, and the verdict.
REVIEW_COLUMNS = (*COLUMNS, "count", "example", "accepted")

#: Characters of an answer that a reviewer sees.
EXCERPT = 160


@dataclass(frozen=True)
class UnknownWord:
    """A word that answers use for the emotion, its frequency, and the first such answer."""

    word: str
    count: int
    example: str


def unknown_words(read: Iterable[tuple[Reading, str]], table: Lexicon) -> list[UnknownWord]:
    """Words of (reading, answer) pairs that the lexicon lacks, the most frequent first.

    >>> from whyser.labels.lexicon import lexicon
    >>> zesty = Reading("other", "tag", "zesty"), "<answer>Zesty</answer>"
    >>> unknown_words([zesty, zesty, (Reading("sad", "tag", "sad"), "sad")], lexicon())
    [UnknownWord(word='zesty', count=2, example='<answer>Zesty</answer>')]
    """
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for reading, text in read:
        # A letter is no word, and the lexicon has every word that its own stage reads.
        if reading.word is None or reading.stage not in {"tag", "sentence", "llm"}:
            continue
        word = " ".join(words_of(reading.word))
        if len(word) > 1 and not table.knows(word):
            counts[word] += 1
            examples.setdefault(word, _excerpt(text))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return [UnknownWord(word, counts[word], examples[word]) for word in ranked]


def _excerpt(text: str) -> str:
    line = " ".join(text[: 4 * EXCERPT].split())[:EXCERPT]
    return "".join(mark for mark in line if mark.isprintable())


def read_answers(paths: Sequence[Path], reader: Reader) -> Iterator[tuple[Reading, str]]:
    """Answers of predictions files, read now, and of samples.jsonl files, with their readings.

    Raises: `InputError` for a file that is neither.
    """
    for path in paths:
        first = next(read_jsonl(path), None)
        if first is None:
            raise InputError("holds no answers", file=path, cure="Run the step that writes it.")
        if "stage" in first[1]:
            yield from _samples(path)
        else:
            answers = [answer for _, answer in read_predictions(path)]
            yield from zip(reader.read(answers), (one.text for one in answers), strict=True)


def _samples(path: Path) -> Iterator[tuple[Reading, str]]:
    for line, row in read_jsonl(path):
        try:
            yield Reading(row["prediction"], row["stage"], row["word"]), row["text"]
        except KeyError as key:
            cure = "Give the file that whyser-eval score wrote."
            fault = f"no {key} in a line of samples.jsonl"
            raise InputError(fault, file=path, line=line, cure=cure) from None


# To review


def proposals(
    words: Sequence[UnknownWord], extractor: Extractor, settings: ChatSettings, ledger: Path
) -> dict[str, tuple[Label, str]]:
    """The class that a model gives each word, and its reason; words without a class are absent.

    Raises: `EndpointError`, `WhyserError` when a limit ended the run, `SystemExit` after Ctrl-C.
    """
    found: dict[str, tuple[Label, str]] = {}

    def keep(word: str, result: tuple[Label, str] | WhyserError | None) -> None:
        if isinstance(result, WhyserError):
            say(f"note: no class for {word!r}: {result}")
        elif result is not None:
            found[word] = result

    async def work(chat: Chat, word: str) -> tuple[Label, str] | None:
        return await extractor.propose(chat, word)

    asked = [one.word for one in words]
    tally = run_all(
        asked, work, settings, ledger, on_result=keep, total=len(asked), description="Grouping"
    )
    if tally.interrupted:
        raise SystemExit(130)
    if tally.stopped:
        raise WhyserError(f"{tally.stopped}. Run the same command again to continue.")
    return found


def write_review(
    words: Sequence[UnknownWord], proposed: Mapping[str, tuple[Label, str]], path: Path
) -> None:
    """Writes one row for each word: `use` has the safest value, a person fills in `accepted`."""
    rows = []
    for one in words:
        label, reason = proposed.get(one.word, ("", ""))
        cells = (one.word, label, "statement", "", reason, str(one.count), one.example, "")
        rows.append([inert(cell) for cell in cells])
    _write_table(rows, REVIEW_COLUMNS, path)


# To freeze


def freeze(reviews: Sequence[Path], output: Path, *, base: Path | None = None) -> int:
    """Writes the base table (by default the shipped one) and all accepted rows; returns how many.

    Raises: `BadInput` with every row that is not reviewed, that lacks its class, use or reason,
    that is a duplicate, or that the base table has; then nothing is written.
    """
    table = check_table(read_text(base) if base else shipped_table(), base or "the shipped table")
    known = {words_of(row["word"]): f"the table has it as {row['class']}" for row in table}
    reviewed: dict[tuple[str, ...], str] = {}
    problems = Problems("the review")
    accepted = []
    for review in reviews:
        for line, row in _review_rows(review):
            try:
                _refuse_duplicate(row["word"], reviewed)
                reviewed[words_of(row["word"])] = f"first in {review}:{line}"
                if _is_accepted(row):
                    check_row(row)
                    _refuse_duplicate(row["word"], known)
                    accepted.append(row)
            except InputError as problem:
                problems.add(problem.at(review, line))
    problems.raise_any()
    _write_table([*table, *accepted], COLUMNS, output)
    return len(accepted)


def _review_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    header, table = read_cells(read_text(path), path)
    if missing := {*COLUMNS, "accepted"} - set(header):
        raise InputError(
            f"no column {', '.join(sorted(missing))}",
            file=path,
            line=1,
            cure="Give the file that whyser-eval group wrote.",
        )
    for line, row in table:
        yield line, {name: row[name] for name in (*COLUMNS, "accepted")}


def _is_accepted(row: Mapping[str, str]) -> bool:
    verdict = row["accepted"].strip().lower()
    if verdict not in {"yes", "no"}:
        raise InputError(
            f"{row['word']!r} is not reviewed: accepted is {row['accepted']!r}",
            cure="Write yes or no.",
        )
    return verdict == "yes"


def _refuse_duplicate(word: str, known: Mapping[tuple[str, ...], str]) -> None:
    place = "it names a class" if find(word) else known.get(words_of(word))
    if place:
        raise InputError(f"duplicate word {word!r}: {place}", cure="Keep one row per word.")


def _write_table(rows: Sequence[Any], columns: Sequence[str], path: Path) -> None:
    """Writes rows that are mappings or lists as CSV with these columns."""
    import pandas as pd

    table = pd.DataFrame(rows, columns=list(columns))
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
