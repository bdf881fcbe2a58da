"""Reads the label that a training row's answer names.

An answer of training data is short and says what it means, so this reads less than the reader of a
model's answers (`whyser_eval.reading`), and nothing that could mean two things: what it cannot read
for certain, a person looks at. What both read, they read alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from whyser.io.thinking import without_thinking
from whyser.labels.classes import Label
from whyser.labels.lexicon import Lexicon, LexiconEntry, fold, lexicon, words
from whyser.prompting.answer import BLOCKS, parse_answer
from whyser.prompting.option_lists import OptionList


@dataclass(frozen=True)
class NamedLabel:
    """The label and the text that names it; or no label, and why."""

    label: Label | None
    word: str = ""
    why: str = ""


_NO_OPTIONS = OptionList()
_BLOCK = re.compile(rf"<({BLOCKS})>.*?(?:</\1>|$)", re.DOTALL)
#: "B", "(b) sad", "2.", "The answer is B", "Option [2]".
_MARKED = re.compile(
    r"\W{0,8}(?:(?:(?:the|my|final|correct|right|best) ){0,3}"
    r"(?:answer|option|choice|letter|number|label|emotion)(?: is)?\W{1,8}){0,2}"
    r"(?P<mark>[a-z]|\d{1,2})(?![\w'])(?P<sign>[.):=\]]{0,3})\s*(?P<rest>.*)",
    re.DOTALL,
)
_SENTENCE_END = re.compile(r"[.!?;\n\u3002\uff01\uff1f]+")
_EDGES = " \t\r\n.,;:!?*_\"'`()[]{}"
#: Words that may deny the emotion which is named, folded, in the languages of the lexicon. Chinese,
#: Japanese and Korean have no spaces, so there a part of a word is enough.
_DENIAL = re.compile(
    r"\b(?:no|not|never|none|neither|nor|without|lacks?|hardly|rather than|instead|unlike|cannot"
    r"|anything but|far from|free of|if|would"
    r"|nicht|kein\w*|ohne|nie|kaum|pas|jamais|sans|aucun\w*|ni|sin|nunca|tampoco"
    r"|non|senza|mai|nao|sem|niet|geen|zonder|nie|bez|yok|degil|не|нет|без|ни|ليس|ليست|لا|غير|नही|नहीं|बिना)\b"
    # Not "very" (非常), "especially" (特别), "incomparably" (无比) and "uneasy" (불안).
    r"|n't\b|[不没沒未勿]|[無无](?!比)|非(?!常)|(?<!特)别|ない|なく|ません|않|못|아니|없|(?<![불편])안"
)


def named_label(answer: str, options: OptionList = _NO_OPTIONS) -> NamedLabel:
    """The label in the answer block of Eq. 1, else in an answer without rationale and transcript.

    The text is a word of the lexicon, the letter or number of an option, or prose whose emotion
    words have one class, and whose sentences with such a word deny nothing.

    >>> named_label("<asr>So happy!</asr><answer>I think the emotion is sad</answer>").label
    'sad'
    >>> named_label("The speaker sounds furious.").label
    'angry'
    >>> named_label("The answer is B.", OptionList(("happy", "sad"))).label
    'sad'
    >>> named_label("The voice is not sad.").why
    'may deny an emotion'
    """
    blocks = parse_answer(answer)
    text = blocks.emotion
    if text is None:
        text = _BLOCK.sub(" ", without_thinking(answer))
    if shares := blocks.shares:
        # The first of the eight where several are largest, as in scores.
        largest = max(shares.values())
        label = next(name for name, share in shares.items() if share == largest)
        return NamedLabel(label, text.strip())
    folded = fold(text).strip(_EDGES)
    marked, is_all = _by_mark(folded, options) or (None, False)
    if marked and is_all:
        return marked
    if entry := lexicon().find(folded):
        return NamedLabel(entry.label, text.strip())
    stated = blocks.emotion is not None
    sentences = {
        sentence: list(_mentions(sentence, lexicon(), stated=stated))
        for sentence in _SENTENCE_END.split(folded)
    }
    named = [entry for entries in sentences.values() for entry in entries]
    labels = list(dict.fromkeys(entry.label for entry in named))
    if not labels:
        return NamedLabel(None, why="names no emotion")
    if len(labels) > 1:
        return NamedLabel(None, why=f"names several emotions ({', '.join(labels)})")
    if any(entries and _DENIAL.search(sentence) for sentence, entries in sentences.items()):
        return NamedLabel(None, why="may deny an emotion")
    if marked and marked.label != labels[0]:
        return _contradicted(marked.word, marked.label or "other", named[0].word.rstrip("*"))
    return NamedLabel(labels[0], named[0].word.rstrip("*"))


def _by_mark(folded: str, options: OptionList) -> tuple[NamedLabel, bool] | None:
    """The option whose mark the text begins with, and whether that is all it says.

    None for a text that begins with no mark of an option.
    """
    found = _MARKED.fullmatch(folded)
    mark = found["mark"].upper() if found else ""
    label = options.by_mark.get(mark)
    if found is None or label is None:
        return None
    rest = found["rest"].strip(_EDGES)
    entry = lexicon().find(rest) if rest else None
    if not rest or (entry and entry.label == label):
        return NamedLabel(label, mark), True
    if entry:
        return _contradicted(mark, label, rest), True
    # "a sad voice"
    return (NamedLabel(label, mark), False) if found["sign"] else None


def _contradicted(mark: str, label: Label, said: str) -> NamedLabel:
    kind = "number" if mark.isdigit() else "letter"
    return NamedLabel(None, why=f"has {kind} {mark} ({label}) and says {said!r}")


def _mentions(folded: str, table: Lexicon, *, stated: bool) -> Iterator[LexiconEntry]:
    """The entries in a text, the longest at each place."""
    parts, place = tuple(words(folded)), 0
    while place < len(parts):
        part = parts[place]
        fitting = (
            entry
            for entry in table.spaced.get(part, ())
            if parts[place : place + len(entry.parts)] == entry.parts
        )
        entry = next(fitting, None) or table.stem(part)
        if entry is None and not part.isascii():
            yield from (one for word, one in table.unspaced.items() if word in part)
        elif entry is not None and (entry.in_prose or (stated and entry.use == "statement")):
            yield entry
        place += len(entry.parts) if entry else 1
