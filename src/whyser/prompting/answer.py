"""The model's answer: write it for training, and read its blocks from generated text.

Both directions are in one file, so that they always match.
Source: paper, Eq. 1; its Table 2 for the interleaved order; for descriptors Chen et al. and Li et
al. (docs/models.md, "Related architectures"); attributes are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from whyser.io.thinking import without_thinking
from whyser.labels.classes import CLASSES, OTHER, EmotionClass, find

Block: TypeAlias = Literal["asr", "descriptors", "answer", "reason", "attributes"]
Target: TypeAlias = Literal[
    "reason",
    "label",
    "reason_first",
    "interleaved",
    "descriptors",
    "asr",
    "distribution",
    "attributes",
]

#: The blocks after the transcript, in order. `interleaved` splits the rationale into two parts: the
#: words, the answer, then the voice, as in the paper's Table 2.
TARGETS: Mapping[Target, tuple[Block, ...]] = {
    "reason": ("answer", "reason"),
    "label": ("answer",),
    "reason_first": ("reason", "answer"),
    "interleaved": ("reason", "answer", "reason"),
    "descriptors": ("descriptors", "answer"),
    "asr": (),
    "distribution": ("answer",),
    "attributes": ("attributes", "answer"),
}

#: Names of all blocks, for patterns.
BLOCKS = "asr|descriptors|answer|reason|attributes"

SENTENCE = "I think the emotion is "

_TAG = re.compile(rf"(</?(?:{BLOCKS})>)")
#: Eq. 1 and nothing else, with texts in which no mark of thinking can stand.
_TEXT = r"([^<\[\u25c1]*)"
_EQ_1 = re.compile(rf"(?:<asr>{_TEXT}</asr>)?<answer>{_TEXT}</answer>(?:<reason>{_TEXT}</reason>)?")
_SENTENCE = re.compile(r"\s*I think the emotion is\s", re.IGNORECASE)


# Made twice for every answer, in a third of the time of a frozen dataclass.
class Answer(NamedTuple):
    """The blocks of an answer; None for a block that is absent or cut off."""

    transcript: str | None = None
    statement: str | None = None
    rationale: str | None = None
    descriptors: str | None = None
    attributes: str | None = None

    @property
    def emotion(self) -> str | None:
        """The named emotion: what follows the sentence of Eq. 1, or else the whole statement."""
        if self.statement is None:
            return None
        found = _SENTENCE.match(self.statement)
        if found is None:
            return self.statement.strip()
        # Not in the pattern: "\s*\.?\s*$" takes cubic time on many spaces.
        return self.statement[found.end() :].strip().removesuffix(".").rstrip()

    @property
    def shares(self) -> dict[EmotionClass, int] | None:
        """The shares of the votes that the statement names; None where it names none."""
        return None if self.statement is None else read_shares(self.statement)


def write_shares(shares: Mapping[EmotionClass, int]) -> str:
    """Shares of the votes, in percent, as an answer states them: in the order of the eight.

    >>> write_shares({"sad": 40, "angry": 60})
    'angry 60%, sad 40%'
    """
    return ", ".join(f"{name} {shares[name]}%" for name in CLASSES if shares.get(name))


_SHARE = re.compile(r"\s*([A-Za-z]{1,20})\s?(\d{1,3})\s?%\s*")


def read_shares(statement: str) -> dict[EmotionClass, int] | None:
    """Reads what `write_shares` wrote, in any order of the classes; their sum is not checked.

    None for any other text, for a class that is named twice, and where all shares are 0.

    >>> read_shares("angry 60%, sad 40%")
    {'angry': 60, 'sad': 40}
    >>> read_shares("angry and sad") is None
    True
    """
    found: dict[EmotionClass, int] = {}
    for part in statement.strip().removesuffix(".").split(","):
        match = _SHARE.fullmatch(part)
        label = find(match[1]) if match else None
        if match is None or label is None or label == OTHER or label in found:
            return None
        found[label] = int(match[2])
    return found if any(found.values()) else None


def render_answer(
    said: EmotionClass | Mapping[EmotionClass, int] | None,
    *,
    transcript: str | None = None,
    rationale: str | None = None,
    descriptors: str | None = None,
    attributes: str | None = None,
    target: Target = "reason",
) -> str:
    """Writes the training target, by default that of Eq. 1, without blocks that have no text.

    So Eq. 1 without `rationale` is the target of row 10. `said` is the label, or the shares of the
    votes in percent; None for a transcript alone.

    Raises: `ValueError` if a text contains one of the tags, or if nothing is left to write.

    >>> render_answer("sad", transcript="Call me.", rationale="The voice is low.")
    '<asr>Call me.</asr><answer>I think the emotion is sad</answer><reason>The voice is low.\
</reason>'
    """
    texts = {
        "asr": transcript,
        "descriptors": descriptors,
        "answer": _stated(said) if said else None,
        "reason": rationale,
        "attributes": attributes,
    }
    for name, text in texts.items():
        if text is not None and _TAG.search(text):
            raise ValueError(f"the {name} text contains a tag of the answer format: {text!r}")
    blocks = list(_laid_out(target, texts))
    if not blocks:
        raise ValueError(f"target {target!r} without a transcript has nothing to write")
    return "".join(f"<{name}>{text}</{name}>" for name, text in blocks)


def _stated(said: EmotionClass | Mapping[EmotionClass, int]) -> str:
    return SENTENCE + said if isinstance(said, str) else write_shares(said)


def _laid_out(target: Target, texts: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    names: tuple[Block, ...] = ("asr", *TARGETS[target])
    reasons = iter(_parts(texts["reason"] or "", names.count("reason")))
    for name in names:
        text = texts[name]
        if name == "reason" and text is not None:
            text = next(reasons, None)
        if text is not None:
            yield name, text


#: The end of a sentence, before the next one's first letter, but not after a title.
_SENTENCE_END = re.compile(
    r"(?<!\bMr)(?<!\bMs)(?<!\bDr)(?<!\bMrs)[.!?][\"'\u201d\u2019)]?\s+(?=[\"'\u201c\u2018(]?[A-Z])"
)


def _parts(rationale: str, count: int) -> list[str]:
    """The whole rationale, or its first sentence and the rest.

    >>> _parts('The words "Stop. Now." are harsh. The voice is loud.', 2)
    ['The words "Stop. Now." are harsh.', 'The voice is loud.']
    """
    if count == 2:
        for end in _SENTENCE_END.finditer(rationale):
            first = rationale[: end.end()].rstrip()
            # Do not split inside a quotation.
            if first.count('"') % 2 == 0 and first.count("\u201c") == first.count("\u201d"):
                return [first, rationale[end.end() :]]
    return [rationale]


def parse_eq_1(text: str) -> Answer | None:
    """The blocks of an answer that is exactly Eq. 1; None for any other one.

    Most answers of a trained model are. They are read in a fifth of the time.

    >>> parse_eq_1("<answer>I think the emotion is sad</answer>").emotion
    'sad'
    >>> parse_eq_1("<answer>I think the emotion is sad</answer> I am sure.")
    """
    found = _EQ_1.fullmatch(text)
    return Answer(*found.groups()) if found else None


def parse_answer(text: str) -> Answer:
    """Reads the blocks of a generated answer, in any order; those in its thinking do not count.

    If a block is repeated, the first one counts; the parts of a rationale are joined by a space. A
    block without an end tag ends at the next tag. At the end of the text only a rationale may lack
    its end tag: an unfinished statement may be half a word, so it is not read.

    >>> parse_answer("<answer>I think the emotion is sad</answer><reason>The voice").emotion
    'sad'
    >>> parse_answer("<asr>Hi.</asr><answer>I think the emotion is su").statement is None
    True
    >>> parse_answer("<reason>One.</reason><answer>sad</answer><reason>Two.</reason>").rationale
    'One. Two.'
    >>> parse_answer("<think><reason>No.</reason></think><reason>Yes.</reason>").rationale
    'Yes.'
    """
    if (whole := parse_eq_1(text)) is not None:
        return whole
    found: dict[str, str] = {}
    reasons: list[str] = []
    _, *pieces = _TAG.split(without_thinking(text))
    # The text of the last tag has no end tag: only a rationale may be cut off.
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
        attributes=found.get("attributes"),
    )
