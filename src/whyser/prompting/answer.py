"""The model's answer: how it is written for training and how its blocks are read back.

Both directions stand side by side so that what is trained and what is read cannot drift.
Source: paper, Eq. 1; its Table 2 for the interleaved order; for descriptors Chen et al. and Li et
al. (docs/models.md, "Related architectures").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from whyser.labels.classes import EmotionClass

Block: TypeAlias = Literal["asr", "descriptors", "answer", "reason"]
Target: TypeAlias = Literal["reason", "label", "reason_first", "interleaved", "descriptors", "asr"]

#: What each target writes after the transcript, in this order. A name that comes twice is the
#: rationale in two parts: the words, the answer, then the voice, as in the paper's Table 2.
TARGETS: Mapping[Target, tuple[Block, ...]] = {
    "reason": ("answer", "reason"),
    "label": ("answer",),
    "reason_first": ("reason", "answer"),
    "interleaved": ("reason", "answer", "reason"),
    "descriptors": ("descriptors", "answer"),
    "asr": (),
}

#: Every block's name, for readers of what a model wrote.
BLOCKS = "asr|descriptors|answer|reason"

SENTENCE = "I think the emotion is "

_TAG = re.compile(rf"(</?(?:{BLOCKS})>)")
_SENTENCE = re.compile(r"\s*I think the emotion is\s", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """The blocks of an answer; None for a block that is absent or was cut off."""

    transcript: str | None = None
    statement: str | None = None
    rationale: str | None = None
    descriptors: str | None = None

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
    label: EmotionClass | None,
    *,
    transcript: str | None = None,
    rationale: str | None = None,
    descriptors: str | None = None,
    target: Target = "reason",
) -> str:
    """The training target, by default that of Eq. 1; a block without text is left out, so that
    Eq. 1 without `rationale` is the target of row 10. Only a transcript needs no label.

    Raises: `ValueError` when a text holds one of the tags, or nothing is left to write.

    >>> render_answer("sad", transcript="Call me.", rationale="The voice is low.")
    '<asr>Call me.</asr><answer>I think the emotion is sad</answer><reason>The voice is low.\
</reason>'
    """
    texts = {
        "asr": transcript,
        "descriptors": descriptors,
        "answer": SENTENCE + label if label else None,
        "reason": rationale,
    }
    for name, text in texts.items():
        if text is not None and _TAG.search(text):
            raise ValueError(f"the {name} text holds a tag of the answer format: {text!r}")
    blocks = list(_laid_out(target, texts))
    if not blocks:
        raise ValueError(f"target {target!r} without a transcript has nothing to write")
    return "".join(f"<{name}>{text}</{name}>" for name, text in blocks)


def _laid_out(target: Target, texts: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    names: tuple[Block, ...] = ("asr", *TARGETS[target])
    reasons = iter(_parts(texts["reason"] or "", names.count("reason")))
    for name in names:
        text = texts[name]
        if name == "reason" and text is not None:
            text = next(reasons, None)
        if text is not None:
            yield name, text


#: The end of a sentence, before the next one's first letter; a title ends none.
_SENTENCE_END = re.compile(
    r"(?<!\bMr)(?<!\bMs)(?<!\bDr)(?<!\bMrs)[.!?][\"'\u201d\u2019)]?\s+(?=[\"'\u201c\u2018(]?[A-Z])"
)


def _parts(rationale: str, count: int) -> list[str]:
    """The rationale whole, or its first sentence and the rest.

    >>> _parts('The words "Stop. Now." are harsh. The voice is loud.', 2)
    ['The words "Stop. Now." are harsh.', 'The voice is loud.']
    """
    if count == 2:
        for end in _SENTENCE_END.finditer(rationale):
            first = rationale[: end.end()].rstrip()
            # A quotation is no place to stop.
            if first.count('"') % 2 == 0 and first.count("\u201c") == first.count("\u201d"):
                return [first, rationale[end.end() :]]
    return [rationale]


def parse_answer(text: str) -> Answer:
    """The blocks of a generated answer, in any order. Of a name that comes twice the first
    counts, but for the parts of a rationale, which are joined by a space.

    A block whose end is missing runs to the next tag. At the end of the text that holds for the
    reason alone: an unfinished statement may be half a word, so it is not read.

    >>> parse_answer("<answer>I think the emotion is sad</answer><reason>The voice").emotion
    'sad'
    >>> parse_answer("<asr>Hi.</asr><answer>I think the emotion is su").statement is None
    True
    >>> parse_answer("<reason>One.</reason><answer>sad</answer><reason>Two.</reason>").rationale
    'One. Two.'
    """
    found: dict[str, str] = {}
    reasons: list[str] = []
    _, *pieces = _TAG.split(text)
    # The last tag's text has no end: only a reason may be cut off.
    last = len(pieces) - 2
    for place in range(0, len(pieces), 2):
        tag = pieces[place]
        if tag[1] == "/":
            continue
        if tag == "<reason>":
            reasons.append(pieces[place + 1])
        elif place != last:
            found.setdefault(tag[1:-1], pieces[place + 1])
    return Answer(
        transcript=found.get("asr"),
        statement=found.get("answer"),
        rationale=" ".join(reasons) if reasons else None,
        descriptors=found.get("descriptors"),
    )
