"""Ratings of several emotions: which pairs are found, and which of them is the highest."""

import pytest

from whyser.labels.lexicon import fold, lexicon
from whyser_eval.reading.rated import Rating, compares, highest, ratings


def rated(text):
    return {one.label: one.share for one in ratings(fold(text), lexicon())}


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("Angry: 0.02\nSad: 0.81", {"angry": 0.02, "sad": 0.81}),
        ("Anger 0%, sadness 70 %", {"angry": 0, "sad": 70}),
        ("10% angry and 75% sad", {"angry": 10, "sad": 75}),
        ("0.1 happy, 0.9 sad", {"happy": 0.1, "sad": 0.9}),
        ("Fear: 4/5, Joy: 0/5", {"fear": 4, "happy": 0}),
        ("| anger | no |\n| fear | yes |", {"angry": 0, "fear": 1}),
        ("- [ ] sad\n- [x] happy", {"sad": 0, "happy": 1}),
        ("\u2705 Angry\n\u274c Sad", {"angry": 1, "sad": 0}),
        ('{"happy": true, "sad": false}', {"happy": 1, "sad": 0}),
        ("Sad: possible, but no.\nFear: most likely, as she shakes.", {"sad": 0.5, "fear": 1.5}),
        # Ordinary text rates nothing.
        ("Sad: low pitch. Angry: high volume.", {}),
        ("1. Sad\n2. Angry", {}),
        ("[00:01 - 00:03] sad", {}),
        ("no", {}),
    ],
)
def test_only_what_is_rated_is_found(text, shares):
    assert rated(text) == shares


def test_the_highest_is_affirmed_and_one_with_a_class_comes_first():
    found = [Rating("other", "calm", 0.4), Rating("sad", "sad", 0.4), Rating("fear", "fear", 0.2)]
    assert [one.label for one in highest(found)] == ["sad", "other"]
    assert highest([Rating("sad", "sad", 0.0)]) == []
    assert compares(found) and not compares(found[1:2])
