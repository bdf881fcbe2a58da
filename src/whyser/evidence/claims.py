"""Read what a text claims about the sound of a voice (docs/design.md, "Evidence vocabulary").

Sentences are split into clauses; a negation or a hedge applies to the rest of its clause. A word
that claims is bound to its noun, which follows it ("a high, thin voice") or precedes it ("the voice
is high"), and the noun decides what the word means (lexicon.py). Quotations, general or
hypothetical statements, and statements about other people or anything but the voice claim nothing.
Every search around a word has a fixed reach, so the time is linear in the text, even a hostile one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal, get_args

from whyser.evidence.lexicon import ANY, ClaimEntry, Sense, lexicon

ClaimFamily = Literal[
    "pitch", "pitch_range", "loudness", "rate", "pauses", "voice_quality", "clarity"
]
ClaimLevel = Literal["low", "normal", "high"]
Quality = Literal["breathy", "harsh", "tremulous", "creaky", "tense", "smooth"]

CLAIM_FAMILIES: tuple[ClaimFamily, ...] = get_args(ClaimFamily)
_LEVELS: dict[str, ClaimLevel] = {level: level for level in get_args(ClaimLevel)}
_QUALITIES: dict[str, Quality] = {quality: quality for quality in get_args(Quality)}
_FAMILIES: dict[str, ClaimFamily] = {family: family for family in CLAIM_FAMILIES}
_OPPOSITE = {"high": "low", "low": "high", "normal": "normal"}


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
    was said and not how: it claims nothing.

    >>> claims = read_claims("The voice is not loud, but perhaps the pace is quick.")
    >>> [(claim.family, claim.value, claim.negated, claim.hedged) for claim in claims]
    [('loudness', 'high', True, False), ('rate', 'high', False, True)]
    """
    claims: list[Claim] = []
    tokens = _merged(_plain_tokens(text, transcript))
    for sentence in _sentences(tokens):
        # Most sentences of a hostile text, and many of an honest one, end here.
        if any(token.claims for token in sentence):
            claims += _Sentence(sentence).claims()
    return claims


# ---- tokens ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _ClaimToken:
    start: int
    end: int
    text: str
    entry: ClaimEntry | None = None
    is_owner: bool = False  # "speaker's" says whose voice it is, and is never described itself

    @property
    def role(self) -> str:
        return self.entry.role if self.entry else ""

    @property
    def kind(self) -> str:
        return self.entry.kind if self.entry else ""

    @property
    def claims(self) -> bool:
        return self.role in _CLAIMING or self.kind == "range"


_CLAIMING = frozenset({"quality", "verb", "adverb", "thing", "claim"})
#: Replaces a quotation: a noun that is no voice.
_QUOTE = "\ufffc"
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+|\n|[.!?;,:()\u2014\u2013]")
#: The length is limited: a text of only opening marks would otherwise take quadratic time.
_QUOTED = re.compile(
    r'"[^"\n]{0,1000}"|\u201c[^\u201d\n]{0,1000}\u201d'
    r"|(?<!\w)'[^'\n]{1,200}(?:'\w[^'\n]{0,200}){0,9}'(?!\w)"
)
_SHORTEST_ECHO = 3


def _plain_tokens(text: str, transcript: str) -> list[_ClaimToken]:
    """Words and punctuation; a quotation is one token, and so is each word of an echo."""
    straight = text.replace("\u2019", "'").replace("\u2018", "'")
    tokens: list[_ClaimToken] = []
    position = 0
    for quoted in _QUOTED.finditer(straight):
        tokens += _words(straight, position, quoted.start())
        tokens.append(_ClaimToken(quoted.start(), quoted.end(), _QUOTE))
        position = quoted.end()
    tokens += _words(straight, position, len(straight))
    return _without_echoes(tokens, transcript) if transcript else tokens


def _words(text: str, begin: int, end: int) -> Iterator[_ClaimToken]:
    for match in _TOKEN.finditer(text, begin, end):
        word = match.group().lower()
        owner = word.endswith("'s") and word not in _CONTRACTED
        text = word.removesuffix("'s") if owner else word
        yield _ClaimToken(match.start(), match.end(), text, is_owner=owner)


