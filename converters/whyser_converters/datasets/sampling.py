"""Merges the utterances of several corpora, and draws what is random about each of them.

A draw depends only on seed and id, so that adding or leaving out an utterance changes no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from whyser.io.errors import InputError
from whyser.records.corpus import Corpus
from whyser.records.utterance import Utterance


def merged(corpora: Sequence[Corpus], split: str) -> Iterator[tuple[Corpus, Utterance]]:
    """Every utterance of the split, with its corpus.

    Raises: `InputError` for a duplicate id, and for a corpus without its sound.
    """
    seen: set[str] = set()
    for corpus in corpora:
        if not corpus.audio_root.is_dir():
            # Reported here once, and not again for every utterance.
            raise InputError(
                f"no such folder, but {corpus.path} has its sound there",
                file=corpus.audio_root,
                cure="Restore the folder, or convert the corpus again.",
            )
        for utterance in corpus.utterances():
            if utterance.split != split:
                continue
            if utterance.id in seen:
                raise InputError(
                    f"duplicate id {utterance.id!r}", file=corpus.path, cure="Give each file once."
                )
            seen.add(utterance.id)
            yield corpus, utterance


def nothing_left(
    what: str, split: str, corpora: Sequence[Corpus], dropped: Mapping[str, int]
) -> InputError:
    """The error for a dataset without rows: what was left out, and why."""
    names = ", ".join(str(corpus.path) for corpus in corpora)
    cure = f"Left out: {dict(dropped)}." if dropped else "No utterance has that split."
    return InputError(f"no {what} of split {split!r} is left from {names}", cure=cure)


def sound_of(corpus: Corpus, utterance: Utterance) -> Path:
    """The sound file of an utterance.

    Raises: `InputError` when it is missing; LLaMA-Factory would warn once per run and train on.
    """
    audio = corpus.audio_path(utterance)
    if not audio.is_file():
        raise InputError(
            f"no such sound file for {utterance.id}", file=audio, cure="Convert the corpus again."
        )
    return audio
