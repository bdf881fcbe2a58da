"""Random pairs for a shuffled control: each item gets another item, never itself."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator


def derangement(ids: Iterable[str], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Pairs every id with another id of its corpus, the part before the slash.

    A corpus with only one id gives no pair. Source: Sattolo (1986), a random cyclic permutation.

    >>> sorted(derangement(["c/1", "c/2", "d/1"], random.Random(0)))
    [('c/1', 'c/2'), ('c/2', 'c/1')]
    """
    corpora: dict[str, list[str]] = defaultdict(list)
    for id_ in ids:
        corpora[id_.split("/", 1)[0]].append(id_)
    for members in corpora.values():
        others = members.copy()
        for last in range(len(others) - 1, 0, -1):
            other = rng.randrange(last)
            others[last], others[other] = others[other], others[last]
        if len(members) > 1:
            yield from zip(members, others, strict=True)
