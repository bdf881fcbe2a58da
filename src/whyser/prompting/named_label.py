"""Reads the label that a training row's answer names, and the options that its question letters.

An answer of training data is short and says what it means, so this reads less than the reader of a
model's answers (`whyser_eval.reading`), and nothing that could mean two things: what it cannot read
for certain, a person looks at. What both read, they read alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from whyser.io.thinking import without_thinking
from whyser.labels.classes import Label
from whyser.labels.lexicon import Lexicon, LexiconEntry, fold, lexicon, words
from whyser.prompting.answer import BLOCKS, parse_answer
from whyser.prompting.prompts import lettered_options


@dataclass(frozen=True)
class NamedLabel:
    """The label and the text that names it; or no label, and why."""

    label: Label | None
    word: str = ""
    why: str = ""


_BLOCK = re.compile(rf"<({BLOCKS})>.*?(?:</\1>|$)", re.DOTALL)
_LETTERED = re.compile(r"\W*([a-i])\b[.):\]]*\s*(.*)", re.DOTALL)
_OPTION = re.compile(r"^\s*\(?([A-I])[.):]\s*(\S.*?)\s*$", re.MULTILINE)
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


def named_label(answer: str, options: Sequence[Label] = ()) -> NamedLabel:
    """The label in the answer block of Eq. 1, else in an answer without rationale and transcript.

    The text is a word of the lexicon, a letter of the options, or prose whose emotion words have
    one class, and whose sentences with such a word deny nothing.

    >>> named_label("<asr>So happy!</asr><answer>I think the emotion is sad</answer>").label
    'sad'
    >>> named_label("The speaker sounds furious.").label
    'angry'
    >>> named_label("B. Sad", ["happy", "sad"]).label
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
    if options and (lettered := _by_letter(folded, options)):
        return lettered
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
    return NamedLabel(labels[0], named[0].word.rstrip("*"))


def question_options(question: str) -> tuple[Label, ...]:
    """The labels of a closed form's options, one a line, in the order of their letters.

    Empty for a question without such lines, and where the lexicon lacks an option.

    >>> question_options("Which emotion?\\nA. Anger\\nB. Sadness")
    ('angry', 'sad')
    """
    found = _OPTION.findall(question)
    letters = "".join(letter for letter, _ in found)
    entries = [lexicon().find(fold(text).strip(_EDGES)) for _, text in found]
    if len(found) < 2 or not "ABCDEFGHI".startswith(letters) or not all(entries):
        return ()
    return tuple(entry.label for entry in entries if entry)


def _by_letter(folded: str, options: Sequence[Label]) -> NamedLabel | None:
    """None for a text that does not begin with a letter of an option."""
    found = _LETTERED.fullmatch(folded)
    label = lettered_options(options).get(found[1].upper()) if found else None
    if found is None or label is None:
        return None
    rest = found[2].strip(_EDGES)
    entry = lexicon().find(rest) if rest else None
    if not rest or (entry and entry.label == label):
        return NamedLabel(label, found[1].upper())
    if entry:
        return NamedLabel(None, why=f"has letter {found[1].upper()} ({label}) and says {rest!r}")
    return None  # "a sad voice"


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
