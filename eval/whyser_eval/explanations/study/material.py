"""What raters see, in which order, and the key with the truth about it.

The material does not reveal a system or whether it was right; the key, a separate file, does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from whyser.io.errors import InputError
from whyser.io.files import read_record, short_hash
from whyser.labels.classes import EmotionClass, Label

#: Test I accepts or rejects one explanation, Test II prefers one of two (paper, 3.4).
Test: TypeAlias = Literal["accept", "prefer"]

#: The choices in each test; `first` and `second` refer to the material, not to the screen.
CHOICES: dict[Test, tuple[str, str]] = {
    "accept": ("accept", "reject"),
    "prefer": ("first", "second"),
}

#: The format of a rater's file.
FORMAT = "whyser-study-1"

Condition: TypeAlias = Literal["match", "mismatch"]


class ShownExplanation(BaseModel):
    """A rationale as it is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: EmotionClass
    text: str


class StudyItem(BaseModel):
    """One item to judge; `item` is an anonymous name, `audio` a path relative to the page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: Annotated[str, Field(pattern=r"^[0-9a-z]+$")]
    test: Test
    audio: str
    candidates: Annotated[tuple[ShownExplanation, ...], Field(min_length=1, max_length=2)]


class StudyMaterial(BaseModel):
    """Everything that the page shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    consent: str
    instructions: dict[Test, str]
    items: tuple[StudyItem, ...]

    @property
    def study(self) -> str:
        """The study's name, a hash: other texts, audio or items make another study."""
        return short_hash(self.model_dump_json())


class KeyEntry(BaseModel):
    """The truth about one item: an entry of the key.

    `id` is the utterance, `condition` whether the system's label is the majority label, `systems`
    the authors of the candidates in the material's order. Only an attention check has `expected`,
    the requested choice; no figure counts it. `duration` is that of the audio in seconds, if known:
    a rater who answers sooner has not heard all of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str
    test: Test
    id: str
    gold: Label | None
    prediction: EmotionClass
    condition: Condition
    systems: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)]
    expected: str | None = None
    duration: float | None = None


class StudyKey(BaseModel):
    """The key of one study.

    `system` is the system whose rationales are judged, `reference` the author of the
    gold-referenced ones of Test II; None without Test II.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    system: str
    reference: str | None
    seed: int
    answers: tuple[KeyEntry, ...]
    provenance: dict[str, Any]

    def of(self, test: Test) -> Sequence[KeyEntry]:
        """The items of one test without its attention checks."""
        return [one for one in self.answers if one.test == test and one.expected is None]


def read_key(path: Path) -> StudyKey:
    """Raises: `InputError` for a missing or a broken file."""
    cure = "Give the key that whyser-eval study make wrote next to the page folder."
    return read_record(path, TypeAdapter(StudyKey), cure=cure)


def read_whole_key(path: Path) -> StudyKey:
    """The key, checked for everything that `study read` needs.

    Raises: `InputError` for a missing or a broken file, and for a key without items, with a
    duplicate item, or with an item that lacks the study's system.
    """
    key = read_key(path)
    if not any(one.expected is None for one in key.answers):
        raise InputError("contains no items", file=path, cure=_KEY)
    seen: set[str] = set()
    for one in key.answers:
        if fault := "is a duplicate" if one.item in seen else _key_fault(one, key):
            raise InputError(f"item {one.item!r} {fault}", file=path, cure=_KEY)
        seen.add(one.item)
    return key


_KEY = "Give the key as whyser-eval study make wrote it."


def _key_fault(one: KeyEntry, key: StudyKey) -> str | None:
    if one.expected is not None:
        known = one.expected in CHOICES[one.test]
        return None if known else f"expects {one.expected!r}, which is not a choice"
    # The author of the references may differ between pairs.
    wrong_length = len(one.systems) != {"accept": 1, "prefer": 2}[one.test]
    if wrong_length or len(set(one.systems)) != len(one.systems):
        return f"has the systems {quoted(one.systems)}"
    if key.system not in one.systems:
        return f"belongs to {quoted(one.systems)}, the study to {key.system!r}"
    return None


def quoted(names: Sequence[str]) -> str:
    return " and ".join(map(repr, names))


# ---- default texts -----------------------------------------------------------------------------


TITLE = "Does this explanation fit the voice?"

CONSENT = """\
You will listen to short clips of speech and judge written explanations of the emotion in them. \
There are {items}; most take half a minute. Pause whenever you like: this browser remembers where \
you were.

Taking part is voluntary. You may stop at any time and need not say why.

This page sends nothing to anyone. Your answers stay in this browser until you download them as \
one file and hand it on yourself. The file holds the code that you enter below, your choices, how \
long each took, how often you listened, and when you began and saved. It does not hold your name, \
unless you enter that as your code.

Some clips hold strong feelings or strong language. Headphones in a quiet place are best."""

INSTRUCTIONS: dict[Test, str] = {
    "accept": """\
You hear a clip and read one explanation: an emotion, and the reasons given for it.

Accept it if the emotion and its reasons are plausible for this voice, even if you might have \
chosen another word. Reject it if they are not: if the emotion does not fit, or the reasons tell \
of something that you do not hear.

There is no answer that is right for everyone. We ask for your own impression.""",
    "prefer": """\
You hear a clip and read two explanations of it, A and B. Each names an emotion and gives its \
reasons.

Choose the one that explains better what you hear, the emotion and the reasons together. If \
neither fits well, choose the one that comes nearer.

There is no answer that is right for everyone. We ask for your own impression.""",
}

#: The text of an attention check, in place of a rationale.
ACCEPT_CHECK = "This item checks attention. Whatever you hear, please choose: {choice}."
PREFER_CHECK = {
    True: "This item checks attention. Whatever you hear, please prefer this explanation.",
    False: "This item checks attention. Whatever you hear, please prefer the other explanation.",
}


# ---- order -------------------------------------------------------------------------------------


_WORD = 0xFFFFFFFF


def mix(text: str) -> int:
    """A 32-bit hash of a text: FNV-1a over its UTF-8 bytes, then MurmurHash3's finaliser.

    It shuffles items and detects accidental changes; it is not cryptographic.
    `script/order.js` is the same in JavaScript; a test compares both.

    >>> f"{mix(''):08x} {mix('a'):08x}"
    'ab3e7c0b 1a80b1b3'
    """
    value = 0x811C9DC5
    for byte in text.encode("utf-8", "replace"):
        value = ((value ^ byte) * 0x01000193) & _WORD
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        value = ((value ^ (value >> shift)) * factor) & _WORD
    return value ^ (value >> 16)


def in_order(study: str, rater: str, items: Iterable[str]) -> list[str]:
    """The items of one test in this rater's order."""
    return sorted(items, key=lambda item: (mix(f"{study}/{rater}/{item}"), item))


def is_swapped(study: str, rater: str, item: str) -> bool:
    """Whether this rater sees a pair's second candidate first."""
    return bool(mix(f"{study}/{rater}/{item}/side") & 1)


def digest(lines: Iterable[str]) -> str:
    """Sixteen hexadecimal digits that change with any line."""
    text = "\n".join(lines)
    return f"{mix(f'0{text}'):08x}{mix(f'1{text}'):08x}"
