"""Emotion words in running text, and whether the text claims, weighs or rejects each.

One pass over the words of a sentence keeps what applies (a denial, a condition, another person, a
concession); each cue opens such a scope, punctuation and contrast close it. The time is linear in
the length of the text, since hostile answers may be long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from itertools import takewhile
from typing import TypeAlias

from whyser.labels.classes import Label
from whyser.labels.lexicon import UNSPACED, Lexicon, LexiconEntry, lexicon


class Standing(Enum):
    """Whether the text claims, weighs or rejects an emotion that it names."""

    CLAIMED = "claimed"
    WEIGHED = "weighed"  # conceded, compared or reported: taken only where nothing is claimed
    REJECTED = "rejected"  # denied, hypothetical, or another person's


@dataclass(frozen=True)
class Mention:
    """An emotion word; `start` is its offset in the text that was searched."""

    start: int
    word: str
    label: Label
    standing: Standing


@dataclass(frozen=True)
class _SentenceToken:
    start: int
    text: str
    entry: LexiconEntry | None = None
    width: int = 1  # how many tokens a phrase takes

    @property
    def is_stop(self) -> bool:
        return self.text[0] in ".!?;\n\u3002"


#: Whether an entry of the lexicon counts.
_Filter: TypeAlias = Callable[[LexiconEntry], bool]

_TOKEN = re.compile(
    rf"(?P<word>[^\W\d_{UNSPACED}]+(?:'[^\W\d_{UNSPACED}]+)*)"
    rf"|(?P<run>[{UNSPACED}]+)"
    r"|(?P<stop>[.!?;\n\u3002][\s.!?]*)"
    r"|(?P<pause>[,:()\[\]/|\u2013\u2014]|(?<=\s)-+(?=\s))"
)
#: Ends the last sentence.
_END = _SentenceToken(-1, ".")
_DENIALS = frozenset({"no", "not", "nope", "nein", "non"})
_PAUSES = frozenset(",:()[]/|\u2013\u2014") | {"-", "--", "---"}


def find_mentions(
    text: str, *, stated: bool = False, table: Lexicon | None = None
) -> list[Mention]:
    """Every emotion word of folded text, in order, with its standing.

    Args: `stated`, whether the text is a stated answer, in which words of use `statement` count
        too. `table` defaults to the shipped lexicon.

    >>> [(m.word, m.standing.value) for m in find_mentions("not angry but sad")]
    [('angry', 'rejected'), ('sad', 'claimed')]
    """
    found: list[Mention] = []
    asked: list[Mention] = []
    sentence: list[_SentenceToken] = []
    tokens = _tokens(text, lambda entry: stated or entry.in_prose, table or lexicon())
    for token in [*tokens, _END]:
        if not token.is_stop:
            sentence.append(token)
            continue
        # A question claims nothing, and the sentence that follows may deny it.
        denied = bool(sentence) and sentence[0].text in _DENIALS
        found += _at_most(asked, Standing.REJECTED if denied else Standing.WEIGHED)
        asked = _judged(sentence) if "?" in token.text else []
        found += [] if asked else _judged(sentence)
        sentence = []
    return found + _at_most(asked, Standing.WEIGHED)


def _at_most(mentions: Sequence[Mention], standing: Standing) -> list[Mention]:
    return [
        mention if mention.standing is Standing.REJECTED else replace(mention, standing=standing)
        for mention in mentions
    ]


# Tokens


def _tokens(text: str, is_open: _Filter, table: Lexicon) -> Iterator[_SentenceToken]:
    """Words, punctuation and emotion words; a phrase of the table is one token."""
    plain: list[_SentenceToken] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "run":
            plain += _split_run(match.start(), match.group(), is_open, table)
        else:
            plain.append(_SentenceToken(match.start(), match.group()))
    phrases = table.spaced
    position = 0
    while position < len(plain):
        token = plain[position]
        if token.text in phrases:
            token = _phrase_at(plain, position, phrases[token.text], is_open) or token
        yield token
        position += token.width


def _phrase_at(
    tokens: Sequence[_SentenceToken],
    position: int,
    entries: Sequence[LexiconEntry],
    is_open: _Filter,
) -> _SentenceToken | None:
    first = tokens[position]
    for entry in entries:
        width = len(entry.parts)
        there = tuple(token.text for token in tokens[position : position + width])
        if there == entry.parts and is_open(entry):
            return _SentenceToken(first.start, entry.word, entry, width)
    return None


#: Inside Chinese and Japanese: what denies what follows, and what ends a denial. The longest
#: match wins, so that "very" (which begins with a negation's character) denies nothing.
_RUN_CUES = {
    "\u975e\u5e38": "",  # very
    "\u4e0d\u4ec5": "",  # not only
    "\u4e0d\u662f": "not", "\u6ca1\u6709": "not", "\u6c92\u6709": "not", "\u5e76\u975e": "not",
    "\u4e0d": "not", "\u6ca1": "not", "\u65e0": "not", "\u7121": "not",
    "\u800c\u662f": "but", "\u4f46": "but", "\u5374": "but",
    "\u5982\u679c": "if",
}  # fmt: skip
_RUN_DENIED_AFTER = re.compile(
    "[\u3041-\u3096]{0,4}?(?:\u306a\u3044|\u307e\u305b\u3093|\u306a\u304b\u3063|\u306a\u304f)"
)


@cache
def _run_pattern(table: Lexicon) -> re.Pattern[str]:
    """Emotion words and cues of writing without spaces, the longest first."""
    known = sorted({*table.unspaced, *_RUN_CUES}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known)))


def _split_run(start: int, run: str, is_open: _Filter, table: Lexicon) -> Iterator[_SentenceToken]:
    for found in _run_pattern(table).finditer(run):
        here, piece = start + found.start(), found.group()
        entry = table.unspaced.get(piece)
        if entry is None:
            yield _SentenceToken(here, _RUN_CUES[piece] or piece)
        elif not is_open(entry):
            continue
        elif _RUN_DENIED_AFTER.match(run, found.end()):
            # Japanese denies after the word; "not" and "but" make it read as elsewhere.
            yield _SentenceToken(here, "not")
            yield _SentenceToken(here, piece, entry)
            yield _SentenceToken(here, "but")
        else:
            yield _SentenceToken(here, piece, entry)


# Scopes


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NEGATIONS = _set(
    "not no nothing nobody never without neither nor hardly barely scarcely cannot non "
    "lacks lacking denies nicht kein keine keinen keiner weder ohne pas aucun aucune ni sans "
    "sin ningun ninguna nessun nessuna senza"
)
#: The first word is a cue only before the second.
_DENYING_PAIRS = frozenset(
    [
        ("rather", "than"), ("instead", "of"), ("far", "from"), ("anything", "but"),
        ("lack", "of"), ("absence", "of"), ("devoid", "of"), ("free", "of"), ("free", "from"),
        ("rule", "out"), ("ruled", "out"), ("ruling", "out"), ("unable", "to"),
        ("difficult", "to"), ("hard", "to"), ("impossible", "to"), ("opposed", "to"),
        ("au", "lieu"), ("anstatt", "von"),
    ]
)  # fmt: skip
#: "not only", "no doubt": no denial.
_HARMLESS_AFTER_NEGATION = _set(
    "only just merely simply doubt question wonder mistaking necessarily nur seulement solo "
    "solamente sure certain completely entirely"
)
_CONTRASTS = _set("but however yet instead rather sondern mais sino pero bensi ma aber plutot then")
_CONDITIONS = _set("if unless whether wenn ob si se")
#: "if I had to choose" asks nothing of the audio.
_HARMLESS_CONDITION = frozenset(
    [("i",), ("forced",), ("asked",), ("anything",), ("we",), ("one", "had"), ("one", "must")]
)
_TURNS = _set("but however yet")
_CONCESSIONS = _set(
    "although though while whereas despite initially than says said claims claimed mentions "
    "mentioned talks talking speaks sometimes"
)
#: What follows is not the final thought.
_AT_FIRST = frozenset(
    [("at", "first"), ("first", "guess"), ("first", "impression"), ("first", "thought"),
     ("starts", "off"), ("starts", "out"), ("started", "off"), ("started", "out")]
)  # fmt: skip
#: "says it in an angry voice": the manner is the speaker's own again.
_MANNERS = _set("voice tone manner way tones voices")
_ARTICLES = _set("a an the her his their")
_BYSTANDERS = _set(
    "listener listeners audience interlocutor addressee others someone somebody everyone "
    "people bystander bystanders"
)
_RELATIONS = _set(
    "friend friends mother father mom mum dad parents boss husband wife brother sister "
    "colleague colleagues partner girlfriend boyfriend neighbor neighbour teacher person "
    "party speaker man woman guy family"
)
_OWNERS = _set("her his their my your another other second")
_BEING = _set(
    "is are was were be been being feels feel felt feeling seems seemed sounds sounded looks "
    "looked appears became becomes become gets got may might could would will has had who"
)
#: What follows "and" where a new clause begins.
_CLAUSE = _BEING | _set("it he she they this that")
_CAUSING = _set("make makes made making leave leaves leaving left")
#: "makes me believe it is fear": what the judge thinks, not what anybody feels.
_BELIEVING = _set("believe think suspect conclude say")
#: At most this many words are between "less" and its "than".
_COMPARED = 6
_COPULAS = _set("is are was were seems seem does do can could would did")
_DENIED_AFTER = _set("not unlikely absent ruled excluded impossible never missing")
_LIST_FILLERS = _set("even a an the really any particularly overly too very nor or")
#: Fixed phrases in which an emotion word names no emotion.
_IDIOMS = (
    re.compile(r"\b(?:happy|glad|pleased|delighted|excited|eager) to (?:help|assist|answer|be of)"),
    re.compile(r"\bi(?:'m| am) afraid\b(?! of)|\bhappy (?:birthday|new year|holidays|christmas)"),
    re.compile(r"\b(?:no surprise|no wonder|for fear of|surprise party|panic button)\b"),
)
_WOULD = re.compile(r"\bwould\b|\b(?:he|she|they|it)'d\b")
_COUNTERFACTUAL = re.compile(r"\b(?:if|had|were|unless|otherwise)\b")
_JUDGES = re.compile(r"\b(?:i|we|one|you) (?:would|could|had to)\b|\bi'd\b")


def _judged(sentence: list[_SentenceToken]) -> list[Mention]:
    """The mentions of one sentence; most sentences have none."""
    if not any(token.entry for token in sentence):
        return []
    line = " ".join(token.text for token in sentence)
    hypothetical_until = _turn(sentence) if _is_hypothetical(line) else 0
    idioms = sum(len(idiom.findall(line)) for idiom in _IDIOMS)
    scope = _Scope(sentence)
    found = []
    for position, token in enumerate(sentence):
        if token.entry is None:
            scope.pass_word(position)
            continue
        standing = scope.standing(position)
        if position < hypothetical_until or (idioms and _in_idiom(sentence, position)):
            standing = Standing.REJECTED
        found.append(Mention(token.start, token.text, token.entry.label, standing))
    return found


def _is_hypothetical(line: str) -> bool:
    """Whether the sentence is about what would be, not what is."""
    if not _WOULD.search(line) or _JUDGES.search(line):
        return False
    anyone = r"(?:an?|any) \w+ (?:\w+ )?would\b|\w+ would\b(?! (?:be|say)$)"
    return bool(_COUNTERFACTUAL.search(line) or re.match(anyone, line))


def _turn(sentence: list[_SentenceToken]) -> int:
    """Where "she would be angry, but ..." turns to what is; the end if it does not."""
    would = next((i for i, token in enumerate(sentence) if _WOULD.search(token.text)), 0)
    turns = (i for i in range(would, len(sentence)) if sentence[i].text in _TURNS)
    return next(turns, len(sentence))


def _in_idiom(sentence: list[_SentenceToken], position: int) -> bool:
    near = " ".join(token.text for token in sentence[max(0, position - 2) : position + 3])
    return any(idiom.search(near) for idiom in _IDIOMS)


class _Scope:
    """The cues that apply to the current word of a sentence."""

    def __init__(self, sentence: list[_SentenceToken]) -> None:
        self.sentence = sentence
        self.texts = [token.text for token in sentence]
        self.clear()

    def clear(self) -> None:
        self.denied = self.conceded = self.elsewhere = False

    def pass_word(self, position: int) -> None:
        """Updates the cues by a word that names no emotion."""
        word = self.texts[position]
        following = tuple(self.texts[position + 1 : position + 3])
        if word in _PAUSES:
            if not self._list_goes_on(position):
                self.clear()
        elif (word, *following[:1]) in _DENYING_PAIRS:
            self.denied = True
        elif (word, *following[:1]) in _AT_FIRST:
            self.conceded = True
        elif word == "less" and "than" in self.texts[position + 1 : position + 1 + _COMPARED]:
            # "less X than Y" claims Y.
            self.conceded = True
        elif word == "than" and "less" in self.texts[max(0, position - _COMPARED) : position]:
            self.clear()
        elif word == "in" and self._is_manner(position):
            self.conceded = False
        elif word in _CONTRASTS or (word == "and" and _CLAUSE.intersection(following[:1])):
            self.clear()
        elif word in _NEGATIONS or word.endswith("n't"):
            is_harmless = _HARMLESS_AFTER_NEGATION.intersection(following[:1])
            self.denied |= not is_harmless and following != ("a", "doubt")
        elif word in _CONDITIONS:
            self.denied |= self._is_condition(position, following)
        elif word in _CONCESSIONS:
            # "I would say", but "I initially thought".
            is_own = self._previous(position) in {"i", "would", "i'd"}
            self.conceded |= word == "initially" or not is_own
        elif self._is_other_person(position, word, following):
            self.elsewhere = True

    def standing(self, position: int) -> Standing:
        if self.denied or self.elsewhere or self._is_denied_after(position):
            return Standing.REJECTED
        return Standing.WEIGHED if self.conceded else Standing.CLAIMED

    def _previous(self, position: int) -> str:
        return self.texts[position - 1] if position else ""

    def _list_goes_on(self, position: int) -> bool:
        """Whether a comma is inside a list such as "not happy, sad, or angry", all of it denied."""
        if self.texts[position] != ",":
            return False
        window = self.sentence[position + 1 : position + 13]
        listed = takewhile(
            lambda token: token.entry or token.text == "," or token.text in _LIST_FILLERS, window
        )
        return any(token.text in {"or", "nor"} for token in listed)

    def _is_manner(self, position: int) -> bool:
        after = self.texts[position + 1 : position + 6]
        return bool(_ARTICLES.intersection(after[:1]) and _MANNERS.intersection(after))

    def _is_condition(self, position: int, following: tuple[str, ...]) -> bool:
        if self._previous(position) in {"as", "even"}:
            return False
        return following[:1] not in _HARMLESS_CONDITION and following not in _HARMLESS_CONDITION

    def _is_other_person(self, position: int, word: str, following: tuple[str, ...]) -> bool:
        if word in _CAUSING:
            if following[:1] == ("me",) and _BELIEVING.intersection(following):
                return False
            near = {*following, *self.texts[position + 3 : position + 4]}
            return bool(near & (_BYSTANDERS | {"me", "us", "you"}))
        person, _, possessive = word.partition("'")
        is_related = person in _RELATIONS and self._previous(position) in _OWNERS
        known = is_related or person in _BYSTANDERS
        return known and (possessive == "s" or bool(_BEING.intersection(following[:1])))

    def _is_denied_after(self, position: int) -> bool:
        """Whether "anger is not", "fear can be ruled out" or the like follows the word."""
        near = self.texts[position + 1 : position + 4]
        first, *rest = *takewhile(lambda text: text not in _PAUSES, near), ""
        is_denied = first in _COPULAS and bool(_DENIED_AFTER.intersection(rest))
        return is_denied or first.endswith("n't")
