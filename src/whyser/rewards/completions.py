"""Reads a completion as a reward does: what is not clearly an answer is none.

`whyser_eval.reading` reads what any system may write, and looks for the most probable label. A
reward must not: whatever it accepts is what a model learns to write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from whyser.io.errors import WhyserError
from whyser.labels.classes import CLASSES, OTHER, EmotionClass, find
from whyser.labels.lexicon import fold, lexicon
from whyser.prompting.answer import SENTENCE, parse_answer, parse_eq_1
from whyser.rewards.argument import argues_against

#: A text, or chat messages whose last one is the answer.
Completion: TypeAlias = str | Sequence[Mapping[str, Any]]


def text_of(completion: Completion) -> str:
    """The text that the model wrote. Raises: `WhyserError` for what is neither.

    >>> text_of([{"role": "assistant", "content": "Sad."}])
    'Sad.'
    >>> text_of([{"role": "assistant", "content": [{"type": "text", "text": "Sad."}]}])
    'Sad.'
    """
    if isinstance(completion, str):
        return completion
    try:
        content = completion[-1].get("content") if completion else ""
        if isinstance(content, str) or content is None:
            return content or ""
        parts = (part if isinstance(part, str) else part.get("text") for part in content)
        return "".join(part or "" for part in parts)
    except (AttributeError, KeyError, TypeError):
        what = f"a completion is {str(completion)[:60]!r}, expected a text or chat messages"
        raise WhyserError(what) from None


def texts_of(completions: Sequence[Completion]) -> list[str]:
    """The text of each completion. Raises: `WhyserError` as `text_of` does, and for a single text,
    which would be paid letter by letter.

    >>> texts_of(["Sad.", [{"role": "assistant", "content": "Angry."}]])
    ['Sad.', 'Angry.']
    """
    if isinstance(completions, str):
        raise WhyserError("the completions are one text, expected a list of them")
    return [text_of(each) for each in completions]


def is_eq_1(text: str) -> bool:
    """Whether the text is Eq. 1 of the paper, whole and in order, and nothing else.

    It has the transcript, the sentence with one of the eight classes, and the reason, none empty.

    >>> is_eq_1("<asr>Go.</asr><answer>I think the emotion is sad</answer><reason>Low.</reason>")
    True
    >>> is_eq_1("<answer>I think the emotion is sad</answer><reason>Low.</reason>")
    False
    """
    blocks = parse_eq_1(text.strip())
    if blocks is None or not (blocks.transcript or "").strip():
        return False
    statement, rationale = blocks.statement or "", blocks.rationale or ""
    if not rationale.strip():
        return False
    return statement.startswith(SENTENCE) and statement.removeprefix(SENTENCE) in CLASSES


def stated_class(text: str) -> EmotionClass | None:
    """The class that the answer states, if it states one and its reason argues for no other.

    The statement must be a class or one entry of the lexicon; a text with two answers has none.

    >>> stated_class("<answer>I think the emotion is furious.</answer>")
    'angry'
    >>> stated_class("<answer>sad or angry</answer>")
    >>> stated_class("<answer>sad</answer><reason>The voice is full of anger.</reason>")
    """
    if text.count("<answer>") != 1:
        return None
    blocks = parse_answer(text)
    emotion = blocks.emotion or ""
    label = find(emotion)
    if label is None:
        entry = lexicon().find(fold(emotion))
        label = entry.label if entry else None
    if label is None or label == OTHER or argues_against(blocks.rationale or "", label):
        return None
    return label
