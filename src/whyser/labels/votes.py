"""Statistics of annotators' votes: majority, set of labels, shares, entropy, agreement.

Training targets and references use the same majority rule, so that a score never measures the
difference between two rules. The rule is MSP-Podcast's: a unique plurality over the eight classes
and Other (all Other strings pooled); a tie is no agreement.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeVar

from whyser.labels.classes import CLASSES, EmotionClass, Label

#: A class, or a corpus' own code for one.
Code = TypeVar("Code", bound=str)

_CLASSES = frozenset(CLASSES)


def majority(primaries: Sequence[Code]) -> Code | None:
    """The label with more votes than any other; None for a tie or without votes.

    >>> majority(["sad", "sad", "neutral"])
    'sad'
    >>> majority(["sad", "neutral"]) is None
    True
    """
    ranked = Counter(primaries).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def top_share(primaries: Sequence[Label]) -> Fraction:
    """Share of the most frequent label among all primary votes, with Other; 1 without votes.

    So a corpus that releases only one label per utterance is its own strict subset.

    >>> top_share(["sad", "sad", "neutral", "other"])
    Fraction(1, 2)
    """
    if not primaries:
        return Fraction(1)
    return Fraction(max(map(primaries.count, set(primaries))), len(primaries))


def is_strict_majority(primaries: Sequence[Label]) -> bool:
    """Whether one label has more than half of the votes (exactly half is not enough).

    Source: paper, 3.1 ("items with one label receiving >50% of votes, distinct from plurality").

    >>> is_strict_majority(["sad", "sad", "neutral", "other"])
    False
    >>> is_strict_majority(["sad", "sad", "neutral"])
    True
    """
    return top_share(primaries) > Fraction(1, 2)


def label_set(primaries: Sequence[str], secondaries: Sequence[str] = ()) -> frozenset[EmotionClass]:
    """A_i of the paper: the classes of the eight that at least one annotator chose.

    >>> sorted(label_set(["sad", "other", "neutral"]))
    ['neutral', 'sad']
    """
    return _CLASSES.intersection((*primaries, *secondaries))


def distribution(primaries: Sequence[Label]) -> dict[EmotionClass, float]:
    """Vote shares over the eight classes, without Other; empty if no vote has a class.

    >>> distribution(["sad", "sad", "neutral", "other"])
    {'sad': 0.6666666666666666, 'neutral': 0.3333333333333333}
    """
    counts = Counter(primaries)
    total = sum(counts[name] for name in CLASSES)
    return {name: counts[name] / total for name in CLASSES if counts[name]}


def entropy(primaries: Sequence[Label]) -> float:
    """Entropy of the vote shares over the eight classes, in bits: 0 to 3.

    Votes for Other do not count; without a vote for a class it is 0, as for a single label.
    Source: Shannon, A Mathematical Theory of Communication (1948).

    >>> entropy(["sad", "sad", "neutral", "neutral", "other"]), entropy(["sad", "sad"])
    (1.0, 0.0)
    """
    shares = distribution(primaries).values()
    return sum((-share * math.log2(share) for share in shares), 0.0)


def percentages(primaries: Sequence[Label]) -> dict[EmotionClass, int]:
    """Vote shares in whole percents, in the order of the eight; empty if no vote has a class.

    They sum to 100 by the largest remainder method: each share is rounded down, and the percents
    that are left go to the largest remainders, of equal ones to the first of the eight. A class
    with 0 % is left out. Source: Hamilton's method of apportionment.

    >>> percentages(["happy", "sad", "neutral", "other"])
    {'sad': 34, 'happy': 33, 'neutral': 33}
    """
    counts = Counter(primaries)
    total = sum(counts[name] for name in CLASSES)
    if not total:
        return {}
    # In whole numbers, because a remainder of floats may differ in its last digit.
    rounded = {name: 100 * counts[name] // total for name in CLASSES}
    ranked = sorted(CLASSES, key=lambda name: -(100 * counts[name] % total))
    for name in ranked[: 100 - sum(rounded.values())]:
        rounded[name] += 1
    return {name: share for name, share in rounded.items() if share}


def fleiss_kappa(ballots: Mapping[tuple[str, ...], int]) -> float | None:
    """Fleiss' kappa of primary votes, for any number of annotators per item.

    Observed: the mean over items of the share of agreeing pairs of votes. Expected: the sum of
    the squared shares of the labels among all votes. Items with fewer than two votes have no pair
    and are left out. Source: Fleiss (1971), generalised to a varying number of annotators.

    Args: `ballots` is the votes of an item -> the number of items with these votes.
    Returns: 1 for full agreement, 0 for chance; None if chance explains all agreement.

    >>> ballots = {("sad", "sad"): 1, ("sad", "angry"): 1, ("angry", "angry"): 1}
    >>> round(fleiss_kappa(ballots), 4)  # observed 2/3, expected 1/2
    0.3333
    """
    items, agreeing = 0, 0.0
    labels: Counter[str] = Counter()
    for ballot, times in ballots.items():
        votes = len(ballot)
        if votes < 2:
            continue
        counts = Counter(ballot)
        pairs = sum(count * (count - 1) for count in counts.values())
        items += times
        agreeing += times * pairs / (votes * (votes - 1))
        for label, count in counts.items():
            labels[label] += times * count
    total = labels.total()
    expected = sum((count / total) ** 2 for count in labels.values()) if total else 1.0
    return None if expected == 1.0 else (agreeing / items - expected) / (1 - expected)
