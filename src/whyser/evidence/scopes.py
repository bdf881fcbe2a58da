"""Which words of a sentence are denied, guessed, or about something other than this voice.

A sentence is split into clauses. A negation or a hedge applies to the rest of its clause; a rule, a
hypothesis or another person applies to the whole clause or to the rest of it, and to the relative
clause that follows. Everything here is decided by words before or after, at a fixed distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from whyser.evidence.lexicon import signals
from whyser.evidence.wording import DEFINITE, DETERMINERS, PAUSES, ClaimToken, words

#: Tokens within which a word looks for another one.
REACH = 14


def _pairs(pairs: str) -> frozenset[str]:
    return frozenset(pairs.split(", "))


LISTING = words("and or nor but")
BREAKS = words(
    "but however while whereas although though yet because since which who whose when until"
)
SUBJECTS = DEFINITE | words("there it he she they i we")
COMPARED = words("than above below beyond relative versus")
HEDGES, _TELLING, _OTHERS = signals("hedge"), signals("telling"), signals("others")
_RELATIONS, _OBJECTS = signals("relation"), signals("object")
_FEELINGS, _FELT = signals("feeling"), signals("felt")
_OPENING = PAUSES | LISTING | BREAKS
_PEOPLE = _OTHERS | _RELATIONS
NEGATIONS = words(
    "not no never without neither nor hardly barely scarcely rarely seldom cannot lacks "
    "lacking lacked nothing none"
)
_DENYING_PAIRS = _pairs(
    "rather than, instead of, far from, anything but, lack of, absence of, devoid of, free of, "
    "free from, minimum of, void of, opposed to, unlike a, fails to, failed to, no longer"
)
_HARMLESS_AFTER_NEGATION = words("only just merely simply doubt question necessarily mistaking but")
#: "anything but fluent" is one statement.
_BUT = words("anything nothing all")
#: "not without pauses" denies nothing.
_TWICE = words("not never nor")
#: Verbs whose subject stands before "and": with them a new statement begins.
FINITE = words(
    "is are was were has sounds speaks spoke talks talked stays remains becomes comes keeps takes "
    "answers delivers utters whispers shouts"
)
#: "as if" begins a comparison, except after these.
_SOUNDING = words("sounds sound sounded seems seem feels is")

_LISTED = frozenset({",", "and", "or"})
_GENERAL = words("usually typically generally commonly normally")
#: "I would say that the voice is loud" is no hypothesis.
_SAYING = words("say call describe characterize characterise put guess argue rate classify")
_MEANING = words(
    "indicate suggest signal express mean reflect convey signify reveal denote point"
) | _pairs("be a, also indicate, also suggest, often indicate, sometimes indicate, often signal")
_SIGNS = {"signs of", "sign of"} | words(
    "sign signs cue cues marker markers indicator indicators characteristics traits features"
)
_TYPICAL = words("typical common usual classic")
_MANY = words("people persons speakers voices speech person individuals speaking")
_BE = words("is are can tends tend sounds makes often usually goes comes manifests")
#: "Anger is audible in ..." is about this clip.
_OBSERVED = words("audible clear evident apparent obvious palpable unmistakable in heard")
#: All words of a remark such as "I think" or "or so it seems".
_REMARKS = (
    HEDGES | _GENERAL | PAUSES | words("i it we so to me that as at least or in general a rule")
)
_RELATIVE = words("who which whose that")
#: The object of these is another person, and what follows is still about the speaker.
_TOWARDS = words("to for with at towards toward by")
_OTHER_BEFORE = words("other another second")
_OTHER_SPEAKERS = words("speaker person voice man woman")
#: At the begin of a sentence they state a hypothesis; elsewhere "suppose" only guesses.
_SUPPOSING = words("suppose supposing imagine assume assuming")


class Scopes:
    """For each token of a sentence: its clause, and what applies to it."""

    def __init__(self, tokens: Sequence[ClaimToken]) -> None:
        self.tokens = tokens
        self.texts = [token.text for token in tokens]
        size = len(tokens)
        self.clause = [(0, size)] * size
        self.denied, self.hedged = [False] * size, [False] * size
        self.void, self.general = [False] * size, [False] * size
        clauses = list(pairwise([0, *self._clause_starts(), size]))
        #: Of each clause, whether it ends with something other than this voice.
        away = [False, False]
        for begin, end in clauses:
            is_relative = begin > 0 and self._relates(begin)
            # "People who are sad speak slowly", "people, when sad, speak slowly": still about them.
            is_foreign = is_relative and (away[-1] or self._is_of_others(begin))
            is_foreign = is_foreign or (away[-1] and self._is_about_them(begin))
            self._mark(begin, end, is_foreign or (self._continues(begin) and away[-2]))
            away.append(self.void[end - 1] or self.general[end - 1])
        self._spread_remarks(clauses)

    # -- clauses

    def _clause_starts(self) -> Iterator[int]:
        for i, word in enumerate(self.texts[1:], start=1):
            following = self._text(i + 1)
            if (
                (word in BREAKS and self.texts[i - 1] not in _BUT)
                or (word == "as" and following in {"if", "though"} and not self._is_sounding(i))
                or (word == "so" and (self.texts[i - 1] == "," or following == "that"))
                or word == ":"
                or (word in PAUSES and not self._list_continues(i))
                or (word in {"and", "or"} and (following in SUBJECTS or following in FINITE))
            ):
                yield i

    def _is_sounding(self, i: int) -> bool:
        return self.texts[i - 1] in _SOUNDING

    def _text(self, i: int) -> str:
        return self.texts[i] if 0 <= i < len(self.texts) else ""

    def _list_continues(self, comma: int) -> bool:
        """True in "not loud, harsh, or fast"; false in "not loud, and long pauses", where a second
        noun starts a new clause."""
        if self._text(comma + 1) in {"only", "just", "rather", "instead", "yet"}:
            return False
        if is_adjective_between(self.tokens, comma + 1):
            return True
        if self._is_list_of_things(comma):
            return True
        listed = joined = False
        for token in self.tokens[comma + 1 : comma + 1 + REACH]:
            joined = joined or (token.text in LISTING and not listed)
            if token.role in {"quality", "claim", "adverb"}:
                listed = True
            elif token.role == "noun" or token.kind:
                return listed and not joined
            elif token.text not in LISTING and token.role != "filler":
                break
        return listed

    def _is_list_of_things(self, comma: int) -> bool:
        """True in "no gaps, pauses, or stutters", where "no" applies to all of them."""
        things = 0
        for k in range(comma + 1, min(len(self.tokens), comma + 1 + REACH)):
            token = self.tokens[k]
            if token.role in {"thing", "claim"} or token.kind == "range":
                things += 1
            if token.text == "or":
                return things > 0 or self.tokens[k - 2].role == "thing"
            if token.text != "," and token.role not in {"thing", "claim", "filler", "quality"}:
                return False
        return False

    def _continues(self, begin: int) -> bool:
        """Whether a clause is the rest of a statement that commas interrupted."""
        return self._text(begin) in PAUSES and (
            self._text(begin + 1) in FINITE or self._text(begin + 1) in {"tend", "speak", "talk"}
        )

    def _relates(self, begin: int) -> bool:
        is_after_comma = self.texts[begin] == "," and self._text(begin + 1) in _RELATIVE
        return is_after_comma or self.texts[begin] in _RELATIVE

    def _is_about_them(self, begin: int) -> bool:
        """Whether a clause goes on like "when people are afraid, they speak faster"."""
        return self.texts[begin] == "," and self._text(begin + 1) in {"they", "their"}

    def _is_of_others(self, begin: int) -> bool:
        """Whether a relative clause is about other people, or about a feeling as such."""
        before = begin - 2 if self.texts[begin - 1] == "," else begin - 1
        is_feeling = before <= 1 and self._text(before) in _FEELINGS
        return is_feeling or self._text(before) in _PEOPLE

    # -- marks

    def _mark(self, begin: int, end: int, is_foreign: bool) -> None:
        general = self._is_general(begin, end) or self._lists_more(begin, end)
        denied = hedged = False
        void = is_foreign
        for i in range(begin, end):
            denied = (denied or self._denies(i)) and not self._is_denied_twice(i)
            hedged = hedged or self.texts[i] in HEDGES
            void = void or self._turns_away(i, begin, end)
            self.clause[i] = begin, end
            self.denied[i], self.hedged[i] = denied, hedged
            self.void[i], self.general[i] = void, general

    def _denies(self, i: int) -> bool:
        word, following = self.texts[i], self._text(i + 1)
        if f"{word} {following}" in _DENYING_PAIRS:
            return True
        is_negation = word in NEGATIONS or word.endswith("n't")
        return is_negation and following not in _HARMLESS_AFTER_NEGATION

    def _is_denied_twice(self, i: int) -> bool:
        return self.texts[i] == "without" and self._text(i - 1) in _TWICE

    def _spread_remarks(self, clauses: Sequence[tuple[int, int]]) -> None:
        """ "Perhaps, the voice is loud" and "the voice is loud, I think" guess too."""
        if len(clauses) < 2:
            return
        for (begin, end), (first, last) in ((clauses[0], clauses[1]), (clauses[-1], clauses[-2])):
            if all(word in _REMARKS for word in self.texts[begin:end]):
                size = last - first
                self.hedged[first:last] = (
                    [True] * size if self.hedged[end - 1] else (self.hedged[first:last])
                )
                self.general[first:last] = [self.general[end - 1] or self.general[first]] * size

    # -- rules and hypotheses

    def _is_general(self, begin: int, end: int) -> bool:
        """Whether the clause states a rule or a hypothesis."""
        return self._is_about_feelings(begin) or any(
            self._generalises(i) for i in range(begin, end)
        )

    def _lists_more(self, begin: int, end: int) -> bool:
        """Whether a clause without a verb goes on with a rule: "anger usually has a high pitch, a
        loud voice and fast speech"."""
        goes_on = begin > 0 and self.general[begin - 1] and self.texts[begin] in _LISTED
        return goes_on and not any(
            token.text in LINKS or token.text in FINITE or token.role == "verb"
            for token in self.tokens[begin:end]
        )

    def _generalises(self, i: int) -> bool:
        word, following = self.texts[i], self._text(i + 1)
        if word in {"would", "should"}:
            return following not in _SAYING
        if word == "associated":
            return self._text(i - 1) in {"is", "are", "often"} | _GENERAL
        if word in {"can", "may"} and f"{following} {self._text(i + 2)}" in _MEANING:
            return True
        if word in {"can", "may"} and following in _MEANING:
            return True
        if word in _SIGNS:
            return self._text(i - 1) in _TYPICAL
        if word in {"always", "necessarily"}:
            return self._text(i - 1) in NEGATIONS
        if word == "tend" or f"{word} {following}" in {"in general", "a rule"}:
            return True
        if word == "can" and following in {"be", "vary", "sound"}:
            return self._is_described(i + 2)
        return word in _GENERAL and not COMPARED.intersection(self.texts[max(0, i - 3) : i])

    def _is_described(self, i: int) -> bool:
        """Whether a word of a voice follows, as in "can be high", not "can be heard"."""
        while i < len(self.tokens) and self.tokens[i].role == "filler":
            i += 1
        return i < len(self.tokens) and self.tokens[i].role in {"quality", "claim", "adverb"}

    def _is_about_feelings(self, begin: int) -> bool:
        """Whether the clause begins like "anger is loud" or "sad voices are low"."""
        first = begin
        while first < begin + 3 and (self._text(first) in _OPENING or self._is_filler(first)):
            first += 1
        word, following = self._text(first), self._text(first + 1)
        if word in _FELT:
            return following in _MANY
        if word not in _FEELINGS or following not in _BE:
            return False
        next_word = self._text(first + 2)
        return not (next_word in _OBSERVED or next_word.endswith(("ed", "n")))

    def _is_filler(self, i: int) -> bool:
        return i < len(self.tokens) and self.tokens[i].role == "filler"

    # -- other people and things

    def _turns_away(self, i: int, begin: int, end: int) -> bool:
        """Whether the rest of the clause is about something other than this voice."""
        before, word, following = self._text(i - 1), self.texts[i], self._text(i + 1)
        if word in _TELLING or f"{word} {following}" in _TELLING:
            return True
        if word in {"if", "though"} and before == "as":
            return not self._is_sounding(i - 1)
        if word in {"if", "unless", "whether"}:
            return before != "even"
        if word in _SUPPOSING:
            return i == 0
        if word in _OTHERS or (word in _RELATIONS and before in DETERMINERS):
            return self._is_other_person(i)
        if word in _OTHER_BEFORE:
            return following in _OTHER_SPEAKERS
        if word in _OBJECTS:
            return self._is_subject(i, begin)
        return i == begin and "background" in self.texts[i:end]

    def _is_other_person(self, i: int) -> bool:
        """Whether a person is spoken of, and not only spoken to."""
        if self.texts[i] == "those":
            return self._text(i + 1) in {"who", "that", "with"}
        if self.texts[i] in _MANY and self._text(i - 1) in DETERMINERS:
            return False
        return not _TOWARDS.intersection(self.texts[max(0, i - 2) : i])

    def _is_subject(self, i: int, begin: int) -> bool:
        """Whether a noun begins its clause, as in "the old floorboards creak"."""
        start = begin
        while start < min(i, begin + 3) and self.texts[start] in _OPENING:
            start += 1
        if i - start > 3 or (start < i and self.texts[start] not in DETERMINERS):
            return False
        return not any(token.role == "noun" for token in self.tokens[start:i])


