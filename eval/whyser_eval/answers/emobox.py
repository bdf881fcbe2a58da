"""Answers in the format of EmoBox, for its `EmoEval` and its leaderboard.

For each system, form and corpus:

- `predictions.jsonl`: `{"key": ..., "pred": 3}`, the first argument of `EmoEval`
- `labels.jsonl`: `{"key": ..., "label": 3}`, the second, with the same keys in the same order
- `label2idx.json`: the names of the numbers, with one more for `Miss`

Source: github.com/emo-box/EmoBox. The README ("Quick Start") and the docstring of
`EmoBox/EmoEval.py` describe both lists; the scripts in `EmoBox/utils` write the keys that
`data/<dataset>/fold_*/` holds; `label_map.json` there names the classes. The published class does
not run: it reads `prediction` where all else says `pred`. Its metrics are scikit-learn's, over
every number that occurs.

An answer that was not read, or names no declared class, is `Miss`. EmoBox's WA and UA then equal
our `wa` and, where every declared class has references, `ua`. Its Macro-F1 counts `Miss` as one
more class with F1 0: a miss can lower it, never raise it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from whyser.io.errors import InputError
from whyser.io.files import atomic_set, write_json, write_jsonl
from whyser.labels.classes import EmotionClass
from whyser_eval.reading.readers import RuleReader
from whyser_eval.scoring.references import References
from whyser_eval.scoring.systems import System, read_systems

MISS = "Miss"


def _meld(name: str) -> str:
    """
    >>> _meld("test/dia0_utt1")
    'dia0_utt1-test'
    """
    split, _, clip = name.partition("/")
    return f"{clip}-{split}"


#: Our corpus -> EmoBox's name of it, and a function from our id, without the corpus, to EmoBox's.
DATASETS: dict[str, tuple[str, Callable[[str], str]]] = {
    "msp_podcast": ("msppodcast", str),
    "iemocap": ("iemocap", str),
    "meld": ("meld", _meld),
    "crema_d": ("cremad", lambda name: name.replace("_", "-")),
    "ravdess": ("ravdess", str),
}


def emobox_key(id_: str) -> str:
    """The key of an utterance in EmoBox's lists.

    Raises: `InputError` for a corpus that EmoBox lacks.

    >>> emobox_key("crema_d/1001_DFA_ANG_XX"), emobox_key("meld/test/dia0_utt1")
    ('cremad-1001-DFA-ANG-XX', 'meld-dia0_utt1-test')
    """
    corpus, _, name = id_.partition("/")
    if corpus not in DATASETS:
        raise InputError(
            f"EmoBox has no corpus {corpus!r}",
            cure=f"Leave its references out; it has [{', '.join(DATASETS)}].",
        )
    dataset, key = DATASETS[corpus]
    return f"{dataset}-{key(name)}"


def label_index(classes: Sequence[EmotionClass]) -> dict[str, int]:
    """EmoBox's names of the classes, numbered in our order, `Miss` last.

    >>> label_index(["angry", "sad"])
    {'Angry': 0, 'Sad': 1, 'Miss': 2}
    """
    names = [*(name.capitalize() for name in classes), MISS]
    return {name: number for number, name in enumerate(names)}


def export_emobox(
    references: Sequence[Path],
    predictions: Sequence[Path],
    output: Path,
    *,
    split: str | None = None,
) -> tuple[list[Path], Mapping[str, int]]:
    """Writes `output/SYSTEM_FORM/DATASET/` for every system, without its controls.

    Returns: the folders, and the number of predictions that are not scored, by reason.

    Raises: `InputError` or `BadInput` as `read_systems`, and for a corpus that EmoBox lacks.
    """
    _, chosen, systems, ignored = read_systems(
        references, predictions, reader=RuleReader(), split=split
    )
    folders = [
        folder
        for system in systems
        if system.name.control == "none"
        for folder in _write_system(system, chosen, output)
    ]
    if not folders:
        raise InputError(
            "holds only answers under a control, which EmoBox does not compare",
            file=predictions[0],
            cure="Give answers to the utterances themselves.",
        )
    return folders, ignored


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
        rows.setdefault(DATASETS[utterance.corpus][0], []).append(row)
    for dataset, found in rows.items():
        # A name such as Qwen/Qwen2-Audio is one folder.
        folder = output / f"{quote(system.name.model, safe='')}_{system.name.form}" / dataset
        answered = folder / "predictions.jsonl"
        with atomic_set(answered) as files:
            write_json(files(folder / "label2idx.json"), numbers)
            labels = ({"key": k, "label": one} for k, _, one in found)
            write_jsonl(files(folder / "labels.jsonl"), labels)
            write_jsonl(files(answered), ({"key": k, "pred": one} for k, one, _ in found))
        yield folder
