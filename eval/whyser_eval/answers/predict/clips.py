"""The utterances that a model is asked about, and their sound under each control."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from whyser.io import audio
from whyser.io.degraded import degradation, degraded_file
from whyser.io.errors import InputError
from whyser.records.corpus import Clip, Corpus, test_split
from whyser.records.derangement import derangement
from whyser.records.draws import ORDER, drawn
from whyser.records.predictions import Control


@dataclass
class Clips:
    """One split of each corpus.

    Args:
        split: None for the only test split of each corpus.
        max_samples: Take only so many, the first in the order of the training rows' draw.
        everything: Take utterances without a majority label among the eight classes too.
        seed: For the shuffled sounds and the noise.
        folder: For the sounds that a control makes.
    """

    corpora: Sequence[Corpus]
    folder: Path
    control: Control = "none"
    split: str | None = None
    max_samples: int | None = None
    everything: bool = False
    seed: int = 0

    def __iter__(self) -> Iterator[Clip]:
        return iter(self._chosen)

    def __len__(self) -> int:
        return len(self._chosen)

    @cached_property
    def _chosen(self) -> list[Clip]:
        """The clips that are asked about, in the files' order."""
        if self.max_samples is None:
            return list(self._all.values())
        drawn_first = sorted(self._all, key=lambda id_: drawn(0, ORDER, id_))[: self.max_samples]
        chosen = set(drawn_first)
        return [clip for id_, clip in self._all.items() if id_ in chosen]

    @cached_property
    def _all(self) -> dict[str, Clip]:
        """By id, before `max_samples`.

        Raises: `InputError` for a corpus without utterances in the split, or with several test
        splits and none named, for a duplicate id, and for missing transcripts.
        """
        found: dict[str, Clip] = {}
        for corpus in self.corpora:
            own = self._of(corpus)
            if twice := found.keys() & own.keys():
                raise InputError(
                    f"duplicate id {min(twice)!r}", file=corpus.path, cure="Give each file once."
                )
            found |= own
        has_words = any(one.utterance.transcript for one in found.values())
        if self.control == "transcript" and not has_words:
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
                cure="Choose a split that corpus.json in its folder lists.",
            )
        return own

    def sound(self, clip: Clip) -> Path | None:
        """The file that is sent; None where the words are sent instead.

        Raises: `InputError` for a missing file.
        """
        if self.control == "transcript":
            return None
        if self.control == "shuffled":
            clip = self._all[self._heard[clip.id]]
        if self.control == "silence":
            return audio.silence(audio.probe(clip.path).duration, self.folder)
        if how := degradation(self.control):
            return degraded_file(clip.path, how, drawn(self.seed, how, clip.id), self.folder)
        return clip.path

    @cached_property
    def _heard(self) -> dict[str, str]:
        """Utterance -> the one whose sound it gets, drawn over the whole split."""
        # In the order of a dataset's rows, so that both give an utterance the same sound.
        rows = sorted(self._all, key=lambda id_: drawn(self.seed, ORDER, id_))
        heard = dict(derangement(rows, random.Random(self.seed)))
        if alone := self._all.keys() - heard.keys():
            raise InputError(
                f"{min(alone)} is the only utterance of its corpus and split, so there is no other "
                "sound to give it",
                cure="Leave --control shuffled out, or leave out this corpus.",
            )
        return heard