def _without_echoes(tokens: list[_ClaimToken], transcript: str) -> list[_ClaimToken]:
    said = [token.text for token in _words(transcript.replace("\u2019", "'"), 0, len(transcript))]
    said = [word for word in said if word[0].isalnum()]
    known = {tuple(said[i : i + _SHORTEST_ECHO]) for i in range(len(said) - _SHORTEST_ECHO + 1)}
    echoed: set[int] = set()
    for start in range(len(tokens) - _SHORTEST_ECHO + 1):
        run = range(start, start + _SHORTEST_ECHO)
        if tuple(tokens[i].text for i in run) in known:
            echoed.update(run)
    return [
        _ClaimToken(token.start, token.end, _QUOTE) if position in echoed else token
        for position, token in enumerate(tokens)
    ]


def _merged(tokens: Sequence[_ClaimToken]) -> list[_ClaimToken]:
    """Tokens with their lexicon entries; a phrase of the lexicon becomes one token."""
    table = lexicon()
    merged: list[_ClaimToken] = []
    position = 0
    while position < len(tokens):
        token, width = tokens[position], 1
        for entry in table.get(token.text, ()):
            parts = tokens[position : position + len(entry.parts)]
            if tuple(part.text for part in parts) == entry.parts:
                width = len(parts)
                last = parts[-1]
                text = " ".join(entry.parts)
                token = _ClaimToken(token.start, last.end, text, entry, last.is_owner)
                break
        merged.append(token)
        position += width
    return merged


def _sentences(tokens: Iterable[_ClaimToken]) -> Iterator[list[_ClaimToken]]:
    for is_stop, group in groupby(tokens, lambda token: token.text in _STOPS):
        if not is_stop:
            yield list(group)


# ---- the small words ---------------------------------------------------------------------


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _pairs(pairs: str) -> frozenset[str]:
    return frozenset(pairs.split(", "))


_STOPS = _set(". ! ? ;") | {"\n"}
_PAUSES = _set(", ( ) \u2014 \u2013")
_DEFINITE = _set("the this that these those her his their its my your speaker")
_DETERMINERS = _DEFINITE | _set("a an some any each every")
_LISTING = _set("and or nor but")
_BREAKS = _set(
    "but however while whereas although though yet because since which who whose when until so"
)
#: Here the apostrophe is short for "is" or "has".
_CONTRACTED = _set("it's that's there's he's she's what's who's here's let's")
_SUBJECTS = _DEFINITE | _set("there it he she they i we")
_LINKS = _set(
    "start starts started begins is are was were be been being am sounds sound sounded stays "
    "stay stayed staying remains "
    "remain remained remaining becomes become became becoming gets get got keeps kept lies lie "
    "lay comes come came coming runs run ran turns turned feels felt described : it's that's "
    "there's has have had having carries carry carried shows with delivered as to out in by from "
    "tends tend held holds keep made makes goes go went does do did"
)
_COPULAS = _set(
    "be start starts started begins is are was were be been sounds stays remains becomes comes come"
)
_SPEAKING = _set(
    "speak speaks spoke spoken speaking talk talks talked talking say says said saying deliver "
    "delivers delivered utter utters uttered answer answers answered reply replies replied read "
    "reads pronounced pronounces articulated come comes came tumble tumbles tumbled flow flows "
    "voiced"
)
_HEDGES = _set(
    "might may could perhaps maybe possibly probably likely seems seem seemed seemingly appears "
    "appear appeared possible presumably apparently potentially conceivably think guess suppose "
    "suspect unsure uncertain"
)
_NEGATIONS = _set(
    "not no never without neither nor hardly barely scarcely cannot lacks lacking lacked nothing "
    "none"
)
_DENYING_PAIRS = _pairs(
    "rather than, instead of, far from, anything but, lack of, absence of, devoid of, free of, "
    "free from, opposed to, unlike a"
)
_HARMLESS_AFTER_NEGATION = _set("only just merely simply doubt question necessarily")
_COMPARED = _set("than above below beyond")
#: Words that a preceding adjective cannot modify.
_FUNCTION = (
    _PAUSES | _DETERMINERS | _LISTING | _BREAKS | _LINKS | _SUBJECTS | _NEGATIONS | _HEDGES
    | _COMPARED
    | _set(
        "at on of for throughout during overall here now then toward towards through until before "
        "after enough across over under into about like if even for them him me us if whether "
        "suggests suggest indicates indicate reflects reflect conveys convey implies imply points "
        "point mark marks today already together such can will would should must"
    )
)  # fmt: skip
#: Skipped between a noun and its predicate: "by no means", "far from", "in this clip".
_PLACES = _set("means far clip recording audio segment passage end beginning start whole entire")
_PERSONS = _set("he she they")
_PRONOUNS = _set("it this that which they")
_GENERAL = _set("usually typically generally commonly normally")
_TOLD = _set(
    "expect expects expected describes describing mentions mentioning tells telling told asks "
    "asking wants request wanted compared threatens complains complaining insists imagines "
    "remembers recalls"
)
_TOLD_PAIRS = _pairs(
    "says that, said that, talks about, talking about, speaks about, people who, speaks of"
)
_OTHERS = _set(
    "someone somebody interviewer interviewers listener listeners audience crowd others bystander "
    "caller host neighbours neighbors people children"
)
_RELATIONS = _set(
    "friend friends mother father mom mum dad parents boss husband wife brother sister colleague "
    "colleagues partner girlfriend boyfriend neighbor neighbour teacher son daughter"
)
_OTHER_BEFORE = _set("other another second")
_OTHER_RANGES = (["volume"], ["pace"])
_VARYING = ("variation", "variations", "variability", "fluctuation", "fluctuations")

