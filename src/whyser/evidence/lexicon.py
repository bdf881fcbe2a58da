"""The words that claim something about a voice, and what each says about which noun.

The meaning of a word depends on its noun: "high" is a level of pitch in "a high voice", a level of
loudness in "high volume", and no claim in "high hopes". So nouns have a kind, and every other word
has a sense per kind of noun. `*` is a sense that needs no noun.

The words are rows of `voice_words.csv`: their part of speech, the words, their senses and where
they come from. A row names a verb once, and an adjective in its first form; the other forms follow
from `inflection.py`.

Decisions that docs/design.md, "Evidence vocabulary", leaves open:

- "steady", "even" and "measured" mean the normal level of pace, loudness and melody; for a voice,
  "steady" denies a tremor, which is the quality `smooth`.
- "a low voice" is low in pitch; "lowers the voice" and "speaks low" mean soft.
- Rising intonation claims a range, but falling intonation claims nothing, because every statement
  falls. Pitch that rises or drops claims the level that it reaches.
- Stutters and stumbles count as pauses, like "hesitant".
- "Energy", "intensity", "strong", "calm", "gentle" and "sharp" describe feelings: no claim, except
  for an intensity in a row with other properties ("pitch and intensity are low"). A
  neutral tone or voice is one of feeling too; a neutral pitch, pace or volume is a normal one.
- Words that run into each other are unclear, and words in a torrent are fast.
- "Unusual" names no level, but what is not unusual is normal.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Literal, get_args

from whyser.evidence.inflection import adverb_of, degrees_of, forms_of
from whyser.io.files import short_hash

#: Increase the number with every change of the rules; the table has its hash.
RULES = "claims-3"

#: What a noun denotes.
Kind = Literal[
    "pitch", "melody", "range", "volume", "pace", "pauses", "clarity",
    "tone", "voice", "timbre", "delivery", "words", "saying", "person", "level",
    "content", "intensity",
]  # fmt: skip

#: How a word claims. noun: other words describe it. quality: before or after its noun. verb: its
#: noun is the subject or object. adverb: with a verb of speaking. thing: its presence is the claim,
#: its absence the low level. claim: without a noun. nothing: a figure of speech with such a word.
#: filler: a word of degree, which is skipped.
Role = Literal["noun", "quality", "verb", "adverb", "thing", "claim", "nothing", "filler"]

#: Family and level, or `voice_quality` and the quality.
Sense = tuple[str, str]

ANY = "*"

#: A level that claims nothing, and whose denial is the normal level.
UNUSUAL = "unusual"

#: The part of a row -> the role of its words.
_ROLES: Mapping[str, Role] = {
    "noun": "noun", "quality": "quality", "adjective": "quality", "state": "quality",
    "verb": "verb", "adverb": "adverb", "thing": "thing", "noun thing": "thing",
    "varying": "thing", "sign": "claim", "noun sign": "claim", "act": "claim",
    "nothing": "nothing", "filler": "filler",
}  # fmt: skip
_INFLECTED = frozenset({"verb", "state", "varying", "act"})

#: Parts whose words claim nothing, but change what others claim (scopes.py).
Signal = Literal[
    "hedge", "telling", "others", "relation", "object", "quiet noun", "quality noun", "feeling",
    "felt",
]  # fmt: skip

# Short names of the kinds that share a sense.
_KINDS: Mapping[str, tuple[str, ...]] = {
    "speech": ("delivery", "words", "person"),
    "sound": ("voice", "tone", "timbre", "delivery"),
    "tune": ("pitch", "melody", "tone", "voice", "range"),
} | {kind: (kind,) for kind in (*get_args(Kind), ANY)}


@dataclass(frozen=True)
class ClaimEntry:
    """A word or phrase; a noun has a `kind`, other words have `senses` per kind of noun.

    `is_noun_only`: the word has this sense only as a noun ("a break", not "the voice breaks").
    """

    parts: tuple[str, ...]
    role: Role
    kind: str = ""
    senses: tuple[tuple[str, Sense], ...] = ()
    is_noun_only: bool = False

    def sense(self, kind: str) -> Sense | None:
        """What it says about a noun of this kind; None if it says nothing about the voice."""
        return next((sense for known, sense in self.senses if known in (kind, ANY)), None)


@cache
def lexicon() -> Mapping[str, tuple[ClaimEntry, ...]]:
    """First word -> the words and phrases that start with it, the longest first."""
    merged: dict[tuple[tuple[str, ...], bool], ClaimEntry] = {}
    for new in _entries():
        # A word may be in several rows: its senses add up, and the first role counts.
        key = new.parts, new.is_noun_only
        old = merged.setdefault(key, replace(new, kind="", senses=()))
        merged[key] = replace(old, kind=old.kind or new.kind, senses=old.senses + new.senses)
    table: dict[str, tuple[ClaimEntry, ...]] = {}
    for entry in sorted(merged.values(), key=lambda one: (-len(one.parts), not one.is_noun_only)):
        table[entry.parts[0]] = (*table.get(entry.parts[0], ()), entry)
    return table


@cache
def signals(part: Signal) -> frozenset[str]:
    """The words and pairs of words of one kind of signal."""
    return frozenset(
        word for row in _rows() if row["part"] == part for word in _split(row["words"])
    )


@cache
def claims_version() -> str:
    """Version of the rules, and the hash of the words, for the signature of a score."""
    return f"{RULES}+{short_hash(_text())}"


def _text() -> str:
    return resources.files(__package__).joinpath("voice_words.csv").read_text(encoding="utf-8")


@cache
def _rows() -> list[dict[str, str]]:
    return list(csv.DictReader(_text().splitlines()))


def _split(words: str) -> list[str]:
    return [word.strip() for word in words.split(";")]


def _entries() -> Iterator[ClaimEntry]:
    adverbs: list[ClaimEntry] = []
    for row in _rows():
        part, reading = row["part"], row["reading"]
        if part not in _ROLES:
            continue
        is_pause = _ROLES[part] == "thing" and reading == "*=pauses:high"
        kind = reading if part == "noun" else "pauses" if is_pause else ""
        template = ClaimEntry(
            (), _ROLES[part], kind, tuple(_senses(reading)), part.startswith("noun ")
        )
        for word in _split(row["words"]):
            for form in _forms(part, word):
                parts = tuple(each.removesuffix("'s") for each in form.split())
                yield replace(template, parts=parts)
            if part == "adjective" and (adverb := _adverb(word, template)):
                adverbs.append(adverb)
    # The rows come first: a word that they have is not changed by a form of another one.
    known = {tuple(form.split()) for row in _rows() for form in _split(row["words"])}
    yield from (entry for entry in adverbs if entry.parts not in known)


def _forms(part: str, word: str) -> list[str]:
    if part in _INFLECTED:
        return forms_of(word)
    return degrees_of(word) if part == "adjective" else [word]


def _adverb(word: str, adjective: ClaimEntry) -> ClaimEntry | None:
    """ "Loudly" for "loud": an adverb says of the speech what the adjective says of a delivery."""
    sense = adjective.sense("delivery") or adjective.sense("words")
    if sense is None or sense[0] == "voice_quality" or " " in word:
        return None
    return ClaimEntry((adverb_of(word),), "adverb", senses=((ANY, sense),))


def _senses(reading: str) -> Iterator[tuple[str, Sense]]:
    """The senses in a reading such as "pitch tone=pitch:high; volume=loudness:high"."""
    for kinds, family, value in re.findall(r"([^;=]+)=(\w+):(\w+)", reading):
        for name in kinds.split():
            for kind in _KINDS[name]:
                yield kind, (family, value)
