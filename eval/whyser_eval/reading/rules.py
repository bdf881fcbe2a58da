"""Reads a model's answer into a class by rules, in stages (docs/design.md, "Reading an answer").

`tag`        the answer block of Eq. 1
`sentence`   an explicit statement in prose: "I think the emotion is X", "Final answer: X"
`letter`     an option's letter, for a closed question only
`lexicon`    emotion words in the answer's prose
`llm`        a model at an endpoint, where one is asked (`model_reader`)
`unread`     none of these: refusal, echo of the options, cut off before an answer

The frozen lexicon groups the words that a stage reads. No stage guesses, and none reads the
transcript; in the rationale, only the sentence of Eq. 1 is looked for.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, TypeAlias, get_args

from whyser.io.thinking import split_thinking
from whyser.labels.classes import OTHER, Label
from whyser.labels.lexicon import Lexicon, fold, lexicon, words
from whyser.prompting.answer import BLOCKS, SENTENCE, parse_answer
from whyser.prompting.prompts import OPTIONS, Form, lettered_options
from whyser_eval.reading.mentions import Mention, Standing, find_mentions

Stage: TypeAlias = Literal["tag", "sentence", "letter", "lexicon", "llm", "unread"]

#: The stages in the order in which tables show them.
STAGES: tuple[Stage, ...] = get_args(Stage)

#: Increase it with every change of these rules: scores by different readers cannot be compared.
RULES_VERSION = 5

#: This many different classes in one place are a list of options, not an answer.
_TOO_MANY = 4

#: Explicit statements that are read, from the last one back, and characters of each.
_STATEMENTS_READ, _STATEMENT_LENGTH = 20, 600

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
    asked = _Asked(form, tuple(options), table or lexicon())
    said, still_thinks = split_thinking(text)
    folded = _with_plain_tags(fold(said))
    blocks = parse_answer(folded)
    if blocks.statement is not None and blocks.statement.strip():
        return _read_tag(blocks.statement, asked)
    if still_thinks or _is_cut_off(folded):
        return UNREAD
    answer = _proper(_outside_blocks(folded), asked)
    return (
        _read_sentence(answer, asked, is_answer=True)
        or _read_sentence(blocks.rationale or "", asked, is_answer=False)
        or _read_prose(answer, asked)
        or UNREAD
    )


def answer_proper(
    text: str, *, form: Form, options: Sequence[Label] = OPTIONS, table: Lexicon | None = None
) -> str | None:
    """The folded part of an answer that any reader may read a class from.

    It has no transcript, quotation, rationale or echo of the options. None where there is no such
    part: for a refusal, or an answer that was cut off.

    >>> answer_proper("<asr>I am so happy</asr>She said 'hooray', rather zesty.", form="open")
    'she said  , rather zesty.'
    """
    asked = _Asked(form, tuple(options), table or lexicon())
    said, still_thinks = split_thinking(text)
    folded = _with_plain_tags(fold(said))
    statement = parse_answer(folded).statement
    if statement is None or not statement.strip():
        if still_thinks or _is_cut_off(folded):
            return None
        statement = _outside_blocks(folded)
    proper = _proper(statement, asked).strip()
    return None if not words(proper) or _REFUSAL.search(proper) else proper


def _proper(text: str, asked: _Asked) -> str:
    """The text without quotations and repeated options."""
    unquoted = _QUOTATION.sub(lambda found: _unquoted(found, asked.table), text)
    return _without_options(unquoted, asked)


# Blocks

#: A tag with space inside; one without needs no replacement.
_LOOSE_TAG = re.compile(rf"<(?!/?(?:{BLOCKS})>)\s{{0,3}}(/?)\s{{0,3}}({BLOCKS})\s{{0,3}}>")
_BLOCK_MARK = re.compile(rf"<(/?)({BLOCKS})>")


def _with_plain_tags(text: str) -> str:
    return _LOOSE_TAG.sub(r"<\1\2>", text)


def _is_cut_off(text: str) -> bool:
    """Whether the text ends inside an answer block."""
    marks = _BLOCK_MARK.findall(text)
    return bool(marks) and marks[-1] == ("", "answer")


def _outside_blocks(text: str) -> str:
    """The text outside of all blocks; an unclosed block reaches to the next tag or the end."""
    kept, start, inside = [], 0, False
    for mark in _BLOCK_MARK.finditer(text):
        if not inside:
            kept.append(text[start : mark.start()])
        start, inside = mark.end(), not mark.group(1)
    if not inside:
        kept.append(text[start:])
    # "Transcript: I am so happy" does in prose what the transcript block does in Eq. 1.
    return _LABELLED_TRANSCRIPT.sub("\n", "\n".join(kept))


_LABELLED_TRANSCRIPT = re.compile(
    r"^[ \t*_#>\d.-]{0,10}(?:transcript(?:ion)?|asr|spoken words|words|text|content)[*_]{0,3}:"
    # To the end of the line, or to the next such heading: "Words: harsh. Tone: tense."
    r".*?(?=[.;|]\s{1,3}(?:[a-z]{1,20} )?[a-z]{1,20}:|$)",
    re.MULTILINE,
)


# Quotations and echoes

_QUOTATION = re.compile(
    r'"([^"\n]{1,400})"'
    r"|\u201c([^\u201c\u201d\n]{1,400})\u201d"
    r"|\u00ab([^\u00ab\u00bb\n]{1,400})\u00bb"
    r"|\u300c([^\u300c\u300d\n]{1,400})\u300d"
    r"|\u201e([^\u201e\u201c\u201d\n]{1,400})[\u201c\u201d]"
    r"|(?<![\w'])'((?:[^'\n]|(?<=\w)'(?=\w)){1,400})'(?![\w'])"
)
_SPEECH_BEFORE = re.compile(
    r"(?<!would )(?<!i'd )(?<!i )\b(?:say|says|said|saying|words?|phrases?|utters?|repeats?|"
    r"repeating|mentions?|shouts?|whispers?|exclaims?|screams?|yells?|repl(?:y|ies|ied))"
    r"[\s:,*]{0,4}$"
)


#: {"emotion": "zesty"} states a word, known or not.
_STATED_BEFORE = re.compile(
    r"\b(?:answer|emotion|label|prediction|feeling|mood)[\"'*_]{0,4}\s{0,3}(?:[:=]|is|as)\s{0,3}$"
)


def _unquoted(found: re.Match[str], table: Lexicon) -> str:
    """A blank, or the quoted text if it is the answer (the emotion is "sad")."""
    quoted = next(group for group in found.groups() if group is not None)
    before = found.string[max(0, found.start() - 30) : found.start()]
    is_answer = not _SPEECH_BEFORE.search(before) and (
        table.knows(quoted)
        or bool(_LETTER.fullmatch(quoted.strip()))
        or (bool(_STATED_BEFORE.search(before)) and len(words(quoted)) <= 2)
    )
    return f" {quoted} " if is_answer or _KEY.fullmatch(quoted) else " "


_KEY = re.compile(r"(?:final[ _])?(?:answer|emotion|label|prediction)")
_OPTION = re.compile(r"(?<!\w)\(?([a-i])[.):]\s{0,3}\*{0,2}(\w+)")


def _without_options(text: str, asked: _Asked) -> str:
    """Blanks an echo of the lettered options: three or more of them in their own order."""
    runs: list[list[re.Match[str]]] = []
    for option in _OPTION.finditer(text):
        if asked.letters.get(option[1]) != option[2]:
            continue
        if runs and ord(option[1]) == ord(runs[-1][-1][1]) + 1:
            runs[-1].append(option)
        else:
            runs.append([option])
    kept, start = [], 0
    for run in runs:
        if len(run) >= 3:
            kept.append(text[start : run[0].start()])
            start = run[-1].end()
    return "\n".join([*kept, text[start:]])


# Statements

_LETTER = re.compile(r"\(?([a-z])\)?[.):]?")
_LEADING_LETTER = re.compile(
    r"[\s*_\"'`({\[]{0,8}(?:option\s)?([a-z])"
    r"(?:[.):\]}*_\"'`]{1,8}(?:\s|$)|\s{0,8}$"
    r"|\s(?=because\b|since\b|as\b|due\b|or [a-i]\b|[-\u2013\u2014,]"
    r"|fits\b|is (?:the )?(?:right|correct|best|most)\b))"
)
_MARKUP = " \t\n*_`\"'#>{}[]$"
_EQ1 = fold(SENTENCE).strip()


def _read_tag(statement: str, asked: _Asked) -> Reading:
    is_long = len(statement) > _REMEMBERED_LENGTH
    return (_remembered_tag.__wrapped__ if is_long else _remembered_tag)(statement, asked)


@lru_cache(maxsize=4096)
def _remembered_tag(statement: str, asked: _Asked) -> Reading:
    return _read_statement(statement, asked, "tag", unknown_is_other=True) or UNREAD


def _read_statement(
    statement: str, asked: _Asked, stage: Stage, *, unknown_is_other: bool
) -> Reading | None:
    """The reading of a text that only names the emotion: the word, else the letter."""
    text = _proper(statement.strip(), asked).strip(_MARKUP)
    text = text.removeprefix(_EQ1)
    mentions = find_mentions(text, stated=True, table=asked.table)
    if len({mention.label for mention in mentions}) >= _TOO_MANY:
        return None
    reading = _choice(mentions, stage)
    if reading or mentions:
        return reading
    return _read_letter(text, asked) or (_unknown(text, stage) if unknown_is_other else None)


def _choice(mentions: list[Mention], stage: Stage) -> Reading | None:
    """The first claimed mention that has a class, else the first claimed, else a weighed one."""
    for standing in (Standing.CLAIMED, Standing.WEIGHED):
        taken = [mention for mention in mentions if mention.standing is standing]
        if taken:
            first = next((mention for mention in taken if mention.label != OTHER), taken[0])
            several = len({mention.label for mention in taken}) > 1
            return Reading(first.label, stage, first.word, several)
    return None


def _read_letter(text: str, asked: _Asked) -> Reading | None:
    """The reading of a leading letter; None for a letter without an option."""
    found = _LEADING_LETTER.match(text) if asked.form == "closed" else None
    label = asked.letters.get(found[1]) if found else None
    return Reading(label, "letter", found[1].upper()) if found and label else None


_NO_ANSWER = re.compile(
    r"\b(?:unable|cannot|can't|unclear|unknown|unsure|uncertain|undetermined|sorry|n/?a|"
    r"don't|not|no|emotion|audio|speaker|answer)\b"
)


def _unknown(text: str, stage: Stage) -> Reading | None:
    """A stated word or two that the table lacks: an emotion outside the eight classes."""
    stated = words(text)
    is_name = 1 <= len(stated) <= 2 and len(stated[0]) > 2 and not _NO_ANSWER.search(text)
    return Reading(OTHER, stage, " ".join(stated)) if is_name else None


# Explicit statements in prose

_DECISIVE = re.compile(
    rf"{_EQ1}"
    r"|\\boxed\{|#{4}"
    r"|\b(?:final|my)[ _](?:answer|choice|prediction|label|emotion|verdict)\b[\"'*_]{0,4}"
    r"(?:\s{0,3}[:=]|\s(?:is|would be)\b)"
    r"|^[\s*_#>{-]{0,12}[\"']?(?:the )?(?:predicted )?(?:answer|emotion|label|prediction|response)"
    r"[\"'*_]{0,4}\s{0,3}[:=]",
    re.MULTILINE,
)
_STATING = re.compile(
    r"\b(?:answer|emotion|label|option|choice|feeling|mood|sentiment)"
    r"(?:\s(?!is\b|was\b|not\b|but\b)[\w'-]{1,20}){0,8}?\s{0,2}"
    r"(?::|\b(?:is|(?:would|should|must|has to|might|could|may) be|appears to be|seems to be)\b"
    r"(?: best)?(?: (?:described|labell?ed) as\b)?)"
    r"|\bi(?:'d| would|'ll| will)? (?:say|choose|pick|select|go with|go for|guess|answer|"
    r"label it|settle on|settle for|opt for|lean towards?)\b"
    r"|\b(?:option|choice)\s(?=\(?[a-z]\b)"
    # "E is the right one"
    r"|(?<!\w)(?=\(?[a-z]\)?\s(?:is (?:the )?(?:right|correct|best|most)|fits)\b)"
    # "the answer is", "I choose" before a letter
    "|(?:\u7b54\u6848|\u9009\u9879|\u9009\u62e9|\u9009|\u9078)(?:\u662f|\u4e3a|\u70ba)?"
    r"[\s:]{0,3}(?=\(?[a-z](?![a-z]))"
)
_UNDONE_BEFORE = re.compile(
    r"(?:\b(?:not|never|if|whether|unless|cannot|wouldn't|hardly)|n't)\s(?:[\w']{1,15}\s){0,3}$"
)
_STOP = re.compile(r"[.!?;\n\u3002]")


def _read_sentence(text: str, asked: _Asked, *, is_answer: bool) -> Reading | None:
    """The last explicit statement; decisive wording beats the rest.

    Outside the answer proper (`is_answer` false) only the sentence of Eq. 1 counts.
    """
    markers = [_DECISIVE, _STATING] if is_answer else [re.compile(_EQ1)]
    for rank, marker in enumerate(markers):
        for found in _last(marker, text):
            if _UNDONE_BEFORE.search(text, max(0, found.start() - 60), found.start()):
                continue
            stated = _reach(text, found.end())
            if not stated.strip(_MARKUP):
                return UNREAD if found.end() >= len(text.rstrip()) else None
            reading = _read_statement(stated, asked, "sentence", unknown_is_other=rank == 0)
            if reading:
                return reading
    return None


def _last(marker: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The marker's last occurrences, from the end backwards."""
    return reversed(deque(marker.finditer(text), maxlen=_STATEMENTS_READ))


