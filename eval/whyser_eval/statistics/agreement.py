"""Agreement beyond chance: Cohen's and Fleiss' kappa, Krippendorff's alpha.

Fleiss' kappa comes from `whyser.labels.votes`, where the cards of corpora use it too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from whyser.labels.votes import fleiss_kappa

__all__ = ["cohen_kappa", "fleiss_kappa", "krippendorff_alpha"]


def cohen_kappa(pairs: Mapping[tuple[str, str], int]) -> float | None:
    """(observed - expected) / (1 - expected) agreement of two annotators, from label pair counts.

    Returns: None where the expected agreement is 1.

    Source: Cohen (1960).

    >>> cohen_kappa({("a", "a"): 20, ("a", "b"): 5, ("b", "a"): 10, ("b", "b"): 15})
    0.4
    """
    n = sum(pairs.values())
    first, second = Counter[str](), Counter[str]()
    for (one, two), count in pairs.items():
        first[one] += count
        second[two] += count
    observed = sum(count for (one, two), count in pairs.items() if one == two) * n
    expected = sum(first[label] * second[label] for label in first)
    # In whole numbers, each times n squared, so that perfect agreement is exactly 1.
    return None if expected == n * n else (observed - expected) / (n * n - expected)


def krippendorff_alpha(votes: Mapping[tuple[str, ...], int]) -> float | None:
    """Krippendorff's alpha of nominal labels, for any number of votes on an item.

    Formula: 1 - observed / expected disagreement. Every item with m >= 2 votes gives its ordered
    pairs, each counted 1 / (m - 1); with n votes in all, n_c of them c, the disagreement expected
    by chance is (n * n - sum of n_c * n_c) / (n - 1).

    Args: `votes`, the votes on an item -> the number of items with these.
    Returns: None where all votes are equal, or no item has two.

    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C.

    >>> votes = {("a", "a"): 2, ("a", "b"): 1, ("b", "b"): 1}
    >>> round(krippendorff_alpha(votes), 4)  # 1 - 7 * 2 / (8 * 8 - 5 * 5 - 3 * 3)
    0.5333
    """
    disagreeing = 0.0
    labels: Counter[str] = Counter()
    for own, times in votes.items():
        if len(own) < 2:
            continue
        counts = Counter(own)
        unlike = len(own) ** 2 - sum(count**2 for count in counts.values())
        disagreeing += times * unlike / (len(own) - 1)
        for label, count in counts.items():
            labels[label] += times * count
    n = labels.total()
    expected = n**2 - sum(count**2 for count in labels.values())
    return 1 - (n - 1) * disagreeing / expected if expected else None
