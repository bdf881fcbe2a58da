"""Word error rate of the transcripts that answers hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache

import numpy as np

from whyser.io.console import track
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
    import jiwer

    texts = zip(references, transcripts, strict=True)
    normalised = [
        (_normalised(spoken), _normalised(written or ""))
        for spoken, written in track(texts, "Transcripts", total=len(references))
    ]
    words = np.array([len(spoken.split()) for spoken, _ in normalised], dtype=np.float64)
    # Where the reference has no words, every predicted word is an insertion.
    errors = np.array([len(written.split()) for _, written in normalised], dtype=np.float64)
    spoke = np.flatnonzero(words > 0)
    if len(spoke):
        pairs = [normalised[row] for row in spoke]
        found = jiwer.process_words([one for one, _ in pairs], [one for _, one in pairs])
        errors[spoke] = [
            sum(
                max(one.ref_end_idx - one.ref_start_idx, one.hyp_end_idx - one.hyp_start_idx)
                for one in chunks
                if one.type != "equal"
            )
            for chunks in found.alignments
        ]
    return Statistics(errors[:, None], words[:, None])


# A system and its controls are compared with the same references.
@lru_cache(maxsize=200_000)
def _normalised(text: str) -> str:
    return _normaliser()(_without_asides(text))


#: Opening and closing brackets, and what the normaliser removes with them.
_ASIDES = (("<[", ">]", re.compile(r"[<\[][^>\]]*[>\]]")), ("(", ")", re.compile(r"\([^)]+?\)")))


def _without_asides(text: str) -> str:
    """The text without bracketed asides, as the normaliser itself removes them.

    The normaliser takes quadratic time over brackets that never close, and an answer may be a
    megabyte of them.

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