def is_adjective_between(tokens: Sequence[ClaimToken], i: int) -> bool:
    """Whether an unknown word is used like "angry" in "a loud, angry voice"."""
    if not 1 < i < len(tokens) - 1 or tokens[i].role:
        return False
    is_unknown = tokens[i].text not in FUNCTION and tokens[i - 2].role == "quality"
    return is_unknown and tokens[i + 1].role == "noun"


LINKS = words(
    "start starts started begins is are was were be been being am sounds sound sounded stays "
    "stay stayed staying remains sits sit sat ends end ended "
    "remain remained remaining becomes became become becoming gets get got keeps kept lies lie "
    "lay comes come came coming runs run ran turns turned feels felt described : it's that's "
    "there's has have had having carries carry carried shows with delivered as to out in by from "
    "falls fall fell tends tend held holds keep made makes goes go went does do did within hovers "
    "appears rated heard perceived considered"
)
COPULAS = words(
    "be start starts started begins is are was were be been sounds stays remains becomes comes come"
)
#: Words that a preceding adjective cannot modify.
FUNCTION = (
    PAUSES | DETERMINERS | LISTING | BREAKS | LINKS | SUBJECTS | NEGATIONS | HEDGES | COMPARED
    | words(
        "at on of for throughout during overall here now then toward towards through until before "
        "after enough across over under into about like if even for them him me us if whether "
        "suggests suggest indicates indicate reflects reflect conveys convey implies imply points "
        "point mark marks today already together such can will would should must so around "
        "filled full marked tinged up down off away out back along coupled paired accompanied "
        "combined compared rather again "
        "relative versus one two three four five"
    )
)  # fmt: skip