#: Tokens within which a word looks for its noun.
_REACH = 14

_FOREIGN = "foreign"


# ---- one sentence ------------------------------------------------------------------------


class _Sentence:
    """Finds the claims of one sentence; `bound` holds the nouns that a word describes."""

    def __init__(self, tokens: list[_ClaimToken]) -> None:
        self.tokens = [
            self._as_used(token, tokens[position - 1].text if position else "")
            for position, token in enumerate(tokens)
        ]
        self.texts = [token.text for token in self.tokens]
        self.begin, self.end = 0, len(tokens)  # of the clause that is read
        self.bound: set[int] = set()
        self.noun = -1  # that the last word was bound to

    @staticmethod
    def _as_used(token: _ClaimToken, before: str) -> _ClaimToken:
        """Drops the entry of "sound" as a verb: "they sound loud", not "the sound is loud"."""
        if token.text == "sound" and before not in _DEFINITE:
            return _ClaimToken(token.start, token.end, token.text)
        return token

    def claims(self) -> list[Claim]:
        found: list[tuple[int, Claim]] = []
        for begin, end in pairwise([0, *self._clause_starts(), len(self.tokens)]):
            found += self._claims_of_clause(begin, end)
        return [claim for i, claim in found if not (self._is_thing(i) and i in self.bound)]

    def _clause_starts(self) -> Iterator[int]:
        for i, text in enumerate(self.texts[1:], start=1):
            if (
                text in _BREAKS
                or (text in _PAUSES and not self._list_continues(i))
                or (text in {"and", "or"} and self._text(i + 1) in _SUBJECTS)
            ):
                yield i

    def _text(self, i: int) -> str:
        return self.texts[i] if 0 <= i < len(self.texts) else ""

    def _list_continues(self, comma: int) -> bool:
        """True in "not loud, harsh, or fast"; false in "not loud, and long pauses", where a second
        noun starts a new clause."""
        if self._is_adjective_between(comma + 1):
            return True
        listed = joined = False
        for token in self.tokens[comma + 1 : comma + 1 + _REACH]:
            joined = joined or (token.text in _LISTING and not listed)
            if token.role in {"quality", "claim", "adverb"}:
                listed = True
            elif token.role == "noun" or token.kind:
                return listed and not joined
            elif token.text not in _LISTING and token.role != "filler":
                break
        return listed

    def _is_adjective_between(self, i: int) -> bool:
        """Whether an unknown word is used like "angry" in "a loud, angry voice"."""
        if not 1 < i < len(self.tokens) - 1 or self.tokens[i].role:
            return False
        is_unknown = self.texts[i] not in _FUNCTION and self.tokens[i - 2].role == "quality"
        return is_unknown and self.tokens[i + 1].role == "noun"

    # -- scopes

    def _claims_of_clause(self, begin: int, end: int) -> Iterator[tuple[int, Claim]]:
        """The claims between two positions, each with its own position."""
        self.begin, self.end = begin, end
        general = self._is_general()
        denied = hedged = void = False
        for i in range(begin, end):
            token = self.tokens[i]
            denied = denied or self._denies(i)
            hedged = hedged or token.text in _HEDGES
            void = void or self._turns_away(i)
            if void or not token.claims:
                continue
            senses = self._senses(i)
            if not senses or (general and not self._is_definite(i)):
                continue
            for sense in senses:
                yield i, self._claim(i, sense, denied, hedged)

    def _denies(self, i: int) -> bool:
        word, following = self.texts[i], self._text(i + 1)
        if f"{word} {following}" in _DENYING_PAIRS:
            return True
        is_negation = word in _NEGATIONS or word.endswith("n't")
        return is_negation and following not in _HARMLESS_AFTER_NEGATION

    def _is_general(self) -> bool:
        """Whether the clause states a rule or a hypothesis."""
        for i in range(self.begin, self.end):
            word, following = self.texts[i], self._text(i + 1)
            if word == "would" and following != "say":
                return True
            if word == "often" and following == "associated":
                return True
            if word in _GENERAL and not _COMPARED.intersection(self.texts[max(0, i - 3) : i]):
                return True
        return False

    def _turns_away(self, i: int) -> bool:
        """Whether the rest of the clause is about something other than this voice."""
        before, word, following = self._text(i - 1), self.texts[i], self._text(i + 1)
        if word in _TOLD | _OTHERS or f"{word} {following}" in _TOLD_PAIRS:
            return True
        if word in {"if", "unless", "whether"}:
            return before not in {"as", "even"}
        if word in _RELATIONS:
            return before in _DETERMINERS
        if word in _OTHER_BEFORE:
            return following in {"speaker", "person", "voice", "man", "woman"}
        return i == self.begin and "background" in self.texts[i : self.end]

    # -- one word

    def _claim(self, i: int, sense: Sense, denied: bool, hedged: bool) -> Claim:
        token = self.tokens[i]
        family, value = sense
        if denied and token.role == "quality" and self._is_definite(i):
            # "No anger in the loud voice" does not deny that the voice is loud.
            denied = False
        if denied and self._is_thing(i):
            value, denied = "low", False
        if family != "voice_quality":
            value, denied = self._compared(i, value, denied)
        return Claim(
            _FAMILIES[family],
            _LEVELS.get(value),
            denied,
            hedged,
            (token.start, token.end),
            _QUALITIES.get(value),
        )

    def _compared(self, i: int, value: str, denied: bool) -> tuple[str, bool]:
        """ "Less loud" is low, "as loud as usual" is normal, "not as loud as usual" is low."""
        before, after = self._text(i - 1), self._text(i + 1)
        if before == "less":
            return _OPPOSITE[value], denied
        if before == "as" and after in {"as", "as usual"}:
            if denied:
                return _OPPOSITE[value], False
            return ("normal" if after == "as usual" else value), False
        return value, denied

    def _is_thing(self, i: int) -> bool:
        return self.tokens[i].role == "thing" or self.tokens[i].kind == "range"

    def _senses(self, i: int) -> list[Sense]:
        """What the word says about its noun, or about two: "pitch and volume are high"."""
        self.noun = -1
        sense = self._sense(i)
        entry, noun = self.tokens[i].entry, self.noun
        if sense is None or entry is None or noun < 0:
            return [sense] if sense else []
        step = 1 if noun > i else -1
        joint, second = noun + step, noun + 2 * step
        if not 0 <= second < len(self.tokens) or self.texts[joint] != "and":
            return [sense]
        # "High pitch and volume rises": the second noun has a predicate of its own.
        is_subject = step > 0 and second + 1 < len(self.tokens) and self._says_of_noun(second + 1)
        other = None if is_subject else entry.sense(self.tokens[second].kind or "-")
        return [sense, other] if other and other != sense else [sense]

    def _says_of_noun(self, i: int) -> bool:
        return self.texts[i] in _COPULAS or self.tokens[i].role in {"verb", "thing", "quality"}

    def _sense(self, i: int) -> Sense | None:
        """What the word says about the voice, given its noun; None if nothing."""
        token = self.tokens[i]
        if token.entry is None:
            return None
        if token.kind == "range":
            return self._sense_of_range(i)
        if token.role in {"claim", "adverb", "thing"} and (sense := token.entry.sense(ANY)):
            return sense if token.role != "adverb" or self._is_of_speaking(i) else None
        if token.text == "as usual" and i and self.tokens[i - 1].claims:
            return None
        if token.text == "less" and self._role(i + 1) == "quality":
            return None
        sense = token.entry.sense(self._kind_for(i))
        if sense and sense[1] == "normal" and _COMPARED.intersection(self.texts[max(0, i - 4) : i]):
            # "Slower than the usual pace" only names the standard of comparison.
            return None
        if sense:
            self.bound.add(self.noun)
        return sense

    def _sense_of_range(self, i: int) -> Sense | None:
        """ "Variation" claims a range if its nearest noun is one whose melody is measured."""
        if self.texts[i] not in _VARYING:
            return None
        nearest = self._kinds(i + 1, i + 5)[:1] or self._kinds(i - _REACH, i)[-1:]
        known = {"pitch", "melody", "tone", "voice", "delivery"}
        return ("pitch_range", "high") if known.intersection(nearest) else None

    def _kinds(self, begin: int, end: int) -> list[str]:
        """The kinds of the nouns between two positions."""
        return [token.kind for token in self.tokens[max(0, begin) : end] if token.role == "noun"]

    def _role(self, i: int) -> str:
        return self.tokens[i].role if 0 <= i < len(self.tokens) else ""

    def _is_of_speaking(self, i: int) -> bool:
        """Whether an adverb describes speech: "speaks quickly", not "quickly became"."""
        is_clearly = self.texts[i] in {"clearly", "and clearly"}
        begin, end = (i - 4, i) if is_clearly else (i - _REACH, min(self.end, i + 5))
        return any(
            token.text in _SPEAKING or token.kind in {"delivery", "words", "voice"}
            for token in self.tokens[max(self.begin, begin) : end]
        )

    # -- nouns

    def _kind_for(self, i: int) -> str:
        ahead = self._noun_ahead(i)
        return "" if ahead == _FOREIGN else ahead or self._noun_behind(i)

    def _noun_ahead(self, i: int) -> str:
        """Kind of the noun that follows the word; foreign if it is not a property of a voice."""
        passes = _DETERMINERS if self.tokens[i].role == "verb" else frozenset[str]()
        listed = False
        for k in range(i + 1, min(self.end, i + 1 + _REACH)):
            token = self.tokens[k]
            if token.text in {"in", "to"} and k == i + 1:
                passes = _DETERMINERS
            elif (token.role == "noun" or token.kind) and token.text not in _PERSONS:
                # "Pitch is low and volume is high": the volume belongs to the next statement.
                apart = self.texts[k - 1] in _LISTING | _PAUSES
                return "" if listed and (apart or self._is_predicate(i)) else self._head(k)
            elif token.text in _LISTING or token.text == ",":
                listed = True
            elif token.text in _PERSONS:
                return ""
            elif self.texts[k - 1] == "," and self._is_adjective_between(k):
                continue
            elif token.role not in {"filler", "quality", "claim"} and token.text not in passes:
                return "" if listed or self._ends_phrase(token) else _FOREIGN
        return ""

    def _is_predicate(self, i: int) -> bool:
        k = i - 1
        while k > 0 and self.tokens[k].role == "filler":
            k -= 1
        return self._text(k) in _COPULAS

    @staticmethod
    def _ends_phrase(token: _ClaimToken) -> bool:
        """Whether the word before this one cannot be its adjective."""
        is_verb = token.text.endswith(("ing", "ly", "n't"))
        return bool(token.role) or token.text in _FUNCTION or is_verb

    def _head(self, first: int) -> str:
        """Kind of the last of several nouns ("pitch range"); a level has the kind of its owner."""
        last = first
        while self._role(last + 1) == "noun":
            last += 1
        kind = self.tokens[last].kind
        self.noun = last
        if kind == "level":
            return self._owner(last) or self._noun_behind(first)
        is_other_range = kind == "range" and self._kinds(last + 1, last + 5)[:1] in _OTHER_RANGES
        return _FOREIGN if kind == "person" or is_other_range else kind

    def _owner(self, i: int) -> str:
        """Kind of the noun in "level of volume"; foreign in "level of stress"."""
        if self._text(i + 1) != "of":
            return ""
        return next(iter(self._kinds(i + 2, i + 5)), _FOREIGN)

    def _noun_behind(self, i: int) -> str:
        """Kind of the noun that precedes the word and that it describes."""
        for k in range(i - 1, max(-1, i - 1 - _REACH), -1):
            token = self.tokens[k]
            if token.text in _COMPARED and self.texts[k - 1] != "rather":
                return ""
            if token.is_owner or self._is_measure(k):
                continue
            if token.text in _SPEAKING and self.texts[k - 1 : k] != ["the"] and k + 1 <= i:
                if token.text not in {"come", "comes", "came"}:
                    return "delivery"
                continue
            if token.role == "noun" or token.kind:
                self.noun = self._leftmost(k)
                return self.tokens[self.noun].kind
            if token.text in _PRONOUNS:
                return self._last_noun_before(k)
            if not self._is_passed(k) and not self._is_first_of_two(k):
                return ""
        return "delivery" if self._opens(i) else ""

    def _is_measure(self, k: int) -> bool:
        """Whether a noun is used like "pitch" in "higher in pitch and louder"."""
        return k > 1 and self.texts[k - 1] == "in" and self.tokens[k - 2].role == "quality"

    def _is_first_of_two(self, k: int) -> bool:
        """Whether an unknown word is used like "calm" in "is calm and low"."""
        is_listed = self.texts[k + 1] in _LISTING | {","}
        return is_listed and (self._text(k - 1) in _LINKS or self._role(k - 1) == "filler")

    def _is_passed(self, k: int) -> bool:
        token = self.tokens[k]
        return (
            token.role in {"filler", "quality", "claim", "adverb", "verb", "thing"}
            or token.text in _FUNCTION | _PLACES
            or token.text.endswith(("n't", "ly"))
        )

    def _leftmost(self, k: int) -> int:
        """From "speaker" in "the tone of the speaker" to "tone"."""
        head = k
        while (owner := self._noun_it_is_of(head)) is not None and k - owner <= _REACH:
            head = owner
        return head

    def _noun_it_is_of(self, k: int) -> int | None:
        for j in range(k - 1, max(0, k - 5), -1):
            if self.texts[j] in {"of", "in"}:
                return j - 1 if self.tokens[j - 1].role == "noun" else None
            if self.texts[j] not in _DETERMINERS:
                return None
        return None

    def _last_noun_before(self, k: int) -> str:
        before = reversed(self.tokens[max(0, k - _REACH) : k])
        return next((one.kind for one in before if one.role == "noun" and not one.is_owner), "")

    def _opens(self, i: int) -> bool:
        """Whether only similar words precede it: "Loud and fast, the words ..."."""
        return i <= _REACH and all(
            token.role in {"quality", "claim", "filler", "adverb"} or token.text in _LISTING | {","}
            for token in self.tokens[:i]
        )

    def _is_definite(self, i: int) -> bool:
        """Whether it follows "the" or similar and precedes its noun, as in "the loud voice"."""
        if self._noun_ahead(i) in {"", _FOREIGN}:
            return False
        for k in range(i - 1, max(-1, i - 1 - _REACH), -1):
            token = self.tokens[k]
            if token.text in _DEFINITE:
                return True
            if token.role not in {"quality", "filler", "claim", "noun"} and (
                token.text not in _LISTING and token.text != ","
            ):
                return False
        return False
