"""Emotion words in running text, and whether the text claims, weighs or rejects each.

One pass over the words of a sentence keeps what applies (a denial, a condition, another person, a
concession); each cue opens such a scope, punctuation and contrast close it. The time is linear in
the length of the text, since hostile answers may be long.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from importlib import resources
from itertools import takewhile
from typing import NamedTuple, TypeAlias

from whyser.labels.classes import Label
from whyser.labels.lexicon import SPACED_WORD, UNSPACED, Lexicon, LexiconEntry, fold, lexicon, words

#: What ends a sentence, in any of the languages of the table.
STOPS = ".!?;\n\u3002\u0964\u061f\u06d4"

#: This many different classes in one place are a list of options, not an answer.
TOO_MANY = 4


class Standing(Enum):
    """Whether the text claims, weighs or rejects an emotion that it names."""

    ASCRIBED = "ascribed"  # claimed of the speaker or the voice: "she sounds sad"
    CLAIMED = "claimed"
    WEIGHED = "weighed"  # conceded, compared or reported: taken only where nothing is claimed
    REJECTED = "rejected"  # denied, hypothetical, or another person's


@dataclass(frozen=True)
class Mention:
    """An emotion word."""

    word: str
    label: Label
    standing: Standing

    @property
    def is_claimed(self) -> bool:
        return self.standing in {Standing.ASCRIBED, Standing.CLAIMED}


class _Token(NamedTuple):
    text: str
    entry: LexiconEntry | None = None


#: Whether an entry of the lexicon counts.
_Filter: TypeAlias = Callable[[LexiconEntry], bool]

_SENTENCE = re.compile(rf"([^{STOPS}]+)([{STOPS}]?[\s.!?]*)")
_TOKEN = re.compile(
    rf"(?P<word>{SPACED_WORD})"
    rf"|(?P<run>[{UNSPACED}]+)"
    r"|(?P<pause>[,:()\[\]/|\u2013\u2014\u2192\u3001\u060c]|(?<=\s)[-=]+>?(?=\s))"
)
_ASKS = frozenset("?\u061f")
_DENIED_BEGINNING = re.compile(r"\W*(?:no|not|nope|nein|non)\b")
_COMMAS = frozenset(",\u3001\u060c")
_PAUSES = frozenset(":()[]/|\u2013\u2014\u2192") | {"-", "--", "---", "->", "=>"} | _COMMAS


def find_mentions(
    text: str, *, stated: bool = False, table: Lexicon | None = None
) -> list[Mention]:
    """Every emotion word of folded text, in order, with its standing.

    Args: `stated`, whether the text is a stated answer, in which words of use `statement` count
        too. `table` defaults to the shipped lexicon.

    >>> [(m.word, m.standing.value) for m in find_mentions("not angry but sad")]
    [('angry', 'rejected'), ('sad', 'claimed')]
    """
    table = table or lexicon()
    found: list[Mention] = []
    asked: list[Mention] = []
    for sentence in _SENTENCE.finditer(text):
        said, stop = sentence.groups()
        if asked:
            # A question claims nothing, and the sentence that follows may deny it.
            denied = _DENIED_BEGINNING.match(said)
            found += _at_most(asked, Standing.REJECTED if denied else Standing.WEIGHED)
            asked = []
        if not _may_name(said, table):
            continue
        named = _judged(_tokens(said, lambda one: stated or one.use != "statement", table))
        if _ASKS.intersection(stop):
            asked = named
        else:
            found += named
    return found + _at_most(asked, Standing.WEIGHED)


def _may_name(said: str, table: Lexicon) -> bool:
    """Whether the text has a word with which an entry begins; most sentences have none."""
    parts = words(said)
    if not table.spaced.keys().isdisjoint(parts):
        return True
    return any(_IS_UNSPACED.match(part) or table.stem(part) for part in parts)


_IS_UNSPACED = re.compile(f"[{UNSPACED}]")


def _at_most(mentions: Sequence[Mention], standing: Standing) -> list[Mention]:
    return [
        mention if mention.standing is Standing.REJECTED else replace(mention, standing=standing)
        for mention in mentions
    ]


# Tokens


def _tokens(said: str, is_open: _Filter, table: Lexicon) -> list[_Token]:
    """Words, punctuation and emotion words of a sentence; a phrase of the table is one token."""
    plain: list[_Token] = []
    connectives = _connectives()
    for match in _TOKEN.finditer(said):
        piece = match.group()
        if match.lastgroup == "run":
            plain += _split_run(piece, is_open, table)
        elif piece in connectives:
            plain += map(_Token, connectives[piece])
        else:
            plain.append(_Token(piece))
    joined: list[_Token] = []
    position = 0
    while position < len(plain):
        token = plain[position]
        entry = token.entry or _entry_at(plain, position, is_open, table)
        joined.append(_Token(token.text, entry) if entry else token)
        position += len(entry.parts) if entry else 1
    return joined


def _entry_at(
    tokens: Sequence[_Token], position: int, is_open: _Filter, table: Lexicon
) -> LexiconEntry | None:
    first = tokens[position].text
    for entry in table.spaced.get(first, ()):
        parts = entry.parts
        there = [token.text for token in tokens[position : position + len(parts)]]
        if there == list(parts) and is_open(entry):
            return entry
    stem = table.stem(first)
    return stem if stem and is_open(stem) else None


@cache
def _connectives() -> dict[str, tuple[str, ...]]:
    """Folded word of another language -> the English cues that stand for it.

    "isn't but" denies what precedes and ends there: Hindi, Japanese and Korean deny after the word.
    No cue at all is for what only begins as a denial does, such as "very" in Chinese.
    """
    table = resources.files(__package__).joinpath("connectives.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(table.splitlines())
    return {fold(row["word"]): tuple(row["english"].split()) for row in rows}


@cache
def _run_pattern(table: Lexicon) -> re.Pattern[str]:
    """Emotion words and connectives of writing without spaces, the longest first."""
    connectives = filter(_IS_UNSPACED.match, _connectives())
    known = sorted({*table.unspaced, *connectives}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known)))


def _split_run(run: str, is_open: _Filter, table: Lexicon) -> Iterator[_Token]:
    for piece in _run_pattern(table).findall(run):
        entry = table.unspaced.get(piece)
        if entry is None:
            yield from map(_Token, _connectives()[piece])
        elif is_open(entry):
            yield _Token(piece, entry)


# Scopes


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NEGATIONS = _set(
    "not no nothing nobody never without neither nor hardly barely scarcely cannot non none "
    "lacks lacking denies"
)
#: The first word is a cue only before the second.
_DENYING_PAIRS = frozenset(
    [
        ("rather", "than"), ("instead", "of"), ("far", "from"), ("anything", "but"),
        ("lack", "of"), ("absence", "of"), ("devoid", "of"), ("free", "of"), ("free", "from"),
        ("rule", "out"), ("ruled", "out"), ("ruling", "out"), ("unable", "to"),
        ("difficult", "to"), ("hard", "to"), ("impossible", "to"), ("opposed", "to"),
    ]
)  # fmt: skip
#: "not only", "no doubt": no denial.
_HARMLESS_AFTER_NEGATION = _set(
    "only just merely simply doubt question wonder mistaking necessarily sure certain completely "
    "entirely"
)
_CONTRASTS = _set(
    "but however yet instead rather then now later afterwards finally "
    # "cannot hide her fear", "a smile that masks her fear"
    "hide hides hiding mask masks masking conceal conceals belie belies contain suppress miss "
    "overlook ignore disguise disguises"
)
_CONTRASTING_PAIRS = frozenset(
    [("is", "really"), ("is", "actually"), ("turns", "out"), ("in", "fact"), ("in", "reality")]
)
_CONDITIONS = _set("if unless whether")
#: "if I had to choose" asks nothing of the audio.
_HARMLESS_CONDITION = frozenset(
    [("i",), ("forced",), ("asked",), ("anything",), ("we",), ("one", "had"), ("one", "must")]
)
_TURNS = _set("but however yet")
_CONCESSIONS = _set(
    "although though while whereas despite than says said claims claimed mentions mentioned talks "
    "talking speaks sometimes expect expects expected thought assumed suspected pretends pretend "
    "pretending feigns feigned fake apparent supposed seeming ostensible superficial behind beneath "
    "underneath about"
)
#: What is said, or heard besides the voice.
_CONTENT = _set(
    "song songs story stories text event events news memory memories topic subject movie film "
    "message situation music content lyrics poem theme wording words scene book"
)
#: What was, before the speaker turned: it is read only if nothing else is.
_BEFORE = _set(
    "initially earlier previously originally formerly ago begins began starts started opens opened"
)
#: What follows is not the final thought.
_AT_FIRST = frozenset(
    [("at", "first"), ("first", "guess"), ("first", "impression"), ("first", "thought"),
     ("starts", "off"), ("starts", "out"), ("started", "off"), ("started", "out"),
     ("to", "begin"), ("to", "start"), ("the", "beginning"), ("the", "start"), ("the", "outset"),
     ("used", "to"), ("no", "longer")]
)  # fmt: skip
#: How many words after an emotion "at first" and the like may follow.
_AFTERTHOUGHT = 8
#: "says it in an angry voice": the manner is the speaker's own again.
_MANNERS = _set("voice tone manner way tones voices")
_ARTICLES = _set("a an the her his their")
_BYSTANDERS = _set(
    "listener listeners audience interlocutor addressee others someone somebody everyone "
    "people bystander bystanders crowd crowds fans passengers guests viewers onlookers spectators"
)
_RELATIONS = _set(
    "friend friends mother father mom mum dad parents boss husband wife brother brothers sister "
    "sisters colleague colleagues partner girlfriend boyfriend neighbor neighbors neighbour "
    "neighbours teacher person party speaker man woman guy family kid kids child children son sons "
    "daughter daughters baby grandmother grandfather grandma grandpa grandparents uncle aunt cousin "
    "cousins nephew niece dog cat team teammates mates pupils students clients coworker coworkers "
    "roommate roommates fiance fiancee ex companion companions"
)
_OWNERS = _set("her his their my your our another other second")
_BEING = _set(
    "is are was were be been being feels feel felt feeling seems seemed sounds sounded looks "
    "looked appears became becomes become gets got may might could would will has had who"
)
#: Who says "I am so happy" is not the judge of a voice.
_FIRST_PERSONS = (("i", "am"), ("i", "feel"), ("i", "felt"), ("i", "was"), ("we", "are"))
_FIRST_PERSON_WORDS = _set("i'm we're im")
#: "I'm confident that", "I feel the speaker is": here a judge speaks.
_JUDGING = _set(
    "confident sure certain convinced inclined leaning hearing going picking sensing detecting "
    "reading fairly not choosing giving able unable the that like this it he she they as sorry"
)
_SPEAKERS = _set(
    "speaker voice tone she he they person woman man caller it this delivery girl boy himself "
    "herself lady guy male female manner"
)
_SPEAKER_IS = _set("he's she's it's they're")
_ASCRIBING = _set(
    "is are sounds sound seems seem appears appear feels feeling expresses expressing conveys "
    "conveying shows showing exhibits displays reflects finds experiences remains"
)
#: "no strong emotion", "without any emotion": what the neutral voice lacks.
_MARKED = _set(
    "strong particular specific clear obvious distinct noticeable discernible significant apparent "
    "evident marked overt visible pronounced real great much special intense discernable extreme "
    "notable identifiable recognizable"
)
_LACKING = _set("no without zero")
_UNABLE = _set("cannot can't couldn't unable difficult hard impossible")
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
_SEEMING = _set("sounds seems looks appears may might could")
#: Fixed phrases in which an emotion word names no emotion.
_IDIOM = re.compile(
    r"\b(?:(?:happy|glad|pleased|delighted|excited|eager) to (?:help|assist|answer|be of|try|take|"
    r"look|analy[sz]e|listen|provide|review|share)"
    r"|i(?:'m| am) afraid\b(?! of)|happy (?:birthday|new year|holidays|christmas|hour)"
    r"|no surprise|no wonder|for fear of|don't worry|no worries|good grief"
    r"|surprise (?:party|visit|guest|gift|quiz)|panic (?:button|room)"
    r"|(?:horror|terror) (?:movie|film|story|attack)|(?:anger|grief) (?:manag|couns)"
    # "mad about jazz", but "mad about the delay"
    r"|mad (?:about|for|on) (?!the\b|th|h|it|what|being|how|my|your|a\b)"
    r"|(?:name is|name's|named|called|miss|mrs|ms|(?:her|him)self as|dear|hi|hello|aunt)"
    r" (?:joy|hope|merry|bliss|felicity|gay)\b)"
)
_WOULD = re.compile(r"\bwould\b|\b(?:he|she|they|it)'d\b")
_COUNTERFACTUAL = re.compile(r"\b(?:if|had|were|unless|otherwise)\b")
_JUDGES = re.compile(r"\b(?:i|we|one|you) (?:would|could|had to)\b|\bi'd\b")


def _judged(sentence: list[_Token]) -> list[Mention]:
    """The mentions of one sentence; most sentences have none."""
    if not any(token.entry for token in sentence):
        return []
    line = " ".join(_word(token) for token in sentence)
    hypothetical_until = _turn(sentence) if _is_hypothetical(line) else 0
    has_idiom = bool(_IDIOM.search(line))
    listed = _listed(sentence)
    scope = _Scope(sentence)
    found = []
    for position, token in enumerate(sentence):
        if token.entry is None or token.entry.use == "absence":
            if token.entry and scope.lacks(position):
                found.append(Mention(_word(token), token.entry.label, Standing.CLAIMED))
            scope.pass_word(position)
            continue
        standing = scope.standing(position)
        is_said = position >= hypothetical_until and position not in listed
        if not is_said or (has_idiom and _in_idiom(sentence, position)):
            standing = Standing.REJECTED
        found.append(Mention(_word(token), token.entry.label, standing))
    return _outweighed(sentence, found)


def _outweighed(sentence: list[_Token], found: list[Mention]) -> list[Mention]:
    """ "It might be X, but it is Y" claims Y and weighs X; X and Y are different classes."""
    texts = [token.text for token in sentence]
    turn = next((at for at, text in enumerate(texts) if text in _TURNS), 0)
    if len(found) < 2 or not _MAYBE.intersection(texts[:turn]):
        return found
    count = sum(1 for token in sentence[:turn] if token.entry and token.entry.use != "absence")
    before, after = found[:count], found[count:]
    claimed = {one.label for one in after if one.is_claimed}
    is_new = claimed and claimed.isdisjoint(one.label for one in before)
    return [*_at_most(before, Standing.WEIGHED), *after] if is_new else found


_MAYBE = frozenset({"might", "could", "may", "maybe", "perhaps", "possibly"})


def _listed(sentence: list[_Token]) -> set[int]:
    """The positions of emotions that only repeat the options: many different ones in a row."""
    listed: set[int] = set()
    run: list[int] = []
    for position, token in enumerate([*sentence, _Token("")]):
        if token.entry:
            run.append(position)
        elif token.text not in _LINKS:
            labels = {one.label for at in run if (one := sentence[at].entry)}
            listed.update(run if len(labels) >= TOO_MANY else ())
            run = []
    return listed


_LINKS = _PAUSES | {"and", "or"}


def _word(token: _Token) -> str:
    """The whole phrase; for a stem, the word that begins with it."""
    return token.text if token.entry is None or token.entry.is_stem else token.entry.word


def _is_hypothetical(line: str) -> bool:
    """Whether the sentence is about what would be, not what is."""
    if not _WOULD.search(line) or _JUDGES.search(line):
        return False
    anyone = r"(?:an?|any) \w+ (?:\w+ )?would\b|\w+ would\b(?! (?:be|say)$)"
    return bool(_COUNTERFACTUAL.search(line) or re.match(anyone, line))


def _turn(sentence: list[_Token]) -> int:
    """Where "she would be angry, but ..." turns to what is; the end if it does not."""
    would = next((i for i, token in enumerate(sentence) if _WOULD.search(token.text)), 0)
    # "Fear would tremble, this is anger": without "if", a comma ends what would be.
    has_condition = any(_COUNTERFACTUAL.search(token.text) for token in sentence)
    ends = _TURNS if has_condition else _TURNS | _COMMAS
    turns = (i for i in range(would, len(sentence)) if sentence[i].text in ends)
    return next(turns, len(sentence))


def _in_idiom(sentence: list[_Token], position: int) -> bool:
    near = " ".join(token.text for token in sentence[max(0, position - 2) : position + 3])
    return bool(_IDIOM.search(near))


class _Scope:
    """The cues that apply to the current word of a sentence."""

    def __init__(self, sentence: list[_Token]) -> None:
        self.sentence = sentence
        self.texts = [token.text for token in sentence]
        self.has_named = False
        self.clear()

    def clear(self, *, before: bool = False) -> None:
        self.denied = self.conceded = self.elsewhere = False
        self.subject = self.ascribed = False
        self.before = before

    def pass_word(self, position: int) -> None:
        """Updates the cues by a word that names no emotion."""
        word = self.texts[position]
        following = tuple(self.texts[position + 1 : position + 3])
        if word in _PAUSES:
            if not self._list_goes_on(position):
                self.clear(before=self.before and not self.has_named)
        elif (word, *following[:1]) in _DENYING_PAIRS:
            self.denied = True
        elif word in _BEFORE or (word, *following[:1]) in _AT_FIRST:
            # "At first, he sounds sad": the comma ends nothing.
            self.before = True
        elif word == "less" and "than" in self.texts[position + 1 : position + 1 + _COMPARED]:
            # "less X than Y" claims Y.
            self.conceded = True
        elif word == "than" and "less" in self.texts[max(0, position - _COMPARED) : position]:
            self.clear()
        elif word in {"in", "with"} and self._is_manner(position):
            self.conceded, self.ascribed = False, True
        elif (
            word in _CONTRASTS
            or (word, *following[:1]) in _CONTRASTING_PAIRS
            or (word == "and" and _CLAUSE.intersection(following[:1]))
        ):
            self.clear()
        elif self._is_first_person(position, word, following):
            self.elsewhere = True
        elif word in _NEGATIONS or word.endswith("n't"):
            is_harmless = _HARMLESS_AFTER_NEGATION.intersection(following[:1])
            # "hard not to hear"
            is_double = self._previous(position) in _UNABLE
            self.denied |= not (is_harmless or is_double) and following != ("a", "doubt")
        elif word in _CONDITIONS:
            self.denied |= self._is_condition(position, following)
        elif word in _CONCESSIONS:
            self.conceded |= self._previous(position) not in {"i", "would", "i'd"}
        elif word in _CONTENT or (word == "what" and _SEEMING.intersection(following)):
            self.conceded |= word == "what" or bool(_BEING.intersection(following[:1]))
        elif self._is_other_person(position, word, following):
            self.elsewhere = True
        elif word in _SPEAKERS:
            self.subject = True
        elif word in _SPEAKER_IS or (self.subject and word in _ASCRIBING):
            self.ascribed = True

    def standing(self, position: int) -> Standing:
        self.has_named = True
        if self.denied or self.elsewhere or self._is_denied_after(position):
            return Standing.REJECTED
        if self._is_another_after(position):
            return Standing.REJECTED
        following = self.texts[position + 1 : position + 2]
        is_aside = self.conceded or self.before or _CONTENT.intersection(following)
        if is_aside or self._is_before_after(position):
            return Standing.WEIGHED
        return Standing.ASCRIBED if self.ascribed else Standing.CLAIMED

    def lacks(self, position: int) -> bool:
        """Whether the sentence denies the thing at this position, as "shows no emotion" does."""
        before = self.texts[max(0, position - 4) : position]
        if _UNABLE.intersection(self.texts[:position]):
            return False
        if _MARKED.intersection(before):
            return self.denied
        near = [text for text in before[-3:] if text not in {"any", "of", "much"}]
        return self.denied and bool(near) and near[-1] in _LACKING | {"lack", "devoid", "absence"}

    def _previous(self, position: int) -> str:
        return self.texts[position - 1] if position else ""

    def _list_goes_on(self, position: int) -> bool:
        """Whether a comma is inside a list such as "not happy, sad, or angry", all of it denied."""
        if self.texts[position] not in _COMMAS:
            return False
        window = self.sentence[position + 1 : position + 13]
        listed = takewhile(
            lambda token: token.entry or token.text in _COMMAS or token.text in _LIST_FILLERS,
            window,
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

    def _is_first_person(self, position: int, word: str, following: tuple[str, ...]) -> bool:
        is_own = word in _FIRST_PERSON_WORDS or (self._previous(position), word) in _FIRST_PERSONS
        # "I feel sadness in her voice"
        is_heard = "in" in self.texts[position + 2 : position + 4]
        return is_own and not _JUDGING.intersection(following[:1]) and not is_heard

    def _is_another_after(self, position: int) -> bool:
        """Whether the word is about "how frightened his children were"."""
        owner, person, being = ([*self.texts[position + 1 : position + 4], "", "", ""])[:3]
        is_person = person in _RELATIONS or person in _BYSTANDERS
        return owner in _OWNERS | {"the"} and is_person and being in _BEING

    def _is_before_after(self, position: int) -> bool:
        """Whether "to begin with", "earlier" or "a moment ago" follows in the same clause."""
        for place in range(position + 1, min(position + _AFTERTHOUGHT, len(self.texts))):
            word = self.texts[place]
            if word in _PAUSES or word in _CONTRASTS or word == "and" or self.sentence[place].entry:
                return False
            if word in _BEFORE or tuple(self.texts[place : place + 2]) in _AT_FIRST:
                return True
        return False

    def _is_denied_after(self, position: int) -> bool:
        """Whether "anger is not", "fear can be ruled out" or the like follows the word."""
        near = self.texts[position + 1 : position + 4]
        first, *rest = *takewhile(lambda text: text not in _PAUSES, near), ""
        is_denied = first in _COPULAS and bool(_DENIED_AFTER.intersection(rest))
        return is_denied or first.endswith("n't")
