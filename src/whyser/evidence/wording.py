"""The words of a text about a voice, each with its entry in the lexicon.

A quotation is one token, and so is each word of a repetition of the transcript: they concern what
was said, and not how. A phrase of the lexicon is one token too. Where a word is in the lexicon in
two parts of speech ("a break", "the voice breaks"), the word before it decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from whyser.evidence.inflection import forms_of
from whyser.evidence.lexicon import ClaimEntry, Role, lexicon


def words(text: str) -> frozenset[str]:
    """The words of a string, as a set."""
    return frozenset(text.split())


@dataclass(slots=True)
class ClaimToken:
    """A word, a phrase of the lexicon or a mark; `start` and `end` are offsets in the text."""

    start: int
    end: int
    text: str
    entry: ClaimEntry | None = None
    is_owner: bool = False  # "speaker's" says whose voice it is, and is never described itself
    role: Role | Literal[""] = field(init=False)
    kind: str = field(init=False)
    claims: bool = field(init=False)

    def __post_init__(self) -> None:
        self.role = self.entry.role if self.entry else ""
        self.kind = self.entry.kind if self.entry else ""
        self.claims = self.role in _CLAIMING or self.kind in {"range", "melody"}

    @property
    def is_word(self) -> bool:
        return self.text[0].isalnum()


_CLAIMING = frozenset({"quality", "verb", "adverb", "thing", "claim"})

#: Replaces a quotation: a noun that is no voice.
QUOTE = "\ufffc"
STOPS = frozenset({".", "!", "?", ";", "\n"})
#: Marks that may separate clauses.
PAUSES = frozenset({",", "(", ")", "\u2014", "\u2013"})

DEFINITE = words("the this that these those her his their its my your speaker")
DETERMINERS = DEFINITE | words("a an some any each every")

_TOKEN = re.compile(r"[fF]0|[^\W\d_]+(?:'[^\W\d_]+)*|\d+|\n|[.!?;,:()\u2014\u2013]")
#: The length is limited: a text of only opening marks would otherwise take quadratic time.
_QUOTED = re.compile(
    r'"[^"\n]{0,1000}"|\u201c[^\u201d\n]{0,1000}\u201d'
    r"|(?<!\w)'[^'\n]{1,200}(?:'\w[^'\n]{0,200}){0,9}'(?!\w)"
)
_SHORTEST_ECHO = 3
#: Here the apostrophe is short for "is" or "has".
_CONTRACTED = words("it's that's there's he's she's what's who's here's let's")
#: Before these, "even" stresses a word; elsewhere it says that a pace or a tone does not vary.
_STRESSED = frozenset({"quality", "verb", "adverb", "claim", "thing"})
_INDEFINITE = DETERMINERS - DEFINITE | {"no", "without"}
_FALLING = frozenset(forms_of("fall (fell fallen)") + forms_of("drop"))
#: Before another word of the voice these mean "undoubtedly".
_DISTINCTLY = words("clearly distinctly")
_LYING = words("back within into on under around short between inside outside")
#: What makes the next word a noun.
_BEFORE_NOUNS = DETERMINERS | words(
    "no without few fewer many several long longer short brief frequent single natural "
    "awkward little numerous one two three noticeable more less"
)


def sentences(text: str, transcript: str) -> Iterator[list[ClaimToken]]:
    """The sentences of a text without their last mark; questions are left out."""
    tokens = _merged(_plain_tokens(text, transcript))
    sentence: list[ClaimToken] = []
    for is_stop, group in groupby(tokens, lambda token: token.text in STOPS):
        if not is_stop:
            sentence = list(group)
            continue
        if next(group).text != "?" or not _asks(sentence):
            yield sentence
        sentence = []
    yield sentence


def _asks(sentence: Sequence[ClaimToken]) -> bool:
    """Whether a sentence with a question mark asks, unlike "the voice is loud, right?"."""
    return any(token.text in _ASKING for token in sentence[:2])


_ASKING = words(
    "is are was were does do did has have can could what which who how why when where "
    "would should will whether"
)


def _plain_tokens(text: str, transcript: str) -> list[ClaimToken]:
    straight = text.replace("\u2019", "'").replace("\u2018", "'")
    tokens: list[ClaimToken] = []
    position = 0
    for quoted in _QUOTED.finditer(straight):
        tokens += _words(straight, position, quoted.start())
        tokens.append(ClaimToken(quoted.start(), quoted.end(), QUOTE))
        position = quoted.end()
    tokens += _words(straight, position, len(straight))
    return _without_echoes(tokens, transcript) if transcript else tokens


def _words(text: str, begin: int, end: int) -> Iterator[ClaimToken]:
    for match in _TOKEN.finditer(text, begin, end):
        word = match.group().lower()
        owner = word.endswith("'s") and word not in _CONTRACTED
        yield ClaimToken(
            match.start(), match.end(), word.removesuffix("'s") if owner else word, is_owner=owner
        )


def _without_echoes(tokens: list[ClaimToken], transcript: str) -> list[ClaimToken]:
    said = [token.text for token in _words(transcript.replace("\u2019", "'"), 0, len(transcript))]
    said = [word for word in said if word[0].isalnum()]
    known = {tuple(said[i : i + _SHORTEST_ECHO]) for i in range(len(said) - _SHORTEST_ECHO + 1)}
    echoed: set[int] = set()
    for start in range(len(tokens) - _SHORTEST_ECHO + 1):
        run = range(start, start + _SHORTEST_ECHO)
        if tuple(tokens[i].text for i in run) in known:
            echoed.update(run)
    return [
        ClaimToken(token.start, token.end, QUOTE) if position in echoed else token
        for position, token in enumerate(tokens)
    ]


def _merged(tokens: Sequence[ClaimToken]) -> list[ClaimToken]:
    """Tokens with their lexicon entries; a phrase of the lexicon becomes one token."""
    merged: list[ClaimToken] = []
    position = 0
    while position < len(tokens):
        token, width = _at(tokens, position)
        merged.append(token)
        position += width
    return [
        ClaimToken(token.start, token.end, token.text, is_owner=token.is_owner)
        if _is_other_part(merged, i)
        else token
        for i, token in enumerate(merged)
    ]


def _at(tokens: Sequence[ClaimToken], i: int) -> tuple[ClaimToken, int]:
    """The token at a position with its entry, and the number of words that it takes."""
    following = tokens[i + 1].text if i + 1 < len(tokens) else ""
    for entry in lexicon().get(tokens[i].text, ()):
        if len(entry.parts) > 1 and entry.parts[1] != following:
            continue
        parts = tokens[i : i + len(entry.parts)]
        if tuple([part.text for part in parts]) != entry.parts:
            continue
        if entry.is_noun_only and not _is_noun(tokens, i):
            continue
        text = " ".join(entry.parts)
        token = ClaimToken(parts[0].start, parts[-1].end, text, entry, parts[-1].is_owner)
        return token, len(parts)
    return tokens[i], 1


def _is_noun(tokens: Sequence[ClaimToken], i: int) -> bool:
    before, second = (tokens[k].text if k >= 0 else "" for k in (i - 1, i - 2))
    is_adjective = second in _INDEFINITE and before not in lexicon()
    return (before in _BEFORE_NOUNS and before != "that") or is_adjective


def _is_other_part(tokens: Sequence[ClaimToken], i: int) -> bool:
    """Whether "sound" is a verb ("they sound loud"), "even" only stresses the next word, or what
    falls does not sink ("falls within the usual range")."""
    text, before = tokens[i].text, tokens[i - 1].text if i else ""
    if text == "sound":
        return before not in DEFINITE
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    if text == "even" and after is not None:
        is_adverb = after.text.endswith("ly") and not after.role
        return after.role in _STRESSED or after.text in DETERMINERS or is_adverb
    if text in _DISTINCTLY and after is not None:
        return after.role in {"quality", "verb", "claim"}
    return after is not None and text in _FALLING and after.text in _LYING
