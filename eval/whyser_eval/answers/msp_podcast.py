"""Answers in the format of the MSP-Podcast challenges, for their submission pages.

For each system and form:

- `attributes.csv`: `FileName,EmoAct,EmoVal,EmoDom`, from 1 to 7
- `categorical.csv`: `FileName,EmoClass`, with the corpus' own letters

Source: github.com/msplabresearch/MSP-Podcast_Challenge, `eval_dim_ser_test3.py`, which writes the
attributes "in the correct .csv format", and the columns of the corpus' `labels_consensus.csv`.

The withheld labels of Test3 are not needed. A file must have every utterance, so what was not read
gets what our scores count it as: an attribute the middle of its scale, and a class `X`, the
corpus' letter for no agreement, which is a miss. An answer of another emotion is its `O`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from urllib.parse import quote

from whyser.io.errors import InputError, Problems
from whyser.io.files import atomic_set
from whyser.io.text import inert
from whyser.labels.attributes import Attribute, Scale, at_position
from whyser.labels.classes import Label
from whyser_eval.metrics.concordance import UNREAD
from whyser_eval.reading.readers import RuleReader
from whyser_eval.scoring.references import AnswerKey, read_answer_key
from whyser_eval.scoring.systems import Located, System, SystemName, read_groups

_CORPUS = "msp_podcast"

_COLUMNS: dict[str, Attribute] = {
    "EmoAct": "arousal",
    "EmoVal": "valence",
    "EmoDom": "dominance",
}
_SCALE: Scale = (1, 7)

_LETTERS: dict[Label | None, str] = {
    "angry": "A",
    "sad": "S",
    "happy": "H",
    "surprise": "U",
    "fear": "F",
    "disgust": "D",
    "contempt": "C",
    "neutral": "N",
    "other": "O",
    None: "X",
}


def export_msp_podcast(
    references: Sequence[Path],
    predictions: Sequence[Path],
    output: Path,
    *,
    split: str | None = None,
) -> tuple[list[Path], Mapping[str, int]]:
    """Writes `output/SYSTEM_FORM/` for every system, without its controls.

    Args: `split`, that of the utterances to export; None for all that were answered.

    Returns: the folders, and counts of what was not read and of utterances without an answer.

    Raises: `InputError` or `BadInput` for broken files, another corpus, an unknown or repeated id,
        and where no system answers an utterance of the split.
    """
    key = read_answer_key(references)
    if foreign := sorted(set(key.corpora) - {_CORPUS}):
        raise InputError(
            f"the challenge has no corpus {foreign[0]!r}",
            file=key.corpora[foreign[0]].path,
            cure="Leave its references out.",
        )
    folders, notes = [], Counter[str]()
    for name, group in read_groups(predictions).items():
        if name.control == "none" and (answered := _answered(name, group, key, split)):
            folder = output / f"{quote(name.model, safe='')}_{name.form}"
            notes += _write_system(_read(name, answered), folder)
            notes += _unanswered(key, answered)
            folders.append(folder)
    if not folders:
        raise InputError(
            "holds no answer to an utterance of the split itself, without a control",
            file=predictions[0],
            cure="Give the answers to the utterances that you want to submit.",
        )
    return folders, notes


def _answered(
    name: SystemName, group: Iterable[Located], key: AnswerKey, split: str | None
) -> list[Located]:
    """The system's answers to utterances of the split, in their order, each once."""
    problems = Problems("the predictions")
    first: dict[str, Located] = {}
    for found in group:
        id_, fault = found.prediction.id, None
        if id_ in first:
            fault = f"{name} answers {id_} twice (first in line {first[id_].line})"
        elif id_ not in key.utterances:
            fault = f"{name} answers {id_}, which no reference file holds"
        if fault:
            problems.add(InputError(fault, file=found.path, line=found.line))
        first.setdefault(id_, found)
    problems.raise_any()
    return [one for id_, one in first.items() if split in {None, key.utterances[id_].split}]


def _read(name: SystemName, answered: Sequence[Located]) -> System:
    reader = RuleReader()
    answers = [one.prediction for one in answered]
    drawn = []
    for answer in answers:
        texts = (answer.text, *answer.samples)
        drawn.append(tuple(reader.read([answer.model_copy(update={"text": one}) for one in texts])))
    return System(name, tuple(answers), tuple(drawn))


def _unanswered(key: AnswerKey, answered: Sequence[Located]) -> Counter[str]:
    ids = {one.prediction.id for one in answered}
    splits = {key.utterances[id_].split for id_ in ids}
    rest = (one for one in key.utterances.values() if one.split in splits and one.id not in ids)
    return Counter(f"utterances of {one.split} have no answer and no row" for one in rest)


def _write_system(system: System, folder: Path) -> Counter[str]:
    """Writes the file of the classes, and that of the attributes if some answer names one.

    Returns: counts of the answers that could not be read.
    """
    names = [f"{one.id.partition('/')[2]}.wav" for one in system.answers]
    labels = [reading.label for reading in system.readings]
    said = system.attributes(repeat(dict.fromkeys(_COLUMNS.values(), _SCALE)))
    categorical, attributes = folder / "categorical.csv", folder / "attributes.csv"
    notes = Counter({"answers without a class: X": labels.count(None)})
    with atomic_set(categorical) as files:
        if any(said):
            rows = [[name, *_values(one)] for name, one in zip(names, said, strict=True)]
            _write(files(attributes), ["FileName", *_COLUMNS], rows)
            unread = sum(len(one) < len(_COLUMNS) for one in said)
            notes["answers without all three attributes: the middle of the scale"] = unread
        else:
            # That of an earlier export.
            attributes.unlink(missing_ok=True)
        _write(
            files(categorical),
            ["FileName", "EmoClass"],
            zip(names, map(_LETTERS.get, labels), strict=True),
        )
    return notes


def _values(said: Mapping[Attribute, float]) -> Iterator[str]:
    for name in _COLUMNS.values():
        yield f"{said.get(name, at_position(UNREAD, _SCALE)):.6g}"


def _write(path: Path, columns: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(
            [columns, *(map(inert, row) for row in rows)]
        )
