"""Whether answers follow the voice or the words, where the two name different emotions.

The items of these metrics are not those of the classes: y is the emotion of the voice, and A holds
the emotion of the words, alone. An utterance whose voice or words have no known emotion has an
empty A, and counts in none of the three. Such a set with known emotions is made by actors or by
synthesis: EMIS (Corrêa et al., Evaluating Emotion Recognition in Spoken Language Models on
Emotionally Incongruent Speech, 2025) scores answers against both emotions, LISTEN (Chen et al., Do
Audio LLMs Really LISTEN, or Just Transcribe?, 2025) keeps utterances with neutral words apart.

Every metric returns statistics of shape [n, 1], whose denominator is 1 where the utterance counts.
"""

from __future__ import annotations

import numpy as np

from whyser_eval.metrics.data import BoolArray, Items, Statistics
from whyser_eval.metrics.declaration import metric


def _agree(items: Items) -> BoolArray:
    """bool[n], whether the words name the emotion of the voice."""
    found: BoolArray = np.any(items.gold & items.annotators, axis=1)
    return found


def _conflict(items: Items) -> BoolArray:
    """bool[n], whether the words name another emotion than the voice."""
    has_both: BoolArray = np.any(items.gold, axis=1) & np.any(items.annotators, axis=1)
    return has_both & ~_agree(items)


def _follows_voice(items: Items) -> BoolArray:
    found: BoolArray = np.any(items.gold & items.predicted, axis=1)
    return found


def _share(followed: BoolArray, counted: BoolArray) -> Statistics:
    both = (followed & counted)[:, None]
    return Statistics(both.astype(np.float64), counted[:, None].astype(np.float64))


@metric("conflict", heading="Congruent")
def congruent_accuracy(items: Items) -> Statistics:
    """Accuracy where words and voice agree: both name one emotion, and the answer names it too.

    Formula: #[p = voice, words = voice] / #[words = voice].

    Source: the condition "matched" of LISTEN (Chen et al., 2025).

    >>> items = Items.from_names(
    ...     ["sad", "sad"], ["sad", "happy"], [{"sad"}, {"happy"}], classes=["happy", "sad"])
    >>> congruent_accuracy(items).counts  # in the second the words are happy
    (array([1.]), array([1.]))
    """
    return _share(_follows_voice(items), _agree(items))


@metric("conflict", heading="Voice")
def conflict_accuracy(items: Items) -> Statistics:
    """Accuracy where words and voice conflict: the share of answers that follow the voice.

    Formula: #[p = voice, words != voice] / #[words != voice].

    Source: the accuracy of the target emotion in EMIS (Corrêa et al., 2025).

    >>> items = Items.from_names(
    ...     ["sad", "sad"], ["sad", "happy"], [{"happy"}, {"happy"}], classes=["happy", "sad"])
    >>> conflict_accuracy(items).value
    0.5
    """
    return _share(_follows_voice(items), _conflict(items))


@metric("conflict", heading="Words")
def words_rate(items: Items) -> Statistics:
    """Share of answers that follow the words where words and voice conflict.

    Formula: #[p = words, words != voice] / #[words != voice]. The answers that are left, 1 -
    `conflict_accuracy` - `words_rate`, follow neither.

    Source: the accuracy of the proxy emotion in EMIS (Corrêa et al., 2025).

    >>> items = Items.from_names(
    ...     ["sad", "sad"], ["happy", None], [{"happy"}, {"happy"}], classes=["happy", "sad"])
    >>> words_rate(items).value  # an unread answer follows neither
    0.5
    """
    return _share(items.hit, _conflict(items))
