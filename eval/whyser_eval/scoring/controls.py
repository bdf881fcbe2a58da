"""The controls that a system that listens must beat, and those on which it must hold its score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from whyser_eval.metrics.data import ScoreEstimate
from whyser_eval.scoring.systems import SystemName
from whyser_eval.statistics.bootstrap import ScoreKey
from whyser_eval.statistics.formatting import format_estimate


def spread(variants: Sequence[Sequence[ScoreEstimate]]) -> list[ScoreEstimate]:
    """Scores of one system over several wordings or orders of a question.

    The value is the mean over the variants, `low` and `high` are the lowest and the highest. A
    metric that some variant lacks, such as one of transcripts, is left out.
    """
    groups: dict[ScoreKey, list[ScoreEstimate]] = {}
    for score in chain.from_iterable(variants):
        groups.setdefault((score.subset, score.metric), []).append(score)
    found = []
    for scores in groups.values():
        first, values = scores[0], [one.value for one in scores if one.value is not None]
        if values:
            mean = float(np.mean(values))
            first = replace(first, value=mean, low=min(values), high=max(values))
        if len(scores) == len(variants):
            found.append(first)
    return found


#: Control -> its answers, and what it means if a system does not beat them.
_DOUBTS = {
    "shuffled": ("answers to shuffled audio", "It may not be listening."),
    "silence": ("answers to silence", "It may not be listening."),
    "transcript": ("answers to the transcript", "The sound may add nothing to the words."),
}

#: Control -> the sound on which a system should hold its score.
_DEGRADED = {
    "noise": "with noise",
    "codec": "by telephone",
    "gain": "20 dB quieter",
}


def warnings(headlines: Mapping[SystemName, ScoreEstimate]) -> Iterator[str]:
    """A line for each system that does not beat its own control, or loses on degraded sound.

    A system beats a control if their intervals do not overlap, or by value without intervals. Where
    it should hold its score, intervals that do not overlap show a loss.

    Args: `headlines`, one score of every system under every control.
    """
    for name, control in headlines.items():
        system = replace(name, control="none")
        own = headlines.get(system)
        if own is None:
            continue
        is_beaten = _is_beaten(own, control)
        mine, theirs = (format_estimate(e.value, e.low, e.high) for e in (own, control))
        if name.control in _DOUBTS and not is_beaten:
            what, meaning = _DOUBTS[name.control]
            yield (
                f"{system} does not beat its own {what}: {own.metric} {mine} against {theirs}. "
                f"{meaning}"
            )
        elif name.control in _DEGRADED and is_beaten and own.low is not None:
            yield (
                f"{system} loses on sound {_DEGRADED[name.control]}: {own.metric} {theirs} against "
                f"{mine} on the sound as it is."
            )


def _is_beaten(own: ScoreEstimate, control: ScoreEstimate) -> bool:
    floor = own.low if own.low is not None else own.value
    ceiling = control.high if control.high is not None else control.value
    return floor is not None and ceiling is not None and floor > ceiling
