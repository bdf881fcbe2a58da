"""What applies to a word of a sentence: a denial, a condition, another person, a concession.

Each cue opens such a scope; punctuation and contrast close it.
"""

from __future__ import annotations

from enum import Enum
from itertools import takewhile

from whyser_eval.reading.tokens import COMMAS, PAUSES, SentenceToken


class Standing(Enum):
    """Whether the text claims, weighs or rejects an emotion that it names."""

    ASCRIBED = "ascribed"  # claimed of the speaker or the voice: "she sounds sad"
    CLAIMED = "claimed"
    WEIGHED = "weighed"  # conceded, compared or reported: taken only where nothing is claimed
    REJECTED = "rejected"  # denied, hypothetical, or another person's


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
TURNS = _set("but however yet")
_CONCESSIONS = _set(
    "although though while whereas despite than says said claims claimed mentions mentioned talks "
    "talking speaks sometimes expect expects expected thought assumed suspected pretends pretend "
    "pretending feigns feigned fake apparent supposed seeming ostensible superficial behind "
    "beneath underneath about"
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
    "neighbours teacher person party speaker man woman guy family kid kids child children son "
    "sons daughter daughters baby grandmother grandfather grandma grandpa grandparents uncle aunt "
    "cousin cousins nephew niece dog cat team teammates mates pupils students clients "
    "coworker coworkers roommate roommates fiance fiancee ex companion companions"
)
#: After "in the background": who is heard there; and how the text returns to the speaker.
_OTHER_VOICES = _set("a an another someone somebody people others voices you we there")
_RESUMING = _set("she he they the it this her his their")
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


class Scope:
    """The cues that apply to the current word of a sentence."""

    def __init__(self, sentence: list[SentenceToken]) -> None:
        self.sentence = sentence
        self.texts = [token.text for token in sentence]
        self.has_named = False
        self.clear()

    def clear(self, *, before: bool = False) -> None:
        self.denied = self.conceded = self.elsewhere = self.behind = False
        self.subject = self.ascribed = False
        self.before = before

    def pass_word(self, position: int) -> None:
        """Updates the cues by a word that names no emotion."""
        word = self.texts[position]
        following = tuple(self.texts[position + 1 : position + 3])
        if word in PAUSES:
            # "Not A (angry)" denies both.
            if word != "(" and not self._list_goes_on(position):
                # "In the background a man shouts, furious": he is not the speaker after the comma.
                is_behind = self.behind and not _RESUMING.intersection(following[:1])
                self.clear(before=self.before and not self.has_named)
                self.behind = self.elsewhere = is_behind
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
        elif word == "background" and _OTHER_VOICES.intersection(following):
            self.behind = self.elsewhere = True
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
        if self.texts[position] not in COMMAS:
            return False
        window = self.sentence[position + 1 : position + 13]
        listed = takewhile(
            lambda token: token.entry or token.text in COMMAS or token.text in _LIST_FILLERS,
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
        # "The neighbours were" is about others, "the kids are" may be about the speakers.
        owners = _OWNERS | {"the"} if following[:1] == ("were",) else _OWNERS
        is_related = person in _RELATIONS and self._previous(position) in owners
        # "This is somebody who is angry" describes the speaker.
        is_described = person in {"someone", "somebody"} and following[:1] == ("who",)
        known = is_related or (person in _BYSTANDERS and not is_described)
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
            if word in PAUSES or word in _CONTRASTS or word == "and" or self.sentence[place].entry:
                return False
            if word in _BEFORE or tuple(self.texts[place : place + 2]) in _AT_FIRST:
                return True
        return False

    def _is_denied_after(self, position: int) -> bool:
        """Whether "anger is not", "fear can be ruled out" or the like follows the word."""
        near = self.texts[position + 1 : position + 4]
        first, *rest = *takewhile(lambda text: text not in PAUSES, near), ""
        is_denied = first in _COPULAS and bool(_DENIED_AFTER.intersection(rest))
        return is_denied or first.endswith("n't")
