"""The parts of an answer: which of its text may name the speaker's emotion.

Thinking, transcripts, quotations and repeated options are someone else's words, or not yet an
answer. All text here is folded (`whyser.labels.lexicon.fold`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from whyser.io.thinking import split_thinking
from whyser.labels.classes import Label
from whyser.labels.lexicon import Lexicon, fold, words
from whyser.prompting.answer import parse_eq_1


@dataclass(frozen=True)
class Parts:
    """An answer, taken apart.

    `statement` is the text of the answer block; None without one. `is_cut` is whether the answer
    ends inside its thinking or inside that block; `unfinished` is what stands there. `outside` is
    the text outside of blocks, `inside` that of the other blocks, without transcripts.
    """

    statement: str | None
    is_cut: bool
    unfinished: str
    outside: Sequence[str]
    inside: Sequence[str]

    # Computed when they are read: most answers of a trained model have a statement.

    @cached_property
    def prose(self) -> str:
        """What the answer says outside of blocks, in its own words."""
        return _own_words(_ends("\n".join(self.outside)))

    @cached_property
    def rationale(self) -> str:
        return _ends(" ".join(self.inside))


# Blocks


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Blocks that state the answer, and blocks of what was heard or asked. Any other pair of tags is a
#: rationale, whatever its name.
_STATES = _names(
    "answer final_answer finalanswer final emotion emotion_label label prediction class "
    "predicted_emotion"
)
_HEARD = _names(
    "asr descriptors attributes transcript transcription transcribed_text text words speech "
    "utterance quote content audio input question options prompt instruction instructions system "
    "user"
)
#: Mark-up, and blocks whose text is read as prose.
_PLAIN = _names(
    "b i u p br em strong span div li ul ol code pre h1 h2 h3 h4 table tr td th mark small font "
    "html body section response output result conclusion summary assistant reply"
)
_BLOCKS = _STATES | _HEARD | _names("reason")

#: The mark stands first, because a search for a single character is fast.
_MARK = re.compile(r"<(?<!<<)\s{0,3}(/?)\s{0,3}([a-z][\w-]{0,30})(?:\s[^<>]{0,80})?\s{0,3}/?>(?!>)")


def parts_of(text: str) -> Parts:
    """Takes an answer apart.

    >>> parts = parts_of("<asr>I am happy</asr><Analysis>Low.</Analysis><answer>Sad</answer> Bye.")
    >>> parts.statement, parts.rationale.strip(), parts.prose.strip()
    ('sad', 'low.', 'bye.')
    >>> parts_of("<think>Angry?").is_cut, parts_of("<answer>I am not s").unfinished
    (True, 'i am not s')
    """
    folded = fold(text)
    whole = parse_eq_1(folded)
    if whole is not None and whole.statement and whole.statement.strip():
        return Parts(_ends(whole.statement), False, "", (), (whole.rationale or "",))
    said, still_thinks = split_thinking(text)
    # Most answers have no thinking, and are folded already.
    folded = folded if said == text else fold(said)
    statements: list[str] = []
    rationale: list[str] = []
    outside: list[str] = []
    kept = {"statement": statements, "rationale": rationale, "outside": outside}
    start, kind = 0, "outside"
    for mark in _marks(folded):
        if kind in kept:
            kept[kind].append(folded[start : mark.start()])
        start, kind = mark.end(), "outside" if mark[1] else _kind(mark[2])
    rest = _ends(folded[start:])
    if kind in {"outside", "rationale"}:
        kept[kind].append(rest)
    statement = next((one for one in statements if one.strip()), None)
    is_open = kind == "statement" and statement is None
    return Parts(
        statement=statement and _ends(statement),
        is_cut=still_thinks or is_open,
        unfinished=rest if is_open else "",
        outside=outside,
        inside=rationale,
    )


#: Characters of a part that are read; of a longer one, the two ends are.
_LONGEST = 100_000


def _ends(text: str) -> str:
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}\n{text[-half:]}"


def _marks(text: str) -> list[re.Match[str]]:
    """The marks of blocks; <happy> is none, unless the text has </happy> too."""
    marks = [mark for mark in _MARK.finditer(text) if mark[2] not in _PLAIN]
    if all(mark[2] in _BLOCKS for mark in marks):
        return marks
    closed = {mark[2] for mark in marks if mark[1]} | _BLOCKS
    return [mark for mark in marks if mark[2] in closed]


def _kind(name: str) -> str:
    if name in _STATES:
        return "statement"
    return "heard" if name in _HEARD else "rationale"


# What other voices say

#: "Transcript: I am so happy" does in prose what the transcript block does in Eq. 1.
_NOT_ASKED = re.compile(
    r"^[ \t*_#>\d.-]{0,10}(?:(?:spoken|transcribed|original|audio|speech) )?"
    r"(?:transcript(?:ion)?|asr|words|text|content|speech|utterance|lyrics|quote)[*_]{0,3}:"
    # To the end of a quotation, of the line, or to the next heading: "Words: harsh. Tone: tense."
    r"(?:\s{0,3}[*_]{0,3}\s?(?:\"[^\"\n]{1,400}\"|\u201c[^\u201d\n]{1,400}\u201d)(?=\s)|"
    r".*?(?=[.;|][\"'\u201d]?\s{1,3}(?:[a-z]{1,20} )?[a-z]{1,20}:|$))"
    # How sure the answer is names no emotion.
    r"|^[ \t*_#>\d.-]{0,10}(?:confidence|certainty|intensity|probability)(?: (?:level|score))?"
    r"[*_]{0,3}\s?[:=].{0,80}$"
    # "The man says: I am so happy."
    r"|\b(?:say|says|said|saying|states|reads)\s?:(?!\s{0,3}[\"'*\u201c\u00ab])[^.!?\n]{0,400}",
    re.MULTILINE,
)
_INJECTED = re.compile(
    r"\b(?:(?:ignore|disregard|forget|override) (?:[\w']{1,15} ){0,4}"
    r"(?:instructions?|prompts?|questions?|rules|audio|above|task)\b"
    r"|(?:you must|you should|please|(?:asks?|tells?|orders?|instructs?) (?:the|you|us|everyone)"
    r"(?: \w{1,12})? to) (?:[\w']{1,15} ){0,2}?"
    r"(?:answer|respond|reply|output|say|write|print|tell|classify|label)\b)"
)
_STOPS = ".!?\n"


def _own_words(text: str) -> str:
    """The text without quotation marks around all of it, transcripts and injected commands."""
    return _without_injections(_NOT_ASKED.sub("\n", unwrapped(text)))


def _without_injections(text: str) -> str:
    """The text without sentences that command the reader of the answer."""
    kept, start = [], 0
    for found in _INJECTED.finditer(text):
        if found.start() < start:
            continue
        begin = max(text.rfind(stop, start, found.start()) for stop in _STOPS) + 1
        ends = (text.find(stop, found.end(), found.end() + 400) for stop in _STOPS)
        end = min((end for end in ends if end >= 0), default=min(len(text), found.end() + 400))
        kept.append(text[start : max(begin, start)])
        start = end
    return "".join([*kept, text[start:]])


# Quotations

#: Opening mark -> the marks that close it.
_PAIRS = {
    '"': '"',
    "'": "'",
    "\u201c": "\u201d",
    "\u201e": "\u201c\u201d",
    "\u00ab": "\u00bb",
    "\u300c": "\u300d",
}
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
_LETTER = re.compile(r"\(?([a-z])\)?[.):]?")


def unwrapped(text: str) -> str:
    """The text without quotation marks around all of it.

    >>> unwrapped('"She sounds sad."'), unwrapped('"No" means "no"')
    ('She sounds sad.', '"No" means "no"')
    """
    inner = text.strip()
    close = _PAIRS.get(inner[:1], "")
    if len(inner) > 2 and inner[-1] in close and inner[0] not in inner[1:-1]:
        return inner[1:-1]
    return text


def proper(text: str, letters: Mapping[str, Label], table: Lexicon) -> str:
    """The text without quotations and repeated options (`letters` -> labels)."""
    unquoted = _QUOTATION.sub(lambda found: _unquoted(found, table), text)
    return _without_options(unquoted, letters)


def _unquoted(found: re.Match[str], table: Lexicon) -> str:
    """A blank, or the quoted text if it is the answer (the emotion is "sad")."""
    quoted = next(group for group in found.groups() if group is not None)
    before = found.string[max(0, found.start() - 30) : found.start()]
    is_answer = not _SPEECH_BEFORE.search(before) and (
        table.knows(quoted)
        or bool(_LETTER.fullmatch(quoted.strip()))
        or (bool(_STATED_BEFORE.search(before)) and len(words(quoted)) <= 2)
    )
    # A key of JSON is kept if it heads the answer: "confidence" in one is no emotion.
    if found.string.startswith(":", found.end()):
        is_answer = bool(_KEY.fullmatch(quoted))
    return f" {quoted} " if is_answer else " "


_KEY = re.compile(r"(?:final[ _])?(?:answer|emotion|label|prediction)")


_OPTION = re.compile(r"(?<!\w)\(?([a-i])[.):]\s{0,3}\*{0,2}(\w+)")


def _without_options(text: str, letters: Mapping[str, Label]) -> str:
    """Blanks an echo of the lettered options: three or more of them in their own order."""
    runs: list[list[re.Match[str]]] = []
    for option in _OPTION.finditer(text):
        if letters.get(option[1]) != option[2]:
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