def _reach(text: str, start: int) -> str:
    """From a marker to the end of its sentence; an option's letter does not end one."""
    while start < len(text) and text[start] in _MARKUP + ":":
        start += 1
    letter = _LEADING_LETTER.match(text, start)
    limit = start + _STATEMENT_LENGTH
    end = _STOP.search(text, letter.end() if letter else start, limit)
    return text[start : end.start() if end else limit]


# Prose

_REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial|language model|text)"
    r"|\bi(?:'m| am) (?:just |only )?an? (?:ai|language)"
    r"|\b(?:cannot|can't|can not|unable to|not able to|don't have the (?:ability|capability) to)"
    r" (?:\w{1,15} ){0,2}?(?:hear|listen to|listen|process|access|analy[sz]e|play) "
    r"(?:\w{1,15} ){0,2}?(?:audio|sound|recording|clip|file|speech)"
    r"|\b(?:cannot|can't) listen\b|\bplease (?:\w{1,10} )?(?:provide|upload|share|send)"
    r"|\b(?:could|can) you (?:\w{1,10} )?(?:provide|upload|share|send)"
    r"|\bno audio\b|\b(?:didn't|haven't|not) (?:been )?provided?\b"
    r"|\bkann (?:\w{1,15} ){0,4}nicht (?:an)?horen|\bpeux pas (?:ecouter|entendre|traiter)"
    r"|\bno puedo (?:escuchar|oir|procesar)|\bnon posso (?:ascoltare|sentire)"
    r"|\u65e0\u6cd5|\u3067\u304d\u307e\u305b\u3093"
)
_REASON_LINE = re.compile(
    r"^[ \t*_#>-]{0,10}(?:reason(?:ing)?|rationale|explanation|analysis|evidence|note)s?[*_]{0,3}:",
    re.MULTILINE,
)
_CONCLUSION = re.compile(
    r"\b(?:overall|in conclusion|in summary|to sum up|all in all|therefore|thus|hence|"
    r"taken together|ultimately|insgesamt|en resume|en conclusion|in conclusione)\b"
    r"|(?:^|[.\n]\s{0,3})so,? "
)


