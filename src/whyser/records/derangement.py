"""Every item with another one's: what a control swaps, and nobody keeps his own."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator


def derangement(ids: Iterable[str], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Every id with another of its corpus (what stands before the slash); none with itself.

    A corpus with one id has none to give and gives no pair. Source: Sattolo (1986), a random
    permutation of one cycle.

    >>> sorted(derangement(["c/1", "c/2", "d/1"], random.Random(0)))
    [('c/1', 'c/2'), ('c/2', 'c/1')]
    """
    corpora: dict[str, list[str]] = defaultdict(list)
    for id_ in ids:
        corpora[id_.split("/", 1)[0]].append(id_)
    for members in corpora.values():
        if len(members) > 1:
            yield from zip(members, _cycle(members, rng), strict=True)


def _cycle(items: list[str], rng: random.Random) -> list[str]:
    shuffled = list(items)
    for last in range(len(shuffled) - 1, 0, -1):
        other = rng.randrange(last)
        shuffled[last], shuffled[other] = shuffled[other], shuffled[last]
    return shuffled
