"""Which noun a word describes: the one that follows it, the one before it, or several at once.

The noun follows its adjective ("a high, thin voice") or precedes it ("the voice is high"). Nouns in
a row share what is said of them: "pitch, pace and volume are low".
"""

from __future__ import annotations

from collections.abc import Sequence

from whyser.evidence.lexicon import signals
from whyser.evidence.scopes import (
    COMPARED,
    COPULAS,
    FUNCTION,
    LINKS,
    LISTING,
    NEGATIONS,
    REACH,
    Scopes,
    is_adjective_between,
)
from whyser.evidence.wording import DETERMINERS, PAUSES, ClaimToken, words

#: Directly after a word, these lead to what it measures: "higher in pitch", "odd about the pace".
_MEASURING = words("in to about")
#: A noun that is no property of a voice.
FOREIGN = "foreign"
#: A noun of a text that has none: "Loud and fast, ...".
NO_NOUN = -1

SPEAKING = words(
    "speak speaks spoke spoken speaking talk talks talked talking say says said saying deliver "
    "delivers delivered utter utters uttered answer answers answered reply replies replied read "
    "reads pronounced pronounces articulated come comes came tumble tumbles tumbled flow flows "
    "voiced asks asked adds added begs pleads states stated exclaims exclaimed remarks explains "
    "explained narrates recites declares announces articulates expresses mutters pronounced"
)
_COMING = words("come comes came")
_PERSONS = words("he she they")
_PRONOUNS = words("it this that which they it's that's")
#: Skipped between a noun and its predicate: "by no means", "in this clip".
_PLACES = words("means far clip recording audio segment passage end beginning start whole entire")
#: "The last part of the sentence" is the sentence.
_PARTS = words("part parts half rest portion bit section most all much majority opening remainder")
_CLIPS = words(
    "conversation dialogue reading passage interaction exchange monologue paragraph story"
)
_PASSED = FUNCTION | _PLACES
_PREPOSITIONS = words(
    "of in on at during throughout with for from by after before across through toward towards "
    "near over around between behind"
)
_QUALITY_NOUNS = signals("quality noun")
_OTHER_NOUNS = signals("object") | signals("quiet noun")
_JOINING = LISTING | {","}
_APART = LISTING | PAUSES
_OPENING = LISTING | NEGATIONS | {","}
_INSIDE = words("in to of about")
#: Before a noun, these make it a place on a scale: "in a normal range", "on the low side".
_SCALE = words("in within at inside into on near around to")
_PROPERTIES = words(
    "pitch melody range volume pace pauses clarity tone voice timbre delivery intensity"
)
#: An adjective may be this many unknown words before its noun: "a deep male voice".
_UNKNOWN = 3
#: Tokens of a remark between commas: "her voice, usually so strong, is soft".
_REMARK = 12


