"""Word error rate of the transcripts that answers hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

import numpy as np

from whyser.io.console import track
from whyser_eval.metrics.classification import Statistics


def wer(references: Sequence[str], transcripts: Sequence[str | None]) -> Statistics:
    """Word error rate: may exceed 1, lower is better.

    Formula: sum of substitutions, deletions and insertions / sum of the reference's words, both
    texts normalised as Whisper's are (case, punctuation, contractions, spelling, numbers). An
    answer without a transcript has missed every word.

    Returns: statistics of shape [n, 1].

    Source: jiwer; Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision
    (2022), appendix C.

    >>> wer(["I'm here.", "Two words"], ["i am here", None]).counts  # 0 of 3, 2 of 2
    (array([2.]), array([5.]))
    """
    import jiwer

    pairs = zip(references, transcripts, strict=True)
    normalised = [
        (_normalised(spoken), _normalised(written or ""))
        for spoken, written in track(pairs, "Transcripts", total=len(references))
    ]
    spoken, written = [one for one, _ in normalised], [one for _, one in normalised]
    words = np.array([len(one.split()) for one in spoken], dtype=np.float64)
    # Of an utterance without words every word that was written is one too many.
    errors = np.array([len(one.split()) for one in written], dtype=np.float64)
    told = np.flatnonzero(words > 0)
    if len(told):
        found = jiwer.process_words([spoken[row] for row in told], [written[row] for row in told])
        errors[told] = [
            sum(
                max(
                    chunk.ref_end_idx - chunk.ref_start_idx,
                    chunk.hyp_end_idx - chunk.hyp_start_idx,
                )
                for chunk in chunks
                if chunk.type != "equal"
            )
            for chunks in found.alignments
        ]
    return Statistics(errors[:, None], words[:, None])


# A system and its controls are held against the same words.
@lru_cache(maxsize=200_000)
def _normalised(text: str) -> str:
    return _normaliser()(_without_asides(text))


#: Openers, closers, and what the normaliser leaves out between them.
_ASIDES = (("<[", ">]", re.compile(r"[<\[][^>\]]*[>\]]")), ("(", ")", re.compile(r"\([^)]+?\)")))


def _without_asides(text: str) -> str:
    """As the normaliser itself would begin, which takes the square of the length to see that a
    bracket never closes: an answer may be a megabyte of them.

    >>> _without_asides("oh [laughs]  no (sighs) a < b")
    'oh no a b'
    """
    for openers, closers, aside in _ASIDES:
        end = max(map(text.rfind, closers)) + 1
        unclosed = text[end:].translate(dict.fromkeys(map(ord, openers), " "))
        text = aside.sub("", text[:end]) + unclosed
    return " ".join(text.split())


@cache
def _normaliser() -> Callable[[str], str]:
    from whisper_normalizer.english import EnglishTextNormalizer

    normaliser: Callable[[str], str] = EnglishTextNormalizer()
    return normaliser
