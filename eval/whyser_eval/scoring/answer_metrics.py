"""Metrics of what an answer holds besides its class, such as probabilities or a transcript."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from operator import or_
from typing import TYPE_CHECKING, Any

import numpy as np

from whyser.labels.attributes import Scales
from whyser.records.corpus import Corpus
from whyser_eval.metrics.concordance import AttributePairs
from whyser_eval.metrics.data import BoolArray, FloatArray, ScoreEstimate, Statistics, Subset
from whyser_eval.metrics.declaration import METRICS, MaterialKind, metrics_of, needs_majority
from whyser_eval.metrics.distribution import Distributions, normalised
from whyser_eval.metrics.groundedness import Explained
from whyser_eval.scoring.references import References
from whyser_eval.scoring.systems import System
from whyser_eval.statistics.bootstrap import ResamplingPlan, percentiles

if TYPE_CHECKING:
    from whyser.evidence.cues import Cues


@dataclass(frozen=True)
class AnswerMaterial:
    """What a system's answers hold for the metrics of each kind; a kind without data is absent."""

    of_kind: Mapping[MaterialKind, tuple[Any, ...]]
    _known: dict[tuple[str, bytes], Statistics] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        system: System,
        references: References,
        claims: Sequence[Explained] | None,
        *,
        with_transcripts: bool,
    ) -> AnswerMaterial:
        found: dict[MaterialKind, tuple[Any, ...]] = {}
        if (shares := system.distributions) is not None:
            given = np.array(
                [[one.get(name, 0.0) for name in references.classes] for one in shares]
            )
            found["probabilities"] = (_distributions(given, references),)
        if with_transcripts:
            transcripts = [one.transcript for one in system.blocks]
            if any(one is not None for one in transcripts):
                spoken = [one.transcript for one in references.utterances]
                found["transcripts"] = (spoken, transcripts)
        if claims is not None:
            found["claims"] = (claims,)
        if (pairs := attribute_pairs(system, references)) is not None:
            found["attributes"] = (pairs,)
        return cls(found)

    @classmethod
    def of_probabilities(cls, given: FloatArray, references: References) -> AnswerMaterial:
        """Args: `given`, float[n, C]."""
        return cls({"probabilities": (_distributions(given, references),)})

    @property
    def attributes(self) -> AttributePairs | None:
        pairs: AttributePairs | None
        (pairs,) = self.of_kind.get("attributes", (None,))
        return pairs

    @property
    def metrics(self) -> list[str]:
        names = [name for kind in self.of_kind for name in metrics_of(kind)]
        if self.attributes is not None:
            rated = self.attributes.names
            names += [f"{name}:{one}" for name in metrics_of("attributes") for one in rated]
        return names

    def statistics(self, metric: str, classes: BoolArray | None) -> Statistics:
        """Args: `classes`, bool[C], those that a distribution is over; None for all."""
        name, _, attribute = metric.partition(":")
        found = METRICS[name]
        given = self.of_kind[found.material]
        if attribute:
            given = tuple(one.of(attribute) for one in given)
        if found.material != "probabilities" or classes is None or classes.all():
            classes = None
        else:
            given = tuple(one.over(classes) for one in given)
        # A word error rate takes long, and is the same on every subset.
        key = metric, b"" if classes is None else classes.tobytes()
        if key not in self._known:
            self._known[key] = found.function(*given)
        return self._known[key]


def _distributions(given: FloatArray, references: References) -> Distributions:
    return Distributions(
        references.distributions, normalised(given), references.annotators, references.labels
    )


def attribute_pairs(system: System, references: References) -> AttributePairs | None:
    """The attributes of references and answers; None if no answer names one that was rated."""
    if not references.attributes:
        return None
    read = system.attributes(references.scales.get(one.corpus, {}) for one in references.utterances)
    if not any(read):
        return None
    return AttributePairs(
        references.attributes, references.attribute_places, references.places(read)
    )


def unscaled_warnings(
    systems: Sequence[System], references: References, corpora: Mapping[str, Corpus]
) -> Iterator[str]:
    """Warnings about attributes that annotators rated and answers name, on no known scale."""
    for corpus, rated in references.unscaled.items():
        # Whatever the answer says is on so wide a scale.
        scales: Scales = dict.fromkeys(rated, (-1e6, 1e6))
        mine = [one.corpus == corpus for one in references.utterances]
        named = {
            one.name: count
            for one in systems
            if (count := sum(map(bool, one.attributes(scales if own else {} for own in mine))))
        }
        if named:
            card = corpora[corpus].path.parent / "corpus.json"
            what = "names no scale for them" if card.is_file() else "is missing"
            told = ", ".join(f"{count:,} answers of {name}" for name, count in named.items())
            yield (
                f"no ccc for {corpus}: its annotators rated {' and '.join(rated)}, and {told} name "
                f"them, but {card}, which has their scales, {what}. whyser-convert writes it: put "
                "it beside the references."
            )


def answer_plans(
    systems: Sequence[AnswerMaterial], subsets: Mapping[str, Subset]
) -> list[ResamplingPlan]:
    """The metrics that every system's answers have data for, as one plan for each system.

    A metric's n counts the utterances that it is computed from, such as those with words to
    recognise, or those with a claim of some system that can be checked.

    Returns: plans with the same rows and scores; none where no metric has data.
    """
    names = [name for name in systems[0].metrics if all(name in one.metrics for one in systems)]
    plans: list[list[ResamplingPlan]] = [[] for _ in systems]
    for name, (subset, chosen) in product(names, subsets.items()):
        if not chosen.has_majority and needs_majority(name):
            continue
        found = [one.statistics(name, chosen.classes) for one in systems]
        counted = np.any([(one.denominator > 0).any(axis=1) for one in found], axis=0)
        # Its columns are the subset's classes already.
        own = {subset: Subset(chosen.mask & counted, has_majority=chosen.has_majority)}
        ones = np.ones(len(counted), dtype=np.int64)
        for plan, rows in zip(plans, found, strict=True):
            plan.append(ResamplingPlan.of_statistics({name: rows}, ones, own))
    return [reduce(or_, own) for own in plans if own]


def shuffled_metrics(
    claims: Sequence[Explained], cues: Mapping[str, Cues], *, seed: int
) -> list[ScoreEstimate]:
    """The metrics of claims against other utterances' sound, which is what chance gives.

    The value is the mean over the draws; 95 % of them are between `low` and `high`.
    """
    n = sum(each.id in cues for each in claims)
    found = []
    for name, one in metrics_of("shuffled claims").items():
        scores = one(claims, cues, seed=seed)
        low, high = percentiles(scores) or (None, None)
        value = float(scores.mean()) if len(scores) else None
        found.append(ScoreEstimate("all", name, value, low, high, n))
    return found
