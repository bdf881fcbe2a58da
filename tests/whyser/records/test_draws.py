from __future__ import annotations

import hashlib

from whyser.records.draws import ORDER, drawn

IDS = [f"msp_podcast/clip_{number}" for number in range(200)]


def order(ids: list[str], seed: int = 0, what: str = ORDER) -> list[str]:
    return sorted(ids, key=lambda id_: drawn(seed, what, id_))


def test_a_draw_is_known_from_seed_purpose_and_id() -> None:
    assert drawn(3, "order", "a/1") == hashlib.sha256(b"3:order:a/1").digest()
    assert len(drawn(0, ORDER, "é")) == 32


def test_each_seed_and_purpose_has_an_order_of_its_own() -> None:
    orders = [order(IDS), order(IDS, seed=1), order(IDS, what="other"), IDS]
    assert len({tuple(one) for one in orders}) == 4
    assert all(sorted(one) == sorted(IDS) for one in orders)


def test_another_corpus_changes_nothing_for_the_others() -> None:
    more = [*IDS[50:], *(f"meld/{number}" for number in range(90))]
    kept = [id_ for id_ in order(more[::-1]) if id_ in IDS]
    assert kept == [id_ for id_ in order(IDS) if id_ in IDS[50:]]
