"""Which utterances are asked about, and what is heard in place of each under a control."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from whyser.io import audio
from whyser.io.errors import InputError
from whyser.records.corpus import Clip, Corpus, test_split
from whyser.records.derangement import derangement
from whyser.records.predictions import Control


@dataclass
class Clips:
    """One split of each corpus.

    Args:
        split: None for the one test split that each corpus has.
        max_samples: Only the first of all.
        everything: Also those without a consensus among the eight classes.
        seed: Of whom hears whom.
        silence: Folder that silence is written to.
    """

    corpora: Sequence[Corpus]
    silence: Path
    control: Control = "none"
    split: str | None = None
    max_samples: int | None = None
    everything: bool = False
    seed: int = 0

    def __iter__(self) -> Iterator[Clip]:
        return islice(self._all.values(), self.max_samples)

    def __len__(self) -> int:
        return min(len(self._all), self.max_samples or len(self._all))

    @cached_property
    def _all(self) -> dict[str, Clip]:
        """By id, before `max_samples`.

        Raises: `InputError` for a corpus with nothing to ask about, or with several test splits
        and none named, for an id that comes twice, and for transcripts that nobody wrote.
        """
        found: dict[str, Clip] = {}
        for corpus in self.corpora:
            own = self._of(corpus)
            if twice := found.keys() & own.keys():
                raise InputError(
                    f"id {min(twice)!r} comes twice", file=corpus.path, cure="Give a file once."
                )
            found |= own
        if self.control == "transcript" and not any(
            one.utterance.transcript for one in found.values()
        ):
            raise InputError(
                "no utterance of this split has a transcript",
                file=self.corpora[0].path,
                cure="Leave --control transcript out.",
            )
        return found

    def _of(self, corpus: Corpus) -> dict[str, Clip]:
        utterances = list(corpus.utterances())
        split = self.split or test_split(utterances, corpus.path)
        own = {
            one.id: Clip(corpus, one)
            for one in utterances
            if one.split == split and (self.everything or one.is_scored)
        }
        if not own:
            raise InputError(
                f"no utterance of split {split!r} to ask about",
                file=corpus.path,
                cure="corpus.json beside it lists the splits and their labels.",
            )
        return own

    def sound(self, clip: Clip) -> Path | None:
        """What is heard; None where the words are told instead.

        Raises: `InputError` for a sound that is not there.
        """
        if self.control == "transcript":
            return None
        if self.control == "shuffled":
            clip = self._all[self._heard[clip.id]]
        own = clip.path
        if self.control == "silence":
            return audio.silence(audio.probe(own).duration, self.silence)
        return own

    @cached_property
    def _heard(self) -> dict[str, str]:
        """Who hears whom, drawn over the whole split."""
        heard = dict(derangement(self._all, random.Random(self.seed)))
        if alone := self._all.keys() - heard.keys():
            raise InputError(
                f"{min(alone)} is the only utterance of its corpus and split, nothing to shuffle "
                "its sound with"
            )
        return heard
