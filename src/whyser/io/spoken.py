"""Compares two transcripts by their words, as speech recognition does.

Both are normalised as Whisper's are: case, punctuation, contractions, spelling, numbers. Source:
Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision (2022), appendix C.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache


def word_errors(pairs: Iterable[tuple[str, str]]) -> list[tuple[int, int]]:
    """The errors of each transcript, and the words of its reference.

    An error is a substitution, deletion or insertion. Where the reference has no words, every word
    of the transcript is an insertion.

    Args: `pairs` of a reference and a transcript.

    Source: jiwer.

    >>> word_errors([("I'm here.", "i am here"), ("Two words", ""), ("", "One")])
    [(0, 3), (2, 2), (1, 0)]
    """
    import jiwer

    texts = [(normalised(spoken), normalised(written)) for spoken, written in pairs]
    words = [len(spoken.split()) for spoken, _ in texts]
    errors = [len(written.split()) for _, written in texts]
    spoke = [row for row, count in enumerate(words) if count]
    if spoke:
        found = jiwer.process_words(
            [texts[row][0] for row in spoke], [texts[row][1] for row in spoke]
        )
        for row, chunks in zip(spoke, found.alignments, strict=True):
            errors[row] = sum(
                max(one.ref_end_idx - one.ref_start_idx, one.hyp_end_idx - one.hyp_start_idx)
                for one in chunks
                if one.type != "equal"
            )
    return list(zip(errors, words, strict=True))


# A system and its controls are compared with the same references.
@lru_cache(maxsize=200_000)
def normalised(text: str) -> str:
    """The words of a text as Whisper's normaliser writes them."""
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
