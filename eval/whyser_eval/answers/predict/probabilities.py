"""The labels' probabilities at the point where an answer decides for one.

The answer itself is asked for as usual. Then the server gets its beginning, up to the word or the
letter that the reader took for the answer, and is asked to continue: the alternatives that it
weighs there are the labels, given all that the model has heard, transcribed and thought. So the
probabilities belong to the answer that is scored. A second request for a few tokens costs little,
and the ledger need not hold 20 alternatives of every token.

An alternative counts for a label if it is one of its words (the reader's table), or begins words of
this label only; in the closed form, if it is the letter. A first token that may still become
several labels ("s": sad, surprise) is followed along the answer, and its alternatives get its
weight. The rest, and all beyond the 20 likeliest, goes to no label, so the sum may be below 1.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from whyser.chat import Request, Token
from whyser.labels.classes import Label
from whyser.labels.lexicon import fold, lexicon
from whyser.prompting.prompts import OPTIONS, Question, lettered_options
from whyser_eval.reading.rules import read_answer

#: The number that `vllm serve` gives unless `--max-logprobs` sets another.
ALTERNATIVES = 20

#: Tokens asked for: with a small vocabulary, a word takes several.
STEPS = 6

#: A shorter beginning fits too many words.
SHORTEST = 3


@dataclass(frozen=True)
class Decision:
    """The point where an answer decides: at `text[start:]`, by a letter or a word."""

    text: str
    start: int
    by_letter: bool

    @property
    def before(self) -> str:
        # A word's token begins with the space before it.
        return self.text[: self.start].rstrip(" ")


def decision(text: str, question: Question) -> Decision | None:
    """The point of the word or letter that was read; None for an unread answer.

    It is the first point up to which the answer already reads as the whole answer does.

    >>> from whyser.prompting.prompts import CLOSED, OPEN
    >>> found = decision("Not sad: I think the emotion is fear.", OPEN)
    >>> found.before
    'Not sad: I think the emotion is'
    >>> decision("C. Happy", CLOSED)
    Decision(text='C. Happy', start=0, by_letter=True)
    """
    options = question.options or OPTIONS
    reading = read_answer(text, form=question.form, options=options)
    if reading.word is None or reading.label is None:
        return None
    # An answer block that is still open counts as cut off.
    closing = "</answer>" if reading.stage == "tag" else ""
    for found in re.finditer(rf"(?<!\w){re.escape(reading.word)}(?!\w)", text, re.IGNORECASE):
        so_far = text[: found.end()] + closing
        again = read_answer(so_far, form=question.form, options=options)
        if (again.label, again.stage) == (reading.label, reading.stage):
            letter = _letter_before(text[: found.start()], reading.label, question)
            if letter is not None:
                return Decision(text, letter, by_letter=True)
            return Decision(text, found.start(), reading.stage == "letter")
    return None


_OPTION = re.compile(r"(?<!\w)([A-I])[.):\]]+[\s*]*$")


def _letter_before(text: str, label: Label, question: Question) -> int | None:
    """The start of the letter in "C. Happy", which decides: the word only follows from it."""
    found = _OPTION.search(text) if question.form == "closed" else None
    letters = lettered_options(question.options)
    return found.start(1) if found and letters.get(found[1]) == label else None


def continuation(asked: Request, decided: Decision) -> Request:
    """The request to continue the answer from there, with the alternatives of each token."""
    parameters = {
        "temperature": 0.0,
        "max_tokens": STEPS,
        "logprobs": True,
        "top_logprobs": ALTERNATIVES,
    }
    if not decided.before.strip():
        return Request(asked.messages, parameters)
    begun = {"role": "assistant", "content": decided.before}
    extra = {"continue_final_message": True, "add_generation_prompt": False}
    return Request([*asked.messages, begun], {**parameters, "extra_body": extra})


def label_probabilities(
    tokens: Sequence[Token], decided: Decision, question: Question
) -> dict[Label, float] | None:
    """Each label's probability at the decision, as far as the tokens show.

    None where the answer's own words are not among the alternatives: then the server did not
    continue the answer.
    """
    rest = decided.text[len(decided.before) :].lstrip()
    if not tokens or not any(rest.startswith(text.strip()) for text, _ in tokens[0].alternatives):
        return None
    letters = lettered_options(question.options) if decided.by_letter else {}
    found: defaultdict[Label, float] = defaultdict(float)
    written, mass = "", 1.0
    for token in tokens:
        for text, logprob in token.alternatives:
            if label := _label_of(written + text, letters):
                found[label] += mass * math.exp(logprob)
        written += token.text
        mass *= math.exp(token.logprob)
        if _label_of(written, letters) or not _begun(_beginning(written)):
            break
    return dict(found) or None


_MARKUP = " \t\n*_`\"'([{"


def _label_of(text: str, letters: dict[str, Label]) -> Label | None:
    if label := letters.get(text.strip(_MARKUP + ".):]}")):
        return label
    beginning = _beginning(text)
    begun = _begun(beginning)
    if beginning in begun:
        return begun[beginning]
    labels = set(begun.values())
    return labels.pop() if len(labels) == 1 and len(beginning) >= SHORTEST else None


def _beginning(text: str) -> str:
    return fold(text).strip(_MARKUP)


@lru_cache(maxsize=4096)
def _begun(beginning: str) -> dict[str, Label]:
    """The reader's words with this beginning; phrases are left out, they begin like other text."""
    return {
        entry.parts[0]: entry.label
        for entry in lexicon().entries
        if len(entry.parts) == 1 and entry.in_prose and entry.parts[0].startswith(beginning)
    }
