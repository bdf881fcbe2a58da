"""Reads a model's answer into a class by rules, in stages (docs/design.md, "Reading an answer").

`tag`        the answer block of Eq. 1
`sentence`   an explicit statement: "Final answer: X", `{"emotion": "X"}`, scores, "I would say X"
`letter`     an option's letter, for a closed question only
`lexicon`    emotion words in the answer's prose
`llm`        a model at an endpoint, where one is asked (`model_reader`)
`unread`     none of these: refusal, echo of the options, cut off before an answer

`_EVIDENCE` ranks what may decide. The lexicon groups the words that a stage reads. No stage
guesses, and none reads the transcript; the rationale is read only where nothing else is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal, TypeAlias, get_args

from whyser.labels.classes import ALIASES, CLASSES, OTHER, Label, canonical
from whyser.labels.lexicon import Lexicon, lexicon, words
from whyser.prompting.prompts import OPTIONS, Form, lettered_options
from whyser_eval.reading.fields import answer_values, fields, scored_fields
from whyser_eval.reading.mentions import TOO_MANY, Mention, find_mentions
from whyser_eval.reading.parts import Parts, parts_of, proper, unwrapped
from whyser_eval.reading.rated import Rating, compares, highest, ratings
from whyser_eval.reading.refusals import answerable
from whyser_eval.reading.scopes import Standing
from whyser_eval.reading.statements import (
    ASCRIPTION,
    CONCLUSION,
    EQ1,
    FIELD_LINE,
    FINAL,
    MARKUP,
    REMARK,
    SENTENCE_OF_EQ1,
    STATEMENT,
    last,
    last_letter,
    letter_in,
    reach,
    stated,
)

Stage: TypeAlias = Literal["tag", "sentence", "letter", "lexicon", "llm", "unread"]

#: The stages in the order in which tables show them.
STAGES: tuple[Stage, ...] = get_args(Stage)

#: Increase it with every change of these rules: scores by different readers cannot be compared.
RULES_VERSION = 6

#: A line that is just an answer has at most three words and this many characters.
_LINE_LENGTH = 100

#: Longer statements are not cached.
_REMEMBERED_LENGTH = 200


@dataclass(frozen=True)
class Reading:
    """What an answer says.

    `label` is None when the answer could not be read; `word` is the word or letter that decided;
    `two_emotions` is whether the answer names more than one emotion.
    """

    label: Label | None
    stage: Stage
    word: str | None = None
    two_emotions: bool = False


UNREAD = Reading(None, "unread")


@dataclass(frozen=True)
class _Asked:
    """The question that was asked, and the lexicon to read the answer with."""

    form: Form
    options: tuple[Label, ...]
    table: Lexicon

    @cached_property
    def letters(self) -> dict[str, Label]:
        """Letter -> label, both in folded text."""
        return {letter.lower(): label for letter, label in lettered_options(self.options).items()}


@lru_cache(maxsize=64)
def _asked(form: Form, options: tuple[Label, ...], table: Lexicon | None) -> _Asked:
    return _Asked(form, options, table or lexicon())


@dataclass(frozen=True)
class _Prose:
    """An answer without block. `raw` is its text, with all quotation marks."""

    raw: str
    rationale: str
    asked: _Asked

    @cached_property
    def text(self) -> str:
        return proper(self.raw, self.asked.letters, self.asked.table)

    @cached_property
    def prose(self) -> str:
        """What no refusal takes back, up to the reasons that follow the answer."""
        text = answerable(self.text)
        reason = _REASON_LINE.search(text)
        return text[: reason.start()] if reason and text[: reason.start()].strip() else text

    @cached_property
    def lines(self) -> list[str]:
        return [line for line in self.prose.splitlines() if line.strip(MARKUP)]

    @cached_property
    def head(self) -> str:
        """The first phrase; empty for a question, and where every line is a label."""
        lines, table = self.lines, self.asked.table
        if not lines or (len(lines) > 1 and all(_is_bare(line, table) for line in lines)):
            return ""
        head = lines[0].strip(MARKUP)
        # The full stop after an option's letter ends nothing.
        phrase = _PHRASE_END.search(head, 3 if re.match(r"\(?[a-i][.):]", head) else 0)
        if phrase is None:
            return head
        return "" if phrase.group() == "?" else head[: phrase.start()]

    @cached_property
    def last_line(self) -> str:
        """The last line; empty where the one before is a label too."""
        lines = self.lines
        is_list = len(lines) > 1 and _is_bare(lines[-2], self.asked.table)
        return lines[-1] if lines and not is_list else ""

    @cached_property
    def ratings(self) -> list[Rating]:
        return ratings(self.raw, self.asked.table)


def read_answer(
    text: str, *, form: Form, options: Sequence[Label] = OPTIONS, table: Lexicon | None = None
) -> Reading:
    """The class that an answer names.

    Args: `form` of the question; a letter counts under the closed form only. `options` in the
        order in which they were lettered. `table` groups the words; by default the shipped one.

    Source: docs/design.md, "Reading an answer".

    >>> read_answer("<answer>I think the emotion is sad</answer><reason>Low.</reason>", form="open")
    Reading(label='sad', stage='tag', word='sad', two_emotions=False)
    >>> read_answer("C.", form="closed").label, read_answer("C.", form="open").label
    ('happy', None)
    >>> read_answer("The speaker is not angry, just bored.", form="open").label
    'other'
    """
    asked = _asked(form, tuple(options), table)
    parts = parts_of(text)
    if parts.statement is not None:
        return _read_tag(parts.statement, asked)
    if parts.is_cut:
        return _unfinished(parts, asked)
    answer = _Prose(parts.prose, parts.rationale, asked)
    weaker = None
    for evidence in _EVIDENCE:
        reading = evidence.read(answer)
        if reading is None:
            continue
        if reading.label != OTHER or evidence.settles:
            return reading
        weaker = weaker or reading
    return weaker or UNREAD


def answer_proper(
    text: str, *, form: Form, options: Sequence[Label] = OPTIONS, table: Lexicon | None = None
) -> str | None:
    """The folded part of an answer that any reader may read a class from.

    It has no transcript, quotation, rationale or echo of the options. None where there is no such
    part: for a refusal, or an answer that was cut off.

    >>> answer_proper("<asr>I am so happy</asr>She said 'hooray', rather zesty.", form="open")
    'she said  , rather zesty.'
    """
    asked = _asked(form, tuple(options), table)
    parts = parts_of(text)
    if parts.statement is None and parts.is_cut:
        return None
    said = parts.prose if parts.statement is None else parts.statement
    left = answerable(proper(said, asked.letters, asked.table)).strip()
    return left if words(left) else None


# Blocks


def _read_tag(statement: str, asked: _Asked) -> Reading:
    is_long = len(statement) > _REMEMBERED_LENGTH
    return (_remembered_tag.__wrapped__ if is_long else _remembered_tag)(statement, asked)


@lru_cache(maxsize=4096)
def _remembered_tag(statement: str, asked: _Asked) -> Reading:
    scored = ratings(statement, asked.table)
    if compares(scored):
        return replace(_highest(scored), stage="tag")
    text = proper(unwrapped(statement), asked.letters, asked.table)
    return _read_statement(text, asked, "tag", unknown_is_other=True) or UNREAD


def _unfinished(parts: Parts, asked: _Asked) -> Reading:
    """The reading of a block that was cut off: a whole word of the table, never half a word."""
    text = proper(parts.unfinished, asked.letters, asked.table)
    mentions = find_mentions(text, stated=True, table=asked.table)
    return _choice(mentions, "tag") or UNREAD


# Statements


def _read_statement(
    statement: str, asked: _Asked, stage: Stage, *, unknown_is_other: bool
) -> Reading | None:
    """The reading of a text that only names the emotion: the word, else the letter."""
    text = statement.strip(MARKUP).removeprefix(EQ1)
    mentions = find_mentions(text, stated=True, table=asked.table)
    reading = _choice(mentions, stage)
    if reading or mentions:
        return reading
    return _letter(letter_in(text), asked) or (_unknown(text, stage) if unknown_is_other else None)


def _choice(mentions: Sequence[Mention], stage: Stage) -> Reading | None:
    """The first mention of the best standing, one with a class before one without."""
    for standing in (Standing.ASCRIBED, Standing.CLAIMED, Standing.WEIGHED):
        taken = [mention for mention in mentions if mention.standing is standing]
        if taken:
            first = next((mention for mention in taken if mention.label != OTHER), taken[0])
            several = len({mention.label for mention in taken}) > 1
            return Reading(first.label, stage, first.word, several)
    return None


def _letter(letter: str | None, asked: _Asked) -> Reading | None:
    """The reading of a letter; None for one without an option, or under the open form."""
    label = asked.letters.get(letter) if letter and asked.form == "closed" else None
    return Reading(label, "letter", letter.upper()) if letter and label else None


_NO_ANSWER = re.compile(
    r"\b(?:unable|cannot|can't|unclear|unknown|unsure|uncertain|undetermined|sorry|n/?a|"
    r"don't|not|no|emotion|audio|speaker|answer)\b"
)
_CLASS_NAMES = sorted({*CLASSES, *ALIASES})
#: How similar a misspelt name is to its class (difflib's ratio): one letter of six is wrong.
_SIMILAR = 0.85


def _unknown(text: str, stage: Stage) -> Reading | None:
    """A stated word or two that the table lacks: a misspelt class, or an emotion without one."""
    named = words(text)
    if not 1 <= len(named) <= 2 or len(named[0]) <= 2 or _NO_ANSWER.search(text):
        return None
    meant = difflib.get_close_matches(named[0], _CLASS_NAMES, n=1, cutoff=_SIMILAR)
    label = canonical(meant[0]) if meant and len(named) == 1 else OTHER
    return Reading(label, stage, " ".join(named))


# Evidence


def _final_statement(answer: _Prose) -> Reading | None:
    for statement in stated(FINAL, answer.text):
        if not statement.strip(MARKUP):
            return UNREAD
        reading = _read_statement(statement, answer.asked, "sentence", unknown_is_other=True)
        if reading:
            return reading
    return None


def _field(answer: _Prose) -> Reading | None:
    """The field that names the emotion; of several segments the first that has a class."""
    found = fields(answer.raw)
    asked = answer.asked
    if not found or compares(answer.ratings):
        return None
    if compares(scored := scored_fields(found, asked.table)):
        return _highest(scored)
    values = answer_values(found)
    if values is None:
        return None
    named = (_read_statement(value, asked, "sentence", unknown_is_other=True) for value in values)
    return _first_with_class(named) or UNREAD


def _first_with_class(found: Iterable[Reading | None]) -> Reading | None:
    read = [reading for reading in found if reading]
    return next((one for one in read if one.label != OTHER), read[0] if read else None)


def _rated(answer: _Prose) -> Reading | None:
    return _highest(answer.ratings) if compares(answer.ratings) else None


def _highest(found: Sequence[Rating]) -> Reading:
    best = highest(found)
    labels = {one.label for one in best}
    if not best or len(labels) >= TOO_MANY:
        return UNREAD
    return Reading(best[0].label, "sentence", best[0].word, len(labels) > 1)


def _field_line(answer: _Prose) -> Reading | None:
    """The first line such as "Emotion: sad" that has a class."""
    lines = reversed(list(stated(FIELD_LINE, answer.text)))
    return _first_with_class(
        _read_statement(line, answer.asked, "sentence", unknown_is_other=True) for line in lines
    )


def _stating(marker: re.Pattern[str], text: str, asked: _Asked) -> Reading | None:
    read = (
        _read_statement(statement, asked, "sentence", unknown_is_other=False)
        for statement in stated(marker, text)
        if statement.strip(MARKUP)
    )
    return next((reading for reading in read if reading), None)


def _statement(answer: _Prose) -> Reading | None:
    return _stating(STATEMENT, answer.text, answer.asked)


def _remark(answer: _Prose) -> Reading | None:
    return _stating(REMARK, answer.text, answer.asked)


def _conclusion(answer: _Prose) -> Reading | None:
    """The last sentence that draws a conclusion and claims an emotion, or a letter, in it."""
    for found in last(CONCLUSION, answer.prose):
        said = reach(answer.prose, found.end())
        reading = _choice(find_mentions(said, table=answer.asked.table), "lexicon")
        if reading or (reading := _letter(letter_in(said), answer.asked)):
            return reading
    return None


# Lines

_REASON_LINE = re.compile(
    r"^[ \t*_#>-]{0,10}(?:reason(?:ing)?|rationale|explanation|analysis|evidence|note)s?[*_]{0,3}:",
    re.MULTILINE,
)
_FILLERS = frozenset(
    words(
        "the a an is it it's emotion and or very mostly slightly clearly probably likely maybe "
        "perhaps definitely most quite rather so i think"
    )
)


def _last_line(answer: _Prose) -> Reading | None:
    """The last line, if it is a label and nothing else."""
    return _label(answer.last_line, answer.asked)


def _first_line(answer: _Prose) -> Reading | None:
    """The first line or phrase, if it is a label and nothing else."""
    return _label(answer.head, answer.asked)


def _label(line: str, asked: _Asked) -> Reading | None:
    if not _is_short(line) or re.search(r"\d", line):
        return None
    mentions = find_mentions(line, stated=True, table=asked.table)
    named = {word for mention in mentions for word in words(mention.word)}
    is_label = mentions and not set(words(line)) - named - _FILLERS
    return _choice(mentions, "lexicon") if is_label else None


def _short_line(answer: _Prose) -> Reading | None:
    """The last line, then the first phrase, with hardly anything but a label."""
    last = _bare(answer.last_line, answer.asked) if len(answer.lines) > 1 else None
    return last or _bare(answer.head, answer.asked)


_PHRASE_END = re.compile(r"[.!?;:\u2013\u2014(\u3002]|\s-")


def _is_bare(line: str, table: Lexicon) -> bool:
    """Whether a line is a label and hardly anything else."""
    return _is_short(line) and bool(find_mentions(line, stated=True, table=table))


def _is_short(line: str) -> bool:
    return len(line) <= _LINE_LENGTH and len(words(line)) <= 3


def _bare(line: str, asked: _Asked) -> Reading | None:
    if not _is_short(line):
        return None
    return _read_statement(line, asked, "lexicon", unknown_is_other=False)


# Prose


def _first_claim(answer: _Prose) -> Reading | None:
    return _claim(answer.prose, answer.asked)


def _claim(text: str, asked: _Asked) -> Reading | None:
    mentions = find_mentions(text, table=asked.table)
    claimed = {mention.label for mention in mentions if mention.is_claimed}
    return None if len(claimed) >= TOO_MANY else _choice(mentions, "lexicon")


def _lone_letter(answer: _Prose) -> Reading | None:
    text = answer.prose.strip()
    return _letter(letter_in(text) or last_letter(text), answer.asked)


def _sentence_in_rationale(answer: _Prose) -> Reading | None:
    return _stating(SENTENCE_OF_EQ1, answer.rationale, answer.asked)


def _rationale(answer: _Prose) -> Reading | None:
    """What the rationale claims, where the answer has nothing else."""
    if words(answer.text):
        return None
    inner = _Prose(answer.rationale, "", answer.asked)
    return _conclusion(inner) or _first_claim(inner)


def _state(answer: _Prose) -> Reading | None:
    """A state without a class that only a statement names elsewhere: "sounds confident"."""
    for statement in stated(ASCRIPTION, answer.prose):
        mentions = find_mentions(statement, stated=True, table=answer.asked.table)
        reading = _choice([one for one in mentions if one.label == OTHER], "lexicon")
        if reading:
            return reading
    return None


@dataclass(frozen=True)
class _Evidence:
    """A reading of an answer, and whether it settles the matter where it finds no class."""

    read: Callable[[_Prose], Reading | None]
    settles: bool = True


#: From the strongest to the weakest.
_EVIDENCE = (
    _Evidence(_field),  # JSON has a key for it.
    _Evidence(_final_statement),  # The answer calls it its answer.
    _Evidence(_sentence_in_rationale),  # The model was trained to say so.
    _Evidence(_last_line),  # After reasoning, a bare label can only be the answer.
    _Evidence(_rated),  # All candidates are weighed, with a result.
    _Evidence(_field_line),  # A heading names it.
    _Evidence(_first_line),  # A bare label at the beginning: what follows explains it.
    _Evidence(_statement),  # A sentence says what the emotion is.
    _Evidence(_remark, settles=False),  # So does this one, but maybe on the way.
    _Evidence(_short_line),  # A label with a word beside it, such as "sad voice".
    _Evidence(_conclusion),  # The last claim that follows from the others.
    _Evidence(_first_claim, settles=False),  # Prose puts what it is sure of first.
    _Evidence(_lone_letter),  # A word beats a letter.
    _Evidence(_rationale, settles=False),  # There is nothing but reasons.
    _Evidence(_state),  # An attitude, such as "confident", is no class.
)