def _read_prose(text: str, asked: _Asked) -> Reading | None:
    """A bare word or letter on a line of its own, else a conclusion, else the first claim."""
    if _REFUSAL.search(text):
        return None
    reason = _REASON_LINE.search(text)
    answer = text[: reason.start()] if reason and text[: reason.start()].strip() else text
    return (
        next(_bare_lines(answer, asked), None)
        or _conclusion(answer, asked.table)
        or _first_claim(answer, asked.table)
        or _read_letter(answer.strip(), asked)
    )


def _bare_lines(text: str, asked: _Asked) -> Iterator[Reading]:
    """Readings of the last line, then of the first phrase, where they are just an answer."""
    lines = [line for line in text.splitlines() if line.strip(_MARKUP)]
    if len(lines) > 1 and not _is_bare(lines[-2], asked.table):
        yield from _bare(lines[-1], asked)
    if lines and not (len(lines) > 1 and all(_is_bare(line, asked.table) for line in lines)):
        head = lines[0].strip(_MARKUP)
        letter = _LEADING_LETTER.match(head)
        phrase = re.compile(r"[.!?;:\u2013\u2014(\u3002]|\s-").search(
            head, letter.end() if letter else 0
        )
        if phrase is None or phrase.group() != "?":
            yield from _bare(head[: phrase.start()] if phrase else head, asked)


def _is_bare(line: str, table: Lexicon) -> bool:
    """Whether a line is a label and hardly anything else."""
    return _is_short(line) and bool(find_mentions(line, stated=True, table=table))


def _is_short(line: str) -> bool:
    return len(line) <= _LINE_LENGTH and len(words(line)) <= 3


def _bare(line: str, asked: _Asked) -> Iterator[Reading]:
    if _is_short(line):
        reading = _read_statement(line, asked, "lexicon", unknown_is_other=False)
        if reading:
            yield reading


def _conclusion(text: str, table: Lexicon) -> Reading | None:
    """The last sentence that draws a conclusion and claims an emotion in it."""
    for found in _last(_CONCLUSION, text):
        reading = _choice(find_mentions(_reach(text, found.end()), table=table), "lexicon")
        if reading:
            return reading
    return None


def _first_claim(text: str, table: Lexicon) -> Reading | None:
    mentions = find_mentions(text, table=table)
    claimed = {mention.label for mention in mentions if mention.standing is Standing.CLAIMED}
    return None if len(claimed) >= _TOO_MANY else _choice(mentions, "lexicon")
