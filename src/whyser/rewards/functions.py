"""The rewards, as `reward(completions, **columns) -> list[float]`.

Completions are texts or chat messages. Columns are lists with one value per completion; a trainer
passes all that its rows have, and each reward takes what it needs. No reward reads a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whyser.io.spoken import word_errors
from whyser.prompting.answer import parse_answer
from whyser.rewards.columns import chances_of, column, cues_of, label_of, votes_of, words_of
from whyser.rewards.completions import Completion, is_eq_1, stated_class, texts_of
from whyser.rewards.grounded import worth


def eq_1_format(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """1 for an answer that is Eq. 1 whole and in order, with nothing around it, else 0.

    >>> eq_1_format(["<answer>I think the emotion is sad</answer>", "Sad."])
    [0.0, 0.0]
    """
    return [float(is_eq_1(text)) for text in texts_of(completions)]


def majority_label(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """1 for the majority label, else 0. Column: `solution`.

    >>> majority_label(["<answer>sad</answer>", "<answer>angry</answer>"], solution=["sad", "sad"])
    [1.0, 0.0]
    """
    texts = texts_of(completions)
    labels = column("majority_label", "solution", columns, len(texts))
    pairs = zip(texts, map(label_of, labels), strict=True)
    return [float(stated_class(text) == label) for text, label in pairs]


def annotators_share(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """The share of the votes that the stated label has, from 0 to 1; votes for Other count.

    Where a corpus never released its votes, the majority label counts as the only one. Columns:
    `votes`, `solution`.

    >>> annotators_share(["<answer>sad</answer>"], votes=['["sad", "sad", "other"]'],
    ...                  solution=["sad"])
    [0.6666666666666666]
    """
    texts = texts_of(completions)
    name, count = "annotators_share", len(texts)
    labels = map(label_of, column(name, "solution", columns, count))
    shares = []
    for text, value, label in zip(
        texts, column(name, "votes", columns, count), labels, strict=True
    ):
        votes = votes_of(value) or (label,)
        stated = stated_class(text)
        shares.append(votes.count(stated) / len(votes) if stated else 0.0)
    return shares


def groundedness(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """Supported minus contradicted claims about the voice, less what they gain for any other clip.

    From -2 to 1; 0 is worth a guess (`whyser.rewards.grounded.worth`). Only what the `<reason>`
    block says counts. Columns: `cues`, `chances`, `transcript`.
    """
    texts = texts_of(completions)
    name, count = "groundedness", len(texts)
    needed = (column(name, each, columns, count) for each in ("cues", "chances", "transcript"))
    return [
        worth(
            parse_answer(text).rationale or "",
            words_of(transcript),
            cues_of(cues),
            chances_of(chances),
        )
        for text, cues, chances, transcript in zip(texts, *needed, strict=True)
    ]


def transcript_match(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """1 - word error rate of the `<asr>` block, at least 0. Column: `transcript`.

    Without an `<asr>` block it is 0. Where nothing was said, it is 1 for an empty block.

    >>> transcript_match(["<asr>call me</asr>", "Call me!"], transcript=["Call me!", "Call me!"])
    [1.0, 0.0]
    """
    texts = texts_of(completions)
    spoken = column("transcript_match", "transcript", columns, len(texts))
    written = [parse_answer(text).transcript for text in texts]
    errors = word_errors(zip(map(words_of, spoken), (each or "" for each in written), strict=True))
    return [
        0.0 if each is None else max(0.0, 1 - wrong / max(1, words))
        for each, (wrong, words) in zip(written, errors, strict=True)
    ]


_REWARDS = (eq_1_format, majority_label, annotators_share, groundedness, transcript_match)

#: The weights of the sum; together they are 1. The two rewards of the label make half of it, so
#: that no reason outweighs a wrong label, and half of these is for labels that some annotators
#: gave. Groundedness comes next: fine-tuning teaches it least. Format and transcript were learnt
#: before, and are here only so that they do not drift.
WEIGHTS: Mapping[str, float] = {
    "eq_1_format": 0.1,
    "majority_label": 0.25,
    "annotators_share": 0.25,
    "groundedness": 0.3,
    "transcript_match": 0.1,
}


def weighted_sum(completions: Sequence[Completion], **columns: Any) -> list[float]:
    """The five rewards with `WEIGHTS`, from -0.6 to 1. Columns: those of all."""
    texts = texts_of(completions)
    totals = [0.0] * len(texts)
    for reward in _REWARDS:
        weight = WEIGHTS[reward.__name__]
        found = reward(texts, **columns)
        totals = [total + weight * one for total, one in zip(totals, found, strict=True)]
    return totals
