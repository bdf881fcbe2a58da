"""The rows of scores.json: every score with its signature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from whyser.records.predictions import REPEATED
from whyser_eval.metrics.data import BoolArray, ScoreEstimate
from whyser_eval.metrics.declaration import MaterialKind, declared, is_over_classes, metrics_of
from whyser_eval.metrics.groundedness import cues_hash
from whyser_eval.reading.attributes import VERSION
from whyser_eval.reading.shares import shares_version
from whyser_eval.scoring import controls
from whyser_eval.scoring.conflict import Conflict
from whyser_eval.scoring.references import References
from whyser_eval.scoring.scores import ANY, ScoreRow
from whyser_eval.scoring.signature import Signature
from whyser_eval.scoring.subsets import ENTROPY_BANDS
from whyser_eval.scoring.system_scores import SystemScores
from whyser_eval.scoring.systems import System, SystemName

if TYPE_CHECKING:
    from whyser.evidence.cues import Cues

#: What else a metric of this material depends on, as the signature names it.
_RESTS_ON: dict[MaterialKind, str] = {
    "conflict": "conflict",
    "probabilities": "votes",
    "transcripts": "words",
    "claims": "cues",
    "shuffled claims": "cues",
    "attributes": "attributes",
}


def system_rows(
    scored: Sequence[SystemScores], references: References, signature: Signature
) -> Iterator[ScoreRow]:
    """Rows of each system; the variants of a repeated question share one."""
    for _, group in groupby(scored, key=lambda one: one.system.name.row):
        variants = list(group)
        systems = [one.system for one in variants]
        name, scores = systems[0].name, variants[0].scores
        if name.control in REPEATED:
            scores = controls.spread([one.scores for one in variants])
        own = replace(
            signature,
            form=name.form,
            control=name.control,
            prompts=frozenset().union(*(system.prompts for system in systems)),
            variants=len(systems),
            samples=max(system.samples for system in systems),
            adapted=max(system.adapted for system in systems),
            rests_on=_with_shares(signature.rests_on, systems),
        )
        yield from _rows(name, scores, own, references, variants)


def baseline_rows(
    baselines: Mapping[SystemName, Iterable[ScoreEstimate]],
    references: References,
    signature: Signature,
) -> Iterator[ScoreRow]:
    """Rows of each chance baseline."""
    for name, scores in baselines.items():
        yield from _rows(name, scores, signature, references, ())


def _rows(
    name: SystemName,
    scores: Iterable[ScoreEstimate],
    signature: Signature,
    references: References,
    variants: Sequence[SystemScores],
) -> Iterator[ScoreRow]:
    """Args: `variants`, whose unread answers are counted; none for a baseline."""
    unread = _Unread(variants, references)
    for score in scores:
        over = is_over_classes(score.metric)
        votes = references.votes_hash if score.subset in ENTROPY_BANDS else ""
        own = references.subsets[score.subset].classes if over else None
        rendered = signature.render(
            score.metric,
            subset=score.subset,
            n=score.n,
            labels=len(references.classes) if own is None else int(own.sum()),
            unread=unread.count(score),
            votes=votes,
        )
        yield ScoreRow(*name.row, **asdict(score), signature=rendered)


# What signatures share


def baseline_signature(
    scored: Iterable[SystemScores],
    references: References,
    cues: Mapping[str, Cues],
    conflict: Conflict | None,
) -> Signature:
    """The signature of a baseline, which reads no question and whose answers nobody reads."""
    return Signature(
        corpora=frozenset(corpus for corpus, _ in references.parts),
        splits=frozenset(split for _, split in references.parts),
        form=ANY,
        control="none",
        parser="none",
        references=references.hash,
        inclusive=references.hash_inclusive if "all_inclusive" in references.subsets else "",
        prompts=frozenset(),
        annotators="primary+secondary" if references.secondary else "primary",
        rests_on=dict(_rests_on(scored, references, cues, conflict)),
    )


def _rests_on(
    scored: Iterable[SystemScores],
    references: References,
    cues: Mapping[str, Cues],
    conflict: Conflict | None,
) -> Iterator[tuple[str, dict[str, str]]]:
    """What else each scored metric depends on, with its hash, by the metric's name.

    A metric of cues depends on the reader of claims too, which decides what is compared with them,
    and one of attributes on the reader of values.
    """
    hashes = {
        "votes": lambda: references.votes_hash,
        "words": lambda: references.words_hash,
        "cues": lambda: cues_hash(cues.get(one.id) for one in references.utterances),
        "conflict": lambda: conflict.hash if conflict else "",
        "attributes": lambda: references.attributes_hash,
    }
    metrics = {score.metric: declared(score.metric) for one in scored for score in one.scores}
    named = {name: one and _RESTS_ON.get(one.material) for name, one in sorted(metrics.items())}
    found = {what: hashes[what]() for what in set(named.values()) if what}
    for name, what in named.items():
        if what:
            readers = {
                "cues": lambda: {"claims": _claims_version()},
                "attributes": lambda: {"values": VERSION},
            }
            yield name, {what: found[what], **readers.get(what, dict)()}


def _claims_version() -> str:
    # The reader of claims is loaded only where there are cues.
    from whyser.evidence.lexicon import claims_version

    return claims_version()


def _with_shares(
    rests_on: Mapping[str, Mapping[str, str]], systems: Iterable[System]
) -> Mapping[str, Mapping[str, str]]:
    """What metrics depend on; those of probabilities also on how shares were read, if some were."""
    sources = sum((one.sources for one in systems), Counter[str]())
    if not sources["stated"]:
        return rests_on
    how = shares_version() if not sources["own"] else f"own+{shares_version()}"
    mine = metrics_of("probabilities")
    return {
        name: {**found, "shares": how} if name in mine else found
        for name, found in rests_on.items()
    }


class _Unread:
    """Counts the answers that were not read: for the class, or for the attributes of a metric."""

    def __init__(self, variants: Sequence[SystemScores], references: References) -> None:
        self._variants = variants
        self._masks = {name: one.mask for name, one in references.subsets.items()}
        # Many metrics count the same answers.
        self._known: dict[str, dict[str, int]] = {}

    def count(self, score: ScoreEstimate) -> int:
        found = declared(score.metric)
        metric = score.metric if found is not None and found.material == "attributes" else ""
        if metric not in self._known:
            self._known[metric] = self._counted(metric)
        return self._known[metric][score.subset]

    def _counted(self, metric: str) -> dict[str, int]:
        unread = [self._of(one, metric) for one in self._variants]
        return {
            name: sum(int(one[mask].sum()) for one in unread) for name, mask in self._masks.items()
        }

    @staticmethod
    def _of(one: SystemScores, metric: str) -> BoolArray:
        """bool[n]. Args: `metric`, one of attributes, or "" for all others."""
        if metric and one.attributes is not None:
            _, _, name = metric.partition(":")
            return (one.attributes.of(name) if name else one.attributes).unread
        return np.array([reading.label is None for reading in one.system.readings])
