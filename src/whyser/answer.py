"""The model's answer: how it is written for training and how its blocks are read back.

Both directions stand side by side so that what is trained and what is read cannot drift.
Source: paper, Eq. 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from whyser.labels import EmotionClass

SENTENCE = "I think the emotion is "

_TAG = re.compile(r"</?(?:asr|answer|reason)>")
_SENTENCE = re.compile(r"\s*I think the emotion is\s", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """The blocks of an answer; None for a block that is absent or was cut off."""

    transcript: str | None = None
    statement: str | None = None
    rationale: str | None = None

    @property
    def emotion(self) -> str | None:
        """What the statement names: after the sentence of Eq. 1, or the whole of it."""
        if self.statement is None:
            return None
        found = _SENTENCE.match(self.statement)
        if found is None:
            return self.statement.strip()
        # Not in the pattern: "\s*\.?\s*$" takes cubic time on a model's run of spaces.
        return self.statement[found.end() :].strip().removesuffix(".").rstrip()


def render_answer(
    label: EmotionClass, *, transcript: str | None = None, rationale: str | None = None
) -> str:
    """The training target of Eq. 1; without `rationale` it is the target of row 10.

    Raises: `ValueError` when a text holds one of the tags.

    >>> render_answer("sad", transcript="Call me.", rationale="The voice is low.")
    '<asr>Call me.</asr><answer>I think the emotion is sad</answer><reason>The voice is low.\
</reason>'
    """
    blocks = [("asr", transcript), ("answer", SENTENCE + label), ("reason", rationale)]
    for name, text in blocks:
        if text is not None and _TAG.search(text):
            raise ValueError(f"the {name} text holds a tag of the answer format: {text!r}")
    return "".join(f"<{name}>{text}</{name}>" for name, text in blocks if text is not None)


def parse_answer(text: str) -> Answer:
    """The blocks of a generated answer, in any order; the first of each name counts.

    A block whose end is missing runs to the next tag. At the end of the text that holds for the
    reason alone: an unfinished statement may be half a word, so it is not read.

    >>> parse_answer("<answer>I think the emotion is sad</answer><reason>The voice").emotion
    'sad'
    >>> parse_answer("<asr>Hi.</asr><answer>I think the emotion is su").statement is None
    True
    """
    blocks: dict[str, str] = {}
    tags = list(_TAG.finditer(text))
    for position, tag in enumerate(tags):
        name = tag.group().strip("<>")
        if name.startswith("/") or name in blocks:
            continue
        is_last = position + 1 == len(tags)
        if is_last and name != "reason":
            continue
        end = len(text) if is_last else tags[position + 1].start()
        blocks[name] = text[tag.end() : end]
    return Answer(blocks.get("asr"), blocks.get("answer"), blocks.get("reason"))
