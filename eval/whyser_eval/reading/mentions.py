"""Emotion words in running text, and whether the text claims, weighs or rejects each.

One pass over the words of a sentence keeps what applies (`scopes`). The time is linear in the
length of the text, since hostile answers may be long.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from whyser.labels.classes import Label
from whyser.labels.lexicon import Lexicon, lexicon, words
from whyser_eval.reading.scopes import TURNS, Scope, Standing
from whyser_eval.reading.tokens import COMMAS, PAUSES, STOPS, SentenceToken, tokens_of

#: This many different classes in one place are a list of options, not an answer.
TOO_MANY = 4


@dataclass(frozen=True)
class Mention:
    """An emotion word; `start` is its offset in the text that was searched."""

    start: int
    word: str
    label: Label
    standing: Standing

    @property
    def is_claimed(self) -> bool:
        return self.standing in {Standing.ASCRIBED, Standing.CLAIMED}


_SENTENCE = re.compile(rf"([^{STOPS}]+)([{STOPS}]?[\s.!?]*)")
#: The full stop of "Mr. Merry" ends nothing.
_TITLE = re.compile(r"\b(mrs?|ms|dr|prof)\.")
_ASKS = frozenset("?\u061f")
_DENIED_BEGINNING = re.compile(r"\W*(?:no|not|nope|nein|non)\b")


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
    for sentence in _SENTENCE.finditer(_TITLE.sub(r"\1 ", text)):
        said, stop = sentence.groups()
        if asked:
            # A question claims nothing, and the sentence that follows may deny it.
            denied = _DENIED_BEGINNING.match(said)
            found += _at_most(asked, Standing.REJECTED if denied else Standing.WEIGHED)
            asked = []
        if not table.may_name(words(said)):
            continue
        tokens = tokens_of(said, lambda one: stated or one.use != "statement", table)
        named = _judged(tokens, sentence.start())
        if _ASKS.intersection(stop):
            asked = named
        else:
            found += named
    return found + _at_most(asked, Standing.WEIGHED)


def _at_most(mentions: Sequence[Mention], standing: Standing) -> list[Mention]:
    return [
        mention if mention.standing is Standing.REJECTED else replace(mention, standing=standing)
        for mention in mentions
    ]


#: Fixed phrases in which an emotion word names no emotion.
_IDIOM = re.compile(
    r"\b(?:(?:happy|glad|pleased|delighted|excited|eager) to (?:help|assist|answer|be of|try|take|"
    r"look|analy[sz]e|listen|provide|review|share)"
    r"|i(?:'m| am) afraid\b(?! of)|happy (?:birthday|new year|holidays|christmas|hour)"
    r"|sad (?:excuse|state of affairs|fact|truth|attempt)"
    r"|happy (?:medium|accident|coincidence|ending)"
    r"|(?:angry|happy|sad|nervous) (?:hiss|buzz|buzzing|crackle|static|hum|noise)"
    r"|no surprise|no wonder|for fear of|don't worry|no worries|good grief"
    r"|surprise (?:party|visit|guest|gift|quiz)|panic (?:button|room)"
    r"|(?:horror|terror) (?:movie|film|story|attack)|(?:anger|grief) (?:manag|couns)"
    # "mad about jazz", but "mad about the delay"
    r"|mad (?:about|for|on) (?!the\b|th|h|it|what|being|how|my|your|a\b)"
    r"|(?:name is|name's|named|called|miss|mrs?|ms|dr|prof|(?:her|him)self as|dear|hi|hello|aunt)"
    r" (?:joy|hope|merry|bliss|felicity|gay)\b)"
)
_WOULD = re.compile(r"\bwould\b|\b(?:he|she|they|it)'d\b")
_COUNTERFACTUAL = re.compile(r"\b(?:if|had|were|unless|otherwise)\b")
_JUDGES = re.compile(r"\b(?:i|we|one|you) (?:would|could|had to)\b|\bi'd\b")


def _judged(sentence: list[SentenceToken], start: int) -> list[Mention]:
    """The mentions of one sentence, which begins at `start`; most sentences have none."""
    if not any(token.entry for token in sentence):
        return []
    line = " ".join(_word(token) for token in sentence)
    hypothetical_until = _turn(sentence) if _is_hypothetical(line) else 0
    has_idiom = bool(_IDIOM.search(line))
    listed = _listed(sentence)
    scope = Scope(sentence)
    found: list[Mention] = []

    def add(token: SentenceToken, label: Label, standing: Standing) -> None:
        found.append(Mention(start + token.start, _word(token), label, standing))

    for position, token in enumerate(sentence):
        if token.entry is None or token.entry.use == "absence":
            if token.entry and scope.lacks(position):
                add(token, token.entry.label, Standing.CLAIMED)
            scope.pass_word(position)
            continue
        standing = scope.standing(position)
        is_said = position >= hypothetical_until and position not in listed
        if not is_said or (has_idiom and _in_idiom(sentence, position)):
            standing = Standing.REJECTED
        add(token, token.entry.label, standing)
    return _outweighed(sentence, found)


def _outweighed(sentence: list[SentenceToken], found: list[Mention]) -> list[Mention]:
    """ "It might be X, but it is Y" claims Y and weighs X; X and Y are different classes."""
    texts = [token.text for token in sentence]
    turn = next((at for at, text in enumerate(texts) if text in TURNS), 0)
    if len(found) < 2 or not _MAYBE.intersection(texts[:turn]):
        return found
    count = sum(1 for token in sentence[:turn] if token.entry and token.entry.use != "absence")
    before, after = found[:count], found[count:]
    claimed = {one.label for one in after if one.is_claimed}
    is_new = claimed and claimed.isdisjoint(one.label for one in before)
    return [*_at_most(before, Standing.WEIGHED), *after] if is_new else found


_MAYBE = frozenset({"might", "could", "may", "maybe", "perhaps", "possibly"})


def _listed(sentence: list[SentenceToken]) -> set[int]:
    """The positions of emotions that only repeat the options: many different ones in a row."""
    listed: set[int] = set()
    run: list[int] = []
    for position, token in enumerate([*sentence, SentenceToken(-1, "")]):
        if token.entry:
            run.append(position)
        elif token.text not in _LINKS:
            labels = {one.label for at in run if (one := sentence[at].entry)}
            listed.update(run if len(labels) >= TOO_MANY else ())
            run = []
    return listed


_LINKS = PAUSES | {"and", "or"}


def _word(token: SentenceToken) -> str:
    """The whole phrase; for a stem, the word that begins with it."""
    return token.text if token.entry is None or token.entry.is_stem else token.entry.word


def _is_hypothetical(line: str) -> bool:
    """Whether the sentence is about what would be, not what is."""
    if not _WOULD.search(line) or _JUDGES.search(line):
        return False
    anyone = r"(?:an?|any) \w+ (?:\w+ )?would\b|\w+ would\b(?! (?:be|say)$| be (?:the|my) )"
    return bool(_COUNTERFACTUAL.search(line) or re.match(anyone, line))


def _turn(sentence: list[SentenceToken]) -> int:
    """Where "she would be angry, but ..." turns to what is; the end if it does not."""
    would = next((i for i, token in enumerate(sentence) if _WOULD.search(token.text)), 0)
    # "Fear would tremble, this is anger": without "if", a comma ends what would be.
    has_condition = any(_COUNTERFACTUAL.search(token.text) for token in sentence)
    ends = TURNS if has_condition else TURNS | COMMAS
    turns = (i for i in range(would, len(sentence)) if sentence[i].text in ends)
    return next(turns, len(sentence))


def _in_idiom(sentence: list[SentenceToken], position: int) -> bool:
    near = " ".join(token.text for token in sentence[max(0, position - 2) : position + 3])
    return bool(_IDIOM.search(near))