class Nouns:
    """Finds the nouns of a sentence that its words describe."""

    def __init__(self, scopes: Scopes, topic: str = "") -> None:
        self.topic = topic  # kind of the noun that "it" stands for at the begin of the sentence
        self.tokens, self.texts, self.scopes = scopes.tokens, scopes.texts, scopes
        self.group = _groups(self.tokens)
        #: Nouns that an adjective or verb before them described already.
        self.described: set[int] = set()

    def of(self, i: int) -> list[tuple[int, str]]:
        """Positions and kinds of the nouns that a word describes, the nearest one first."""
        return [
            (k, "volume" if kind == "intensity" and k in self.group else kind)
            for k, kind in self._nouns_of(i)
        ]

    def _nouns_of(self, i: int) -> list[tuple[int, str]]:
        ahead = self._heard_in(i) or self._ahead(i)
        if ahead is not None:
            position, kind = ahead
            if kind == FOREIGN:
                return []
            shared = self._shared_ahead if position > i else self._shared_behind
            found = [(position, kind), *shared(position)]
            self.described.update(k for k, _ in found)
            return found
        position, kind = self._behind(i)
        return [(position, kind), *self._shared_behind(position)]

    def precede(self, i: int) -> bool:
        """Whether the word stands before its noun, as in "the loud voice"."""
        ahead = self._ahead(i)
        return ahead is not None and ahead[1] != FOREIGN

    def is_attribute_of_another(self, i: int) -> bool:
        """Whether a word that needs no noun has one that is no voice: "a creaky door"."""
        after = self._text(i + 1)
        return after in _OTHER_NOUNS

    def is_of_unknown(self, i: int) -> bool:
        """Whether the subject directly before a verb is an unknown noun: "the story drags on"."""
        k = i - 1
        while k > max(0, i - 4) and (self._role(k) == "filler" or self._text(k).endswith("ly")):
            k -= 1
        word = self._text(k)
        is_unknown = k > 0 and not self._role(k) and word not in _PASSED and word.isalpha()
        verb = self.texts[i].split()[0]
        is_finite = verb.endswith(("s", "ed")) and not verb.endswith(("ous", "ss"))
        return is_unknown and is_finite and word not in SPEAKING

    def _is_owner(self, i: int) -> bool:
        return 0 <= i < len(self.tokens) and self.tokens[i].is_owner

    def kinds(self, begin: int, end: int) -> list[str]:
        """The kinds of the nouns between two positions."""
        return [one.kind for one in self.tokens[max(0, begin) : end] if one.role == "noun"]

    def _text(self, i: int) -> str:
        return self.texts[i] if 0 <= i < len(self.texts) else ""

    def _role(self, i: int) -> str:
        return self.tokens[i].role if 0 <= i < len(self.tokens) else ""

    # -- nouns in a row

    def _shared_ahead(self, position: int) -> list[tuple[int, str]]:
        """ "High pitch and volume", but not "high pitch and volume rises"."""
        row = self.group.get(position, ())
        others = [k for k in row if k > position]
        if not others or self._has_predicate(others[-1] + 1):
            return []
        return [(k, self.tokens[k].kind) for k in others]

    def _has_predicate(self, i: int) -> bool:
        if self._role(i) in {"verb", "thing", "quality"}:
            return True
        if self._text(i) not in COPULAS:
            return False
        while self._role(i + 1) == "filler":
            i += 1
        return self._role(i + 1) in {"quality", "claim", "verb"}

    def _shared_behind(self, position: int) -> list[tuple[int, str]]:
        row = self.group.get(position, ())
        return [(k, self.tokens[k].kind) for k in row if k < position and k not in self.described]

    # -- ahead

    def _ahead(self, i: int) -> tuple[int, str] | None:
        """The noun that follows the word; foreign if it is not a property of a voice, None if the
        word is not followed by its noun."""
        if self.texts[i].endswith(" from"):
            return None
        is_verb = self._role(i) in {"verb", "thing"}
        passes = DETERMINERS if is_verb else frozenset[str]()
        end = min(self._end_of_row(i), i + 1 + REACH)
        listed = is_measured = is_other = False
        unknown = 0
        for k in range(i + 1, end):
            token = self.tokens[k]
            if k == i + 1 and (token.text in _MEASURING or (is_verb and token.text == "of")):
                passes, is_measured = DETERMINERS, True
            elif (token.role == "noun" or token.kind) and token.text not in _PERSONS:
                if is_measured and (unknown or token.kind not in _PROPERTIES):
                    return None
                return self._noun_ahead(i, k, listed=listed, unknown=unknown)
            elif token.text in _JOINING:
                if unknown and not self._is_predicate(i) and not listed:
                    is_other = True
                listed = True
            elif token.text in _PERSONS or token.text in COMPARED:
                return None
            elif self._is_passed_ahead(k) or token.text in passes:
                continue
            elif self._ends_phrase(token) or unknown == _UNKNOWN or (listed and not unknown):
                is_free = listed or is_measured or self._is_predicate(i)
                is_other = is_other or (unknown > 0 and not is_free)
                return (k, FOREIGN) if is_other else None
            else:
                unknown += 1
        is_other = is_other or (unknown > 0 and not listed and not is_measured)
        return (end, FOREIGN) if is_other else None

    def _end_of_row(self, i: int) -> int:
        """End of the clause; in "a quiet but steady voice" the row goes on after "but"."""
        end = self.scopes.clause[i][1]
        is_joined = end - i <= 2 and self._text(end) == "but"
        return self.scopes.clause[end][1] if is_joined else end

    def _heard_in(self, i: int) -> tuple[int, str] | None:
        """The voice in which something is heard: "no tension can be heard in the voice"."""
        if self.texts[i] not in _QUALITY_NOUNS:
            return None
        for k in range(i + 1, min(self.scopes.clause[i][1], i + 1 + REACH)):
            if self._role(k) == "noun":
                is_inside = bool(_INSIDE.intersection(self.texts[max(i + 1, k - 3) : k]))
                return (k, self.tokens[k].kind) if is_inside else None
        return None

    def _noun_ahead(self, i: int, k: int, *, listed: bool, unknown: int) -> tuple[int, str] | None:
        # "Pitch is low and volume is high": the volume belongs to the next statement.
        is_apart = self.texts[k - 1] in _APART
        if listed and (is_apart or self._is_predicate(i)):
            return None
        head = self._head(k, i)
        # "A sad voice speaks of loud nights": an unknown noun is not one of the voice's.
        return (head[0], FOREIGN) if unknown and head[1] in {"words", "saying", "person"} else head

    def _is_passed_ahead(self, k: int) -> bool:
        token = self.tokens[k]
        is_participle = token.role == "verb" and token.text.endswith(("ed", "ing"))
        is_adverb = not token.role and token.text.endswith("ly") and token.text not in FUNCTION
        return (
            token.role in {"filler", "quality", "claim"}
            or is_participle
            or is_adverb
            or (self.texts[k - 1] == "," and is_adjective_between(self.tokens, k))
        )

    def _is_predicate(self, i: int) -> bool:
        k = i - 1
        while k > 0 and self._role(k) == "filler":
            k -= 1
        return self._text(k) in COPULAS

    @staticmethod
    def _ends_phrase(token: ClaimToken) -> bool:
        """Whether the word before this one cannot be its adjective."""
        return (
            bool(token.role)
            or not token.is_word
            or token.text in FUNCTION
            or token.text.endswith(("ing", "n't"))
        )

    def _head(self, first: int, i: int) -> tuple[int, str]:
        """The last of several nouns ("pitch range"); a level has the kind of its owner."""
        last = first
        while last < first + _UNKNOWN and self._names_on(last + 1):
            last += 1
        kind = self.tokens[last].kind
        position, owner = self._owner(last)
        if kind == "range" and not owner and self._is_on_scale(first):
            # "The pitch stays in a normal range" is about the pitch.
            behind = self._behind(i)
            if last > first:
                return last, self.tokens[last - 1].kind
            return behind if behind[1] else (last, kind)
        if kind == "level":
            if last > first and not owner:
                return last, self.tokens[last - 1].kind
            return (position, owner) if owner else self._behind(first)
        if self._is_of_other(last):
            return last, FOREIGN
        is_other_range = kind == "range" and self.kinds(last + 1, last + 5)[:1] in _OTHER_RANGES
        return (last, FOREIGN) if kind == "person" or is_other_range else (last, kind)

    def _is_of_other(self, k: int) -> bool:
        """Whether it is a property of something else: "the pace of life"."""
        if self._text(k + 1) != "of" or self.tokens[k].kind in {"words", "person", "level"}:
            return False
        n = k + 3 if self._text(k + 2) in DETERMINERS else k + 2
        word = self._text(n)
        is_unknown = word[:1].isalpha() and not self._role(n) and word not in FUNCTION
        is_clip = word in _PLACES or word in _CLIPS or self._is_owner(n)
        return is_unknown and not is_clip and self._role(n + 1) != "noun"

    def _names_on(self, i: int) -> bool:
        return self._role(i) == "noun" and self.texts[i] not in _PERSONS

    def _is_on_scale(self, first: int) -> bool:
        """Whether the noun phrase is a place: "in a normal range", "close to the usual level"."""
        return bool(_SCALE.intersection(self.texts[max(0, first - 4) : first]))

    def _owner(self, i: int) -> tuple[int, str]:
        """Place and kind of "volume" in "level of volume"; foreign in "level of stress"."""
        if self._text(i + 1) != "of":
            return i, ""
        found = (k for k in range(i + 2, min(i + 5, len(self.tokens))) if self._is_measurable(k))
        k = next(found, NO_NOUN)
        return (i, FOREIGN) if k == NO_NOUN else (k, self.tokens[k].kind)

    def _is_measurable(self, k: int) -> bool:
        return self._role(k) == "noun" or self.tokens[k].kind == "pauses"

    # -- behind

    def _behind(self, i: int) -> tuple[int, str]:
        """The noun that precedes the word; kind "" if there is none."""
        k = i - 1
        while k > max(-1, i - 1 - REACH):
            token = self.tokens[k]
            if token.text in COMPARED and not self._is_past_comparison(k, i):
                return NO_NOUN, ""
            if token.text in SPEAKING and self._speaks(k):
                return NO_NOUN, "delivery"
            if token.is_owner or self._is_measure(k) or token.text in SPEAKING:
                k -= 1
            elif token.role == "noun" or token.kind:
                return self._described(k)
            elif token.text in _PRONOUNS:
                return self._antecedent(k)
            elif (opening := self._opening_of_remark(k)) is not None:
                k = opening - 1
            elif self._is_passed(k) or self._is_first_of_two(k):
                k -= 1
            elif (preposition := self._preposition_before(k)) is not None:
                k = preposition - 1
            else:
                return NO_NOUN, ""
        # "The louder he gets, the faster he talks."
        is_correlated = self._text(i - 1) == "the" and self._text(i + 1) in _PERSONS
        return NO_NOUN, "delivery" if is_correlated or self._opens(i) else ""

    def _speaks(self, k: int) -> bool:
        """Whether a verb is one of speaking here, unlike in "is said to be" and "comes"."""
        is_other = self.texts[k] in _COMING or self._text(k + 1) == "to"
        return not is_other and self._text(k - 1) != "the"

    def _is_past_comparison(self, k: int, i: int) -> bool:
        """Whether a comparison is over: "faster than average but no louder"."""
        is_over = any(text in LISTING for text in self.texts[k:i])
        return is_over or self._text(k - 1) == "rather"

    def _described(self, k: int) -> tuple[int, str]:
        """The noun that a noun belongs to: "tone" for "speaker" in "the tone of the speaker"."""
        noun = self._leftmost(k)
        if noun == NO_NOUN:
            return NO_NOUN, ""
        kind = self.tokens[noun].kind
        if self._is_of_other(noun):
            return NO_NOUN, ""
        if kind == "level":
            is_named = self._role(noun - 1) == "noun" and not self.tokens[noun - 1].is_owner
            return (noun, self.tokens[noun - 1].kind) if is_named else self._owner(noun)
        return noun, kind

    def _antecedent(self, k: int) -> tuple[int, str]:
        """The noun that a pronoun stands for; "it" without one is the delivery."""
        for j in range(k - 1, max(-1, k - 1 - REACH), -1):
            if self._role(j) == "noun" and not self.tokens[j].is_owner:
                return j, self.tokens[j].kind
        is_it = k <= 2 and self.texts[k] in {"it", "it's", "this"}
        return NO_NOUN, (self.topic or "person") if is_it else ""

    def _is_measure(self, k: int) -> bool:
        """Whether a noun is used like "pitch" in "higher in pitch and louder"."""
        return k > 1 and self.texts[k - 1] == "in" and self._role(k - 2) == "quality"

    def _is_first_of_two(self, k: int) -> bool:
        """Whether an unknown word is used like "calm" in "is calm and low"."""
        is_listed = self.texts[k + 1] in _JOINING
        return is_listed and (self._text(k - 1) in LINKS or self._role(k - 1) == "filler")

    def _is_passed(self, k: int) -> bool:
        token = self.tokens[k]
        return (
            token.role in {"filler", "quality", "claim", "adverb", "verb", "thing"}
            or token.text in _PASSED
            or token.text.isdigit()
            or (token.text.endswith("ed") and self._text(k - 1) in COPULAS)
            or token.text.endswith(("n't", "ly"))
        )

    def _preposition_before(self, k: int) -> int | None:
        """Where "on the last word" begins, if the token is a noun of such a phrase."""
        for j in range(k - 1, max(-1, k - 4), -1):
            if self.texts[j] in _PREPOSITIONS:
                return j
            if self.texts[j] not in DETERMINERS and (self._role(j) or self.texts[j] in FUNCTION):
                return None
        return None

    def _opening_of_remark(self, k: int) -> int | None:
        """Where a remark between commas begins: "her voice, usually so strong, is soft"."""
        if self.texts[k] != "," or self._text(k + 1) not in COPULAS:
            return None
        for j in range(k - 1, max(0, k - _REMARK), -1):
            if self.texts[j] == ",":
                return j if self._role(j - 1) == "noun" else None
        return None

    def _leftmost(self, k: int) -> int:
        """From "speaker" in "the tone of the speaker" to "tone"; none from "the energy of it"."""
        head = k
        while (owner := self._noun_it_is_of(head)) is not None and k - owner <= REACH:
            if owner == NO_NOUN:
                return NO_NOUN
            head = owner
        return head

    def _noun_it_is_of(self, k: int) -> int | None:
        for j in range(k - 1, max(0, k - 5), -1):
            if self.texts[j] in _PREPOSITIONS:
                if self._role(j - 1) == "noun":
                    return j - 1
                return NO_NOUN if self._is_noun_of(j) else None
            is_unknown = not self._role(j) and self.texts[j] not in FUNCTION
            if not (is_unknown or self.texts[j] in DETERMINERS or self._role(j) == "filler"):
                return None
        return None

    def _is_noun_of(self, preposition: int) -> bool:
        """Whether an unknown noun has the voice: "the energy of the voice"."""
        word = self._text(preposition - 1)
        is_unknown = bool(word) and not self._role(preposition - 1) and word not in FUNCTION
        is_noun = is_unknown and word not in _PARTS and word not in _PLACES
        is_after = self._text(preposition - 2)
        is_named = is_after in DETERMINERS or not is_after or is_after in PAUSES
        return self.texts[preposition] in {"of", "in", "behind"} and is_noun and is_named

    def _opens(self, i: int) -> bool:
        """Whether only similar words precede it: "Loud and fast, the words ..."."""
        if self.texts[i] in _QUALITY_NOUNS:
            return False
        return i <= REACH and all(
            token.role in {"quality", "claim", "filler", "adverb"} or token.text in _OPENING
            for token in self.tokens[:i]
        )


