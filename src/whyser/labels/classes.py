"""The eight emotion classes and the spellings of their names, for all corpora."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from whyser.io.errors import InputError, did_you_mean

EmotionClass: TypeAlias = Literal[
    "angry", "sad", "happy", "surprise", "fear", "disgust", "contempt", "neutral"
]
Label: TypeAlias = Literal[EmotionClass, "other"]

#: In the order of the options A to H of the closed-form prompt (paper, 3.1).
CLASSES: tuple[EmotionClass, ...] = get_args(EmotionClass)

#: Any other emotion that annotators chose; scores never average over it.
OTHER: Literal["other"] = "other"

#: Other grammatical forms of the eight names. Words with only a similar meaning ("furious", "calm")
#: are not here: mapping them is a decision, which the lexicon makes.
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

    Raises: `InputError` with the most similar known name if it names none.

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
    """Like `canonical`, but None if the name is no class.

    >>> find("frustrated") is None
    True
    """
    return _NAMES.get(name.strip().lower())


def parse_classes(text: str) -> tuple[EmotionClass, ...]:
    """Reads classes from a comma-separated list; returns them in the order of the eight.

    Raises: `InputError` for a name that is none of the eight, or for fewer than two classes.

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
