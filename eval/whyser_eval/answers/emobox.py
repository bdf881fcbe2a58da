"""Answers in the form of EmoBox, for its `EmoEval` and its leaderboard.

Of each system and form, for each corpus:

- `predictions.jsonl`: `{"key": ..., "pred": 3}`, what `EmoEval` takes first
- `labels.jsonl`: `{"key": ..., "label": 3}`, the same keys in the same order, what it takes second
- `label2idx.json`: the names that the numbers stand for, with one number more for `Miss`

Source: github.com/emo-box/EmoBox. The README ("Quick Start") and the docstring of
`EmoBox/EmoEval.py` give both lists; `write_jsonl` in `EmoBox/utils/preprocess_utils.py` and the
scripts beside it make the keys, as `data/<dataset>/fold_*/` holds them; `label_map.json` there
names the classes. The class itself, as published, reads `prediction` where all else says `pred`,
and does not run; its metrics are scikit-learn's, over every number that occurs.

An answer that was not read, or names no declared class, is `Miss`. EmoBox's WA and UA then equal
our `wa` and, where every declared class has references, `ua`. Its Macro-F1 counts `Miss` as one
more class with F1 0: a miss can lower it, never raise it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from whyser.io.errors import InputError
from whyser.io.files import write_json, write_jsonl
from whyser.labels.classes import EmotionClass
from whyser_eval.reading.readers import RuleReader
from whyser_eval.scoring.references import (
    References,
    declared_classes,
    read_answer_key,
    select_references,
)
from whyser_eval.scoring.systems import System, align, chosen_parts, read_groups

MISS = "Miss"


@dataclass(frozen=True)
class _Dataset:
    """A corpus as EmoBox calls it; `key` takes our id without the corpus."""

    name: str
    key: Callable[[str], str]


def _meld(name: str) -> str:
    """
    >>> _meld("test/dia0_utt1")
    'dia0_utt1-test'
    """
    split, _, clip = name.partition("/")
    return f"{clip}-{split}"


#: Our corpus -> EmoBox's.
DATASETS: dict[str, _Dataset] = {
    "msp_podcast": _Dataset("msppodcast", str),
    "iemocap": _Dataset("iemocap", str),
    "meld": _Dataset("meld", _meld),
    "crema_d": _Dataset("cremad", lambda name: name.replace("_", "-")),
    "ravdess": _Dataset("ravdess", str),
}


def emobox_key(id_: str) -> str:
    """The key of an utterance in EmoBox's lists.

    Raises: `InputError` for a corpus that EmoBox does not hold.

    >>> emobox_key("crema_d/1001_DFA_ANG_XX"), emobox_key("meld/test/dia0_utt1")
    ('cremad-1001-DFA-ANG-XX', 'meld-dia0_utt1-test')
    """
    corpus, _, name = id_.partition("/")
    if corpus not in DATASETS:
        raise InputError(
            f"EmoBox has no corpus {corpus!r}",
            cure=f"Leave its references out; it has [{', '.join(DATASETS)}].",
        )
    dataset = DATASETS[corpus]
    return f"{dataset.name}-{dataset.key(name)}"


def label_index(classes: Sequence[EmotionClass]) -> dict[str, int]:
    """EmoBox's names of the classes, numbered in our order, `Miss` last.

    >>> label_index(["angry", "sad"])
    {'Angry': 0, 'Sad': 1, 'Miss': 2}
    """
    names = [*(name.capitalize() for name in classes), MISS]
    return {name: number for number, name in enumerate(names)}


@dataclass(frozen=True)
class Exported:
    """What was written: a folder for each system and corpus, and what is not scored, by reason."""

    folders: tuple[Path, ...]
    ignored: Mapping[str, int]


def export_emobox(
    references: Sequence[Path],
    predictions: Sequence[Path],
    output: Path,
    *,
    split: str | None = None,
) -> Exported:
    """Writes `output/SYSTEM_FORM/DATASET/` for every system that heard the utterances themselves.

    Raises: `InputError` or `BadInput` for what `score` refuses too, and for a corpus that EmoBox
    does not hold.
    """
    key = read_answer_key(references)
    found = read_groups(predictions)
    parts = chosen_parts(key, found, split)
    classes = declared_classes(references)
    chosen = select_references(key, parts, classes, secondary=False)
    ignored: Counter[str] = Counter()
    systems = align(found, key, chosen, ignored, RuleReader())
    folders = [
        folder
        for system in systems
        if system.name.control == "none"
        for folder in _write_system(system, chosen, output)
    ]
    if not folders:
        raise InputError(
            "holds answers under a control alone, which EmoBox does not compare",
            file=predictions[0],
            cure="Give the answers to the utterances themselves.",
        )
    return Exported(tuple(folders), ignored)


def _write_system(system: System, references: References, output: Path) -> Iterator[Path]:
    numbers = label_index(references.classes)
    answers = system.items(references).predictions
    rows: dict[str, list[tuple[str, int, int]]] = {}
    for utterance, label, answer in zip(
        references.utterances, references.labels, answers, strict=True
    ):
        # Both are positions among the declared classes; a miss is -1 there.
        prediction = int(answer) if answer >= 0 else numbers[MISS]
        row = (emobox_key(utterance.id), prediction, int(label))
        rows.setdefault(DATASETS[utterance.corpus].name, []).append(row)
    for dataset, found in rows.items():
        # A name such as Qwen/Qwen2-Audio is one folder.
        folder = output / f"{quote(system.name.model, safe='')}_{system.name.form}" / dataset
        _write_dataset(folder, found, numbers)
        yield folder


def _write_dataset(
    folder: Path, rows: Sequence[tuple[str, int, int]], numbers: Mapping[str, int]
) -> None:
    predictions: list[dict[str, Any] | str] = [{"key": key, "pred": one} for key, one, _ in rows]
    labels: list[dict[str, Any] | str] = [{"key": key, "label": one} for key, _, one in rows]
    write_json(folder / "label2idx.json", dict(numbers))
    write_jsonl(folder / "labels.jsonl", labels)
    write_jsonl(folder / "predictions.jsonl", predictions)
