"""Read what a text claims about the sound of a voice (docs/design.md, "Evidence vocabulary").

Each word of a text is looked up (lexicon.py, wording.py), each sentence is split into clauses with
what they deny, guess or leave aside (scopes.py), and each word that claims is bound to its nouns
(nouns.py), which decide what it means. Quotations, questions, general or hypothetical statements,
and statements about other people or anything but the voice claim nothing. Every search around a
word has a fixed reach, so the time is linear in the text, even a hostile one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from whyser.evidence.lexicon import ANY, UNUSUAL, Sense
from whyser.evidence.nouns import NO_NOUN, SPEAKING, Nouns, topic_of
from whyser.evidence.scopes import COMPARED, LISTING, REACH, Scopes
from whyser.evidence.wording import DEFINITE, PAUSES, ClaimToken, sentences, words

ClaimFamily = Literal[
    "pitch", "pitch_range", "loudness", "rate", "pauses", "voice_quality", "clarity"
]
ClaimLevel = Literal["low", "normal", "high"]
Quality = Literal["breathy", "harsh", "tremulous", "creaky", "tense", "smooth"]

CLAIM_FAMILIES: tuple[ClaimFamily, ...] = get_args(ClaimFamily)
_LEVELS: dict[str, ClaimLevel] = {level: level for level in get_args(ClaimLevel)}
_QUALITIES: dict[str, Quality] = {quality: quality for quality in get_args(Quality)}
_FAMILIES: dict[str, ClaimFamily] = {family: family for family in CLAIM_FAMILIES}
_OPPOSITE = {"high": "low", "low": "high", "normal": "normal", UNUSUAL: UNUSUAL}


@dataclass(frozen=True)
class Claim:
    """One statement about the voice: a family with its `level`, or `voice_quality` with `quality`.

    `negated`: the level or quality is denied ("not loud" denies high). `hedged`: the text presents
    it as a guess. `span` holds the begin and end of the claiming words, as offsets in the text.
    """

    family: ClaimFamily
    level: ClaimLevel | None
    negated: bool
    hedged: bool
    span: tuple[int, int]
    quality: Quality | None = None

    @property
    def value(self) -> str:
        """The level, or the voice quality."""
        return self.level or self.quality or ""


def read_claims(text: str, transcript: str = "") -> list[Claim]:
    """Finds the claims of an English text about the speaker's voice, in text order.

    A quotation, or a repetition of three or more words of the transcript in a row, concerns what
    was said and not how: it claims nothing. Of a longer text the first 100,000 characters are read.

    >>> claims = read_claims("The voice is not loud, but perhaps the pace is quick.")
    >>> [(claim.family, claim.value, claim.negated, claim.hedged) for claim in claims]
    [('loudness', 'high', True, False), ('rate', 'high', False, True)]
    """
    claims: list[Claim] = []
    topic = ""
    for tokens in sentences(text[:_LONGEST], transcript):
        # Most sentences of a hostile text, and many of an honest one, claim nothing.
        if any(token.claims for token in tokens):
            claims += _Sentence(tokens, topic).claims()
        topic = topic_of(tokens)
    return claims


#: No honest rationale is longer.
_LONGEST = 100_000
_VARYING = words("variation variations variability fluctuation fluctuations movement movements")
_LONGEST_CHOICE = 5
_JOINING = LISTING | {","}
#: With an adverb after them, these are about the speech: "starts quietly but ends loudly".
_GOING_ON = words("start starts begin begins end ends finish finishes continue continues")
_REPEATING = words("is are was were does do did")
_NOT = words("not isn't aren't wasn't weren't doesn't don't didn't")
_ELLIPTIC = _NOT | {"so", "as"}
_ENDING = frozenset({"", *PAUSES})
_NOTICEABLE = words("noticeable apparent discernible perceptible real obvious significant such any")
_LACKING = words("no without lacks lacking lacked little hardly") | {
    "lack of", "devoid of", "void of", "absence of",
}  # fmt: skip
#: "As loud as ever" is normal; "as loud as before" tells no level.
_USUAL = words("normal average ever always normally")
_OTHER_TIMES = words("in before that on at")
_BEYOND = frozenset({"above", "below", "beyond", "under"})
_NORMS = words("norm norms level mean median")
#: What measures a melody; its variation is a range.
_MELODIC = frozenset({"pitch", "melody", "tone", "voice", "delivery"})


def _is_unusual(token: ClaimToken) -> bool:
    return token.entry is not None and any(level == UNUSUAL for _, (_, level) in token.entry.senses)


class _Sentence:
    """Finds the claims of one sentence; `bound` holds the nouns that a word describes."""

    def __init__(self, tokens: list[ClaimToken], topic: str) -> None:
        self.tokens = tokens
        self.texts = [token.text for token in tokens]
        self.scopes = Scopes(tokens)
        self.nouns = Nouns(self.scopes, topic)
        self.bound: set[int] = set()

    def claims(self) -> list[Claim]:
        found: list[tuple[int, Claim]] = []
        last: ClaimToken | None = None
        for i, token in enumerate(self.tokens):
            if token.text in _ELLIPTIC and last and not self.scopes.void[i]:
                found += self._repeated(i, last)
            if not token.claims or self.scopes.void[i]:
                continue
            senses = self._senses(i)
            last = token if senses else last
            if senses and not (self.scopes.general[i] and not self._is_definite(i)):
                claims = (self._claim(i, sense) for sense in senses)
                found += ((i, claim) for claim in claims if claim is not None)
        stated = [(i, claim) for i, claim in found if not (self._is_thing(i) and i in self.bound)]
        left_open = self._left_open(stated)
        return [claim for _, claim in stated if claim not in left_open]

    def _repeated(self, i: int, last: ClaimToken) -> list[tuple[int, Claim]]:
        """ "The pitch is high, and so is the volume" says "high" of the volume too; "but the volume
        is not" denies it."""
        denies = self.texts[i] in _NOT
        if denies:
            copula = i - 1 if self.texts[i] == "not" else i
            noun, is_whole = copula - 1, self._text(i + 1) in _ENDING
        else:
            copula, is_whole = i + 1, True
            noun = i + 3 if self._text(i + 2) in DEFINITE else i + 2
        is_joined = copula == i or self._text(copula) in _REPEATING
        if not (is_whole and is_joined and self._role(noun) == "noun" and last.entry):
            return []
        sense = last.entry.sense(self.tokens[noun].kind)
        claim = self._claim(noun, sense) if sense else None
        return [(noun, replace(claim, negated=claim.negated ^ denies))] if claim else []

    def _left_open(self, stated: Iterable[tuple[int, Claim]]) -> set[Claim]:
        """Claims that the text offers as a choice: "high, low, or medium"."""
        found: set[Claim] = set()
        last: list[tuple[int, Claim]] = []
        for i, claim in stated:
            is_other = bool(last) and (
                last[-1][1].family == claim.family and last[-1][1].level != claim.level
            )
            is_long = len(last) == _LONGEST_CHOICE
            if is_long or not is_other or not self._are_listed(last[-1][0], i):
                last = []
            last.append((i, claim))
            is_choice = "or" in self.texts[last[0][0] : i] and not claim.negated
            if is_choice and {"low", "high"} <= {one.level for _, one in last}:
                found.update(one for _, one in last)
        return found

    def _are_listed(self, first: int, second: int) -> bool:
        return second - first <= REACH and all(
            token.text in _JOINING or token.role == "filler"
            for token in self.tokens[first + 1 : second]
        )

    # -- one word

    def _claim(self, i: int, sense: Sense) -> Claim | None:
        token = self.tokens[i]
        family, value = sense
        denied = self.scopes.denied[i]
        if denied and token.role == "quality" and self._is_definite(i):
            # "No anger in the loud voice" does not deny that the voice is loud.
            denied = False
        if self._is_thing(i) and denied:
            value, denied = "low", False
        if family != "voice_quality":
            value, denied = self._compared(i, value, denied)
        if value == UNUSUAL:
            if not denied:
                return None
            value, denied = "normal", False
        return Claim(
            _FAMILIES[family],
            _LEVELS.get(value),
            denied,
            self.scopes.hedged[i],
            (token.start, token.end),
            _QUALITIES.get(value),
        )

    def _compared(self, i: int, value: str, denied: bool) -> tuple[str, bool]:
        """ "Less loud" is low, "as loud as usual" is normal, "not as loud as usual" is low."""
        before, after = self._text(i - 1), self._text(i + 1)
        if before == "less":
            return _OPPOSITE[value], denied
        if before != "as" or after not in {"as", "as usual"}:
            return value, denied
        if denied:
            return _OPPOSITE[value], False
        standard = self._text(i + 2)
        if after == "as usual" or standard in _USUAL:
            return "normal", False
        return (UNUSUAL if standard in _OTHER_TIMES else value), False

    def _text(self, i: int) -> str:
        return self.texts[i] if 0 <= i < len(self.texts) else ""

    def _role(self, i: int) -> str:
        return self.tokens[i].role if 0 <= i < len(self.tokens) else ""

    def _is_thing(self, i: int) -> bool:
        return self.tokens[i].role == "thing" or self.tokens[i].kind in {"range", "melody"}

    def _senses(self, i: int) -> list[Sense]:
        """What the word says about its nouns; empty if nothing."""
        token = self.tokens[i]
        if token.entry is None or self.nouns.is_attribute_of_another(i):
            return []
        if token.kind == "range":
            return self._senses_of_range(i)
        if token.kind == "melody":
            return [("pitch_range", "low")] if self._is_missing(i) else []
        if token.role in {"claim", "adverb", "thing"} and (sense := token.entry.sense(ANY)):
            return [sense] if self._applies(i, sense) else []
        if token.text == "as usual" and i and self.tokens[i - 1].claims:
            return []
        if token.text == "less" and self._role(i + 1) == "quality":
            return []
        if token.text in _BEYOND and not self._is_beyond_a_standard(i):
            return []
        found = {position: token.entry.sense(kind) for position, kind in self.nouns.of(i)}
        senses = [sense for sense in found.values() if sense]
        if not senses or (senses[0][1] == "normal" and self._names_a_standard(i)):
            return []
        self.bound.update(k for k, sense in found.items() if sense and sense[1] != UNUSUAL)
        return list(dict.fromkeys(senses))

    def _applies(self, i: int, sense: Sense) -> bool:
        """Whether a word that needs no noun is about the speech."""
        if self.tokens[i].role == "thing":
            return self._is_present(i)
        if self.tokens[i].role == "adverb":
            return self._is_of_speaking(i)
        # Whoever shouts has a voice; "the story drags on", "my heart races".
        return sense[0] in {"loudness", "clarity"} or not self.nouns.is_of_unknown(i)

    def _names_a_standard(self, i: int) -> bool:
        """ "Slower than the usual pace" only names the standard of comparison."""
        before = self.tokens[max(0, i - 4) : i]
        return any(token.text in COMPARED or _is_unusual(token) for token in before)

    def _is_beyond_a_standard(self, i: int) -> bool:
        """ "Above the speaker's average" is high; "rises above it" is said by the verb."""
        following = self.tokens[i + 1 : i + 5]
        is_usual = any(
            token.entry and ("pitch", ("pitch", "normal")) in token.entry.senses
            for token in following
        )
        is_named = is_usual or any(token.text in _NORMS for token in following)
        return is_named and self._role(i - 1) not in {"verb", "quality"}

    def _senses_of_range(self, i: int) -> list[Sense]:
        """ "Variation" claims a range if its nearest noun is one whose melody is measured."""
        if self.texts[i] not in _VARYING:
            return []
        nearest = self.nouns.kinds(i + 1, i + 5)[:1] or self.nouns.kinds(i - REACH, i)[-1:]
        return [("pitch_range", "high")] if _MELODIC.intersection(nearest) else []

    def _is_missing(self, i: int) -> bool:
        """Whether a melody is said not to be there: "without any noticeable inflection"."""
        k = i - 1
        while k > i - 5 and (self._role(k) == "filler" or self._text(k) in _NOTICEABLE):
            k -= 1
        before = f"{self._text(k - 1)} {self._text(k)}"
        return self._text(k) in _LACKING or before in _LACKING

    def _is_present(self, i: int) -> bool:
        """Whether pauses are said to be there, and not only listed: "pitch, pace or pauses"."""
        if self._is_heading(i) or self.texts[max(0, i - 2) : i] == ["sense", "of"]:
            return False
        row = self.nouns.group.get(i, ())
        return not row or row[0] in self.nouns.described or self._is_thing(row[0])

    def _is_heading(self, i: int) -> bool:
        """Whether it begins a line like "Pauses or emphasis: none"."""
        is_first = i <= 3 and all(not one.role or one.role == "noun" for one in self.tokens[:i])
        return is_first and ":" in self.texts[i + 1 : i + 4]

    def _is_of_speaking(self, i: int) -> bool:
        """Whether an adverb describes speech: "speaks quickly", not "quickly became"."""
        is_clearly = self.texts[i] in {"clearly", "and clearly"}
        following = self._text(i + 1)
        if is_clearly and following.endswith("ed") and following not in SPEAKING:
            return False
        clause_begin, clause_end = self.scopes.clause[i]
        begin, end = (i - 4, i) if is_clearly else (i - REACH, min(clause_end, i + 5))
        if self._text(i - 1) in _GOING_ON:
            return True
        return any(
            token.text in SPEAKING or token.kind in {"delivery", "words", "voice"}
            for token in self.tokens[max(clause_begin, begin) : end]
        )

    def _is_definite(self, i: int) -> bool:
        """Whether it follows "the" or similar and precedes its noun, as in "the loud voice"."""
        if not self.nouns.precede(i):
            return False
        for k in range(i - 1, max(NO_NOUN, i - 1 - REACH), -1):
            token = self.tokens[k]
            if token.text in DEFINITE:
                return True
            if token.role not in {"quality", "filler", "claim", "noun"} and (
                token.text not in _JOINING
            ):
                return False
        return False
