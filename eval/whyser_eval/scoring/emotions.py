"""The emotion of the words, or of the voice, of utterances: from a table, answers or transcripts.

A file is what its first line shows: predictions, or a table (CSV or JSON Lines) with a column `id`
and a column `words` or `voice`. The predictions are those of a system that got one of the two: one
that reads the transcript (the control `transcript`) says what the words say, and one that measures
the sound without words (`whyser-baseline cues`) says what the voice says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from whyser.io.errors import InputError, Problems, did_you_mean
from whyser.io.files import read_jsonl, read_lines, read_text
from whyser.io.text import read_cells
from whyser.labels.classes import CLASSES, OTHER, Label, find
from whyser.labels.lexicon import fold, lexicon
from whyser.records.predictions import listed
from whyser.records.utterance import Utterance
from whyser_eval.reading.mentions import find_mentions
from whyser_eval.reading.readers import Reader
from whyser_eval.scoring.systems import System, read_groups, systems_of

#: What the emotion is of, and the column that has it.
Side: TypeAlias = Literal["words", "voice"]

#: Line, id and emotion.
_Row: TypeAlias = tuple[int, str, object]

#: In place of a file: the emotion that each transcript names.
TRANSCRIPTS = "transcripts"

#: What a system got that says the emotion of the words, or of the voice.
_CONTROLS: Mapping[Side, str] = {"words": "transcript", "voice": "none"}

#: Maximum characters of a cell in an error.
_SHOWN = 60

#: Words with which the speaker says "I". In an answer they are the model's own, and are not read.
_OWN = re.compile(r"\b(?:(?:i|we) (?:am|are|was|were|feel|felt)|i'm|im|we're)\s")


@dataclass(frozen=True)
class NamedEmotions:
    """Emotions by the id of the utterance; None where none is named, or more than one.

    `source` says where they come from, in words; `system` is whose answers they are, if they are
    answers.
    """

    labels: Mapping[str, Label | None]
    source: str
    system: System | None = None


def emotions_of_transcripts(utterances: Iterable[Utterance]) -> NamedEmotions:
    """The one emotion that each transcript names, by the lexicon.

    A denied, asked or hypothetical emotion is not taken, and two emotions are none. Most
    transcripts name none: people rarely say what they feel.
    """
    found = {}
    for one in utterances:
        mentions = find_mentions(_OWN.sub("she is ", fold(one.transcript)))
        named = {mention.label for mention in mentions if mention.is_claimed}
        found[one.id] = named.pop() if len(named) == 1 else None
    return NamedEmotions(found, "transcripts")


def read_emotions(
    path: Path, side: Side, reader: Reader, *, only_columns: bool = False
) -> NamedEmotions | None:
    """The emotions that a file gives one side; None for a table without a column of that side.

    Args: `only_columns`, to give None for predictions too.

    Raises: `InputError` for a missing or broken file, for one without a column `id`, for answers of
    several systems, and `BadInput` with all labels that are unknown and ids that are duplicates.
    """
    found = _rows(path, side, reader, only_columns=only_columns)
    if found is None:
        return None
    rows, system = found
    problems, labels, lines = Problems(path), dict[str, Label | None](), dict[str, int]()
    for line, id_, name in rows:
        with problems.caught():
            if not id_ or id_ in lines:
                what = f"duplicate id {id_!r} (first in line {lines[id_]})" if id_ else "no id"
                cure = "Keep one row for each utterance, with its id."
                raise InputError(what, file=path, line=line, cure=cure)
            lines[id_] = line
            try:
                labels[id_] = _label(name)
            except InputError as error:
                raise error.at(path, line) from None
    problems.raise_any()
    return NamedEmotions(labels, path.name, system)


def _label(name: object) -> Label | None:
    """The class that a cell names; None for an empty one.

    Raises: `InputError` for what is no name of a class and no word of the lexicon.

    >>> _label("Furious"), _label(" "), _label("other")
    ('angry', None, 'other')
    """
    text = "" if name is None else str(name).strip()
    if not text:
        return None
    if label := find(text):
        return label
    if entry := lexicon().find(fold(text)):
        return entry.label
    shown = text[:_SHOWN]
    cure = f"{did_you_mean(shown, [*CLASSES, OTHER])} Leave the cell empty where it is unknown."
    raise InputError(f"unknown emotion {shown!r}", cure=cure)


def _rows(
    path: Path, side: Side, reader: Reader, *, only_columns: bool
) -> tuple[Iterable[_Row], System | None] | None:
    """The rows, and whose answers they are; None where the table has no column of that side."""
    head = next(iter(read_lines(path)), (0, b""))[1]
    if head.lstrip().startswith(b"{"):
        rows = list(read_jsonl(path))
        if {"text", "model", "form"} <= rows[0][1].keys():
            return None if only_columns else _answers(path, side, reader)
        names = list(dict.fromkeys(name for _, row in rows for name in row))
    else:
        names, cells = read_cells(read_text(path), path)
        rows = list(cells)
    if "id" not in names:
        raise InputError(
            f"no column 'id' among [{listed(names)}]",
            file=path,
            line=1,
            cure="Give predictions, or a CSV or JSON Lines with the columns id and words or voice.",
        )
    if side not in names:
        return None
    return [(line, str(row.get("id") or ""), row.get(side)) for line, row in rows], None


def _answers(path: Path, side: Side, reader: Reader) -> tuple[list[_Row], System]:
    """The answers to the control of that side, or where there are none, all answers."""
    groups = read_groups([path])
    wanted = [name for name in groups if name.control == _CONTROLS[side]] or list(groups)
    if len(wanted) > 1:
        raise InputError(
            f"has answers of {len(wanted)} systems: {', '.join(map(str, wanted))}",
            file=path,
            cure=f"Give a file of only the one that says the emotion of the {side}.",
        )
    (name,) = wanted
    answers = {name: tuple(found.prediction for found in groups[name])}
    (system,) = systems_of(answers, reader)
    rows: list[_Row] = [
        (found.line, found.prediction.id, reading.label)
        for found, reading in zip(groups[name], system.readings, strict=True)
    ]
    return rows, system
