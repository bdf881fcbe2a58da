"""The eight emotion classes and the ways their names are spelt. Knows no corpus."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from whyser.io.errors import InputError, did_you_mean

EmotionClass: TypeAlias = Literal[
    "angry", "sad", "happy", "surprise", "fear", "disgust", "contempt", "neutral"
]
Label: TypeAlias = Literal[EmotionClass, "other"]

#: In the order of the options A to H of the closed-form prompt (paper, 3.1).
CLASSES: tuple[EmotionClass, ...] = get_args(EmotionClass)

#: What annotators chose that is none of the eight; never a class of an average.
OTHER: Literal["other"] = "other"

#: Other grammatical forms of the same eight names. Words that only come near a class
#: ("furious", "calm") are not here: mapping them is a decision, and has its own table.
ALIASES: dict[str, EmotionClass] = {
    "anger": "angry",
    "sadness": "sad",
    "happiness": "happy",
    "joy": "happy",
    "joyful": "happy",
    "surprised": "surprise",
    "fearful": "fear",
    "disgusted": "disgust",
    "contemptuous": "contempt",
}

_NAMES: dict[str, Label] = {name: name for name in CLASSES} | ALIASES | {OTHER: OTHER}


def canonical(name: str) -> Label:
    """The class that a spelling names.

    Raises: `InputError` when it names none, with the nearest known name.

    >>> canonical("Sadness")
    'sad'
    >>> canonical("happpy")
    Traceback (most recent call last):
        ...
    whyser.io.errors.InputError: bad label 'happpy'. Expected one of [angry, sad, happy, surprise, \
fear, disgust, contempt, neutral, other]. Did you mean 'happy'?
    """
    label = find(name)
    if label is None:
        cure = did_you_mean(name.strip(), [*CLASSES, OTHER])
        raise InputError(f"bad label {name!r}", cure=cure)
    return label


def find(name: str) -> Label | None:
    """As `canonical`, but None for a name of no class.

    >>> find("frustrated") is None
    True
    """
    return _NAMES.get(name.strip().lower())


def parse_classes(text: str) -> tuple[EmotionClass, ...]:
    """Classes from a comma-separated list, in the order of the eight.

    Raises: `InputError` for a name that is none of the eight, or fewer than two classes.

    >>> parse_classes("sad, angry")
    ('angry', 'sad')
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in CLASSES:
            raise InputError(f"bad class {name!r} in --classes", cure=did_you_mean(name, CLASSES))
    if len(set(names)) < 2:
        raise InputError("--classes names fewer than two classes", cure="Write --classes a,b,c.")
    return tuple(name for name in CLASSES if name in names)
