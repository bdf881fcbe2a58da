"""Subsets of the references, which are scored separately.

`all`            utterances whose annotators agreed on one of the classes
`strict`         those of them where one label has more than half of the votes (paper, 3.1)
`all_inclusive`  utterances without a majority label too, for metrics that need none
`corpus:meld`    utterances of one corpus; averages are over the classes that it annotates
`gender:female`  by the speaker's gender, where the corpus states it
`agreement:...`  by the share of the most frequent label among all votes
`entropy:...`    by the entropy of the votes among the classes, where it is asked for
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from whyser.labels.classes import CLASSES, EmotionClass, Label
from whyser.labels.votes import entropy as entropy_of
from whyser.labels.votes import top_share
from whyser.records.utterance import Utterance
from whyser_eval.metrics.data import MISS, BoolArray, FloatArray, Subset

#: The primary votes of an utterance.
Votes: TypeAlias = tuple[Label, ...]


# Votes have few combinations, and a corpus has very many utterances.
@lru_cache(maxsize=100_000)
def _top_share(votes: Votes) -> float:
    return float(top_share(votes))


#: Upper bounds of the shares in each band, under the name of the band.
AGREEMENT_BANDS = {
    "agreement:0-0.5": Fraction(1, 2),
    "agreement:0.5-0.75": Fraction(3, 4),
    "agreement:0.75-1": Fraction(1),
}


@lru_cache(maxsize=100_000)
def _entropy(votes: Votes) -> float:
    return entropy_of(votes)


#: Upper bounds in bits of each band, under its name. They are fixed, so that two runs compare: of
#: five votes, one that differs is low, two are mid, and 2-2-1 is high.
ENTROPY_BANDS = {
    "entropy:low": 0.75,
    "entropy:mid": 1.5,
    "entropy:high": math.log2(len(CLASSES)),
}

#: What the last digit of a sum of logarithms may be wrong by.
_LAST_DIGIT = 1e-9


def subsets_of(
    utterances: Sequence[Utterance],
    classes: Sequence[EmotionClass],
    corpus_classes: Mapping[str, Sequence[EmotionClass]],
    votes: Sequence[Votes] | None = None,
    *,
    entropy: bool = False,
) -> dict[str, Subset]:
    """Every subset of the utterances by name, without groups that are empty or equal to `all`.

    Args: `corpus_classes`, the classes that each corpus annotates; `votes`, the primary votes of
        each utterance, if they are known; `entropy`, whether to add its bands.
    """
    scored = np.array([one.is_scored for one in utterances], dtype=np.bool_)
    # A corpus without released votes counts as unanimous. If other utterances of its corpus have
    # votes, an utterance without any says nothing about agreement.
    voted = {one.corpus for one in utterances if one.votes}
    is_known = np.array([bool(one.votes) or one.corpus not in voted for one in utterances])
    votes = votes or [one.primaries for one in utterances]
    shares = np.array(list(map(_top_share, votes)))
    # As `is_strict_majority`: a share above one half stays above it as a float.
    strict = shares > 0.5
    found = {"all": Subset(scored), "strict": Subset(scored & is_known & strict)}
    if not scored.all():
        found["all_inclusive"] = Subset(np.ones_like(scored), has_majority=False)
    groups = [
        *_groups("corpus", [one.corpus for one in utterances]),
        *_groups("gender", [one.gender for one in utterances]),
        *_bands(AGREEMENT_BANDS, shares, is_known),
    ]
    if entropy:
        bits = np.array(list(map(_entropy, votes))) - _LAST_DIGIT
        groups += _bands(ENTROPY_BANDS, bits, is_known)
    for name, mask in groups:
        inside = mask & scored
        if inside.any() and not np.array_equal(inside, scored):
            own = corpus_classes.get(name.removeprefix("corpus:"))
            named = None if own is None else np.array([one in own for one in classes])
            found[name] = Subset(inside, named)
    return found


def _groups(kind: str, values: Sequence[str | None]) -> list[tuple[str, BoolArray]]:
    names = sorted({name for name in values if name})
    # Numbers compare faster than strings.
    place = {name: number for number, name in enumerate(names)}
    numbers = np.array([place.get(name or "", MISS) for name in values])
    return [(f"{kind}:{name}", numbers == number) for name, number in place.items()]


def _bands(
    bands: Mapping[str, Fraction | float], values: FloatArray, is_known: BoolArray
) -> list[tuple[str, BoolArray]]:
    bounds = [float(bound) for bound in bands.values()]
    band = np.searchsorted(bounds, values)
    return [(name, (band == place) & is_known) for place, name in enumerate(bands)]
