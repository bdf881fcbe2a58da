"""Words against voice: counts by hand, and on random answers by numpy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whyser_eval.metrics.conflict import conflict_accuracy, congruent_accuracy, words_rate
from whyser_eval.metrics.data import Items

CLASSES = ("angry", "happy", "sad")
EMOTION = st.sampled_from([*CLASSES, None])


def conflicts(*rows):
    """Items of (voice, words, answer); None is unknown, or unread."""
    voice, words, answers = zip(*rows, strict=True)
    place = {name: number for number, name in enumerate(CLASSES)}
    labels, predicted = (
        np.array([place.get(name, -1) for name in names]) for names in (voice, answers)
    )
    chosen = np.array([[name == one for name in CLASSES] for one in words])
    return Items(labels, predicted, chosen)


def test_by_hand():
    items = conflicts(
        ("sad", "sad", "sad"),  # congruent, right
        ("sad", "sad", "happy"),  # congruent, wrong
        ("sad", "sad", None),  # congruent, unread
        ("sad", "happy", "sad"),  # follows the voice
        ("angry", "happy", "happy"),  # follows the words
        ("angry", "happy", "happy"),
        ("angry", "happy", "sad"),  # follows neither
        ("angry", "happy", None),  # unread: neither
        ("angry", None, "angry"),  # the words say nothing
        (None, "angry", "angry"),  # the voice is unknown
        (None, None, None),
    )
    assert congruent_accuracy(items).value == 1 / 3
    assert conflict_accuracy(items).value == 1 / 5
    assert words_rate(items).value == 2 / 5
    assert congruent_accuracy(items).counts[1] == 3
    assert conflict_accuracy(items).counts[1] == words_rate(items).counts[1] == 5


@given(st.lists(st.tuples(EMOTION, EMOTION, EMOTION), min_size=1, max_size=40))
def test_as_counted_one_by_one(rows):
    items = conflicts(*rows)
    same = [(v, a) for v, w, a in rows if v is not None and v == w]
    other = [(v, w, a) for v, w, a in rows if None not in (v, w) and v != w]
    assert congruent_accuracy(items).counts == (sum(v == a for v, a in same), len(same))
    assert conflict_accuracy(items).counts == (sum(v == a for v, _, a in other), len(other))
    assert words_rate(items).counts == (sum(w == a for _, w, a in other), len(other))
    # No answer follows both, so what is left follows neither.
    assert conflict_accuracy(items).value + words_rate(items).value <= 1
