"""Features relative to a speaker's own: they use the speaker's other clips, without labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor

from whyser.evidence.cues import FEWEST_CLIPS
from whyser.records.corpus import Clip

#: Features as they are, or relative to the speaker's own clips.
Reference: TypeAlias = Literal["none", "speaker"]

#: The least standard deviation, for a feature that is always the same.
_LEAST = 1e-4


@dataclass
class Moments:
    """Mean and standard deviation over clips, one at a time."""

    count: int = 0
    total: Tensor | None = None
    squares: Tensor | None = None

    def add(self, features: Tensor) -> None:
        each = features.double()
        self.count += 1
        self.total = each if self.total is None else self.total + each
        self.squares = each.square() if self.squares is None else self.squares + each.square()

    @property
    def mean(self) -> Tensor:
        if self.total is None:
            raise RuntimeError("moments of nothing")
        return (self.total / self.count).float()

    @property
    def deviation(self) -> Tensor:
        if self.total is None or self.squares is None:
            raise RuntimeError("moments of nothing")
        variance = self.squares / self.count - (self.total / self.count).square()
        return variance.clamp(min=_LEAST**2).sqrt().float()


class SpeakerReference:
    """Subtracts the mean of the speaker's clips, and divides by their standard deviation.

    A speaker with fewer than eight clips is compared with those of the same gender, or with the
    whole corpus, as for measured cues.

    Args: `features`, a function for each clip's, since those of a large corpus exceed the memory.
    """

    def __init__(self, clips: Sequence[Clip], features: Sequence[Callable[[], Tensor]]) -> None:
        names = [_groups(clip) for clip in clips]
        counts = Counter(name for each in names for name in each)
        self._group = {
            clip.id: next((one for one in each if counts[one] >= FEWEST_CLIPS), each[-1])
            for clip, each in zip(clips, names, strict=True)
        }
        used = set(self._group.values())
        moments = {name: Moments() for name in used}
        for each, read in zip(names, features, strict=True):
            found = read()
            for name in used.intersection(each):
                moments[name].add(found)
        self._known = {name: (one.mean, one.deviation) for name, one in moments.items()}
        self.strangers = sum(name[0] != "speaker" for name in self._group.values())

    def __call__(self, clip: str, features: Tensor) -> Tensor:
        mean, deviation = self._known[self._group[clip]]
        return (features - mean) / deviation


def _groups(clip: Clip) -> list[tuple[str, ...]]:
    """What a clip is compared with, the nearest first."""
    one = clip.utterance
    found = [("speaker", one.corpus, one.speaker)] if one.speaker else []
    found += [("gender", one.corpus, one.gender)] if one.gender else []
    return [*found, ("corpus", one.corpus)]