def topic_of(tokens: Sequence[ClaimToken]) -> str:
    """Kind of the first noun of a sentence, which "it" stands for in the next one."""
    nouns = (token for token in tokens[:REACH] if token.role == "noun" and not token.is_owner)
    kind = next((token.kind for token in nouns), "")
    return kind if kind in _PROPERTIES else ""


_LONGEST_ROW = 8
_OTHER_RANGES = (["volume"], ["pace"])


def _groups(tokens: Sequence[ClaimToken]) -> dict[int, tuple[int, ...]]:
    """Each of several nouns in a row -> all of them: "pitch, pace and volume".

    Commas alone make no row ("in terms of pitch, the volume is low"), nor does ", and" between two
    ("there are no gaps, and the pitch is high").
    """
    found: dict[int, tuple[int, ...]] = {}
    row: list[int] = []
    joined = False
    last = NO_NOUN
    for i, token in enumerate(tokens):
        if token.kind not in _PROPERTIES or token.is_owner:
            continue
        link = _link_between(tokens, last, i)
        if link == "noun" and row:
            row[-1] = i
        elif (
            0 < len(row) < _LONGEST_ROW
            and not joined
            and (link in {"and", ","} or (link == ", and" and len(row) > 1))
        ):
            row.append(i)
            joined = link != ","
        else:
            row, joined = [i], False
        if joined:
            found |= dict.fromkeys(row, tuple(row))
        last = i
    return found


def _links(row: Sequence[int]) -> frozenset[str]:
    return frozenset({"and", ",", ", and"} if len(row) > 1 else {"and", ","})


def _link_between(tokens: Sequence[ClaimToken], first: int, second: int) -> str:
    """How two nouns are joined: by "and", by a comma, as one name, or not at all."""
    if first < 0 or second - first > 6:
        return ""
    if second == first + 1:
        return "noun"
    link = ""
    for token in tokens[first + 1 : second]:
        if token.text in {"and", "or", "nor"}:
            link = ", and" if link else "and"
        elif token.text == ",":
            link = link or ","
        elif token.text not in DETERMINERS and not token.is_owner and token.role != "filler":
            return ""
    return link
