"""Word error rate of the transcripts that answers hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whyser.io.console import track
from whyser.io.spoken import word_errors
from whyser_eval.metrics.data import Statistics
from whyser_eval.metrics.declaration import metric


@metric("transcripts")
def wer(references: Sequence[str], transcripts: Sequence[str | None]) -> Statistics:
    """Word error rate of the transcript in the answer: may exceed 1, lower is better.

    Formula: (substitutions + deletions + insertions) / words of the reference, both texts
    normalised as Whisper's are (case, punctuation, contractions, spelling, numbers). An answer
    without a transcript misses every word.

    Returns: statistics of shape [n, 1].

    Source: jiwer; Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision
    (2022), appendix C.

    >>> wer(["I'm here.", "Two words"], ["i am here", None]).counts  # 0 of 3, 2 of 2
    (array([2.]), array([5.]))
    """
    texts = zip(references, (written or "" for written in transcripts), strict=True)
    found = word_errors(track(texts, "Transcripts", total=len(references)))
    counts = np.array(found, dtype=np.float64).reshape(-1, 2)
    return Statistics(counts[:, :1], counts[:, 1:])
