"""References and predictions in; scores, samples and provenance out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain, compress, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whyser.io.files import atomic_set, write_json, write_jsonl
from whyser.labels.classes import EmotionClass
from whyser.records.predictions import REPEATED
from whyser.records.provenance import provenance
from whyser_eval.metrics.classification import by_class
from whyser_eval.metrics.concordance import AttributePairs
from whyser_eval.metrics.data import BoolArray, Items, ScoreEstimate
from whyser_eval.metrics.declaration import declared, is_over_classes, metrics_of
from whyser_eval.metrics.groundedness import Explained, cues_hash, explained
from whyser_eval.reading.attributes import VERSION
from whyser_eval.reading.readers import Reader, RuleReader
from whyser_eval.reading.shares import shares_version
from whyser_eval.scoring import controls
from whyser_eval.scoring.answer_metrics import (
    RESTS_ON,
    AnswerMaterial,
    answer_plans,
    shuffled_metrics,
    unscaled_warnings,
)
from whyser_eval.scoring.conflict import (
    Conflict,
    EmotionSources,
    conflict_plan,
    read_conflict,
)
from whyser_eval.scoring.genders import gender_notes, p_of_gender_gap, with_gender_gap
from whyser_eval.scoring.references import AnswerKey, References
from whyser_eval.scoring.samples import sample_lines
from whyser_eval.scoring.scores import ScoreRow as ScoreRow
from whyser_eval.scoring.signature import Signature
from whyser_eval.scoring.subsets import ENTROPY_BANDS
from whyser_eval.scoring.systems import System, SystemName, read_systems
from whyser_eval.statistics.bootstrap import (
    Cells,
    Interval,
    ResamplingPlan,
    Unit,
    bootstrap,
    collapse,
)

if TYPE_CHECKING:
    from whyser.evidence.cues import Cues

#: From so many utterances on, intervals hold the true score about as often as they say.
_ENOUGH = 1000

#: The subsets that are scored class by class too.
_BY_CLASS = ("all", "strict")


@dataclass(frozen=True)
class Settings:
    """The options of scoring; None leaves the choice to the data files."""

    split: str | None = None
    classes: tuple[EmotionClass, ...] | None = None
    secondary: bool = False
    all_inclusive: bool = False
    entropy: bool = False
    draws: int = 1000
    seed: int = 0
    interval: Interval = "percentile"
    unit: Unit = "utterance"
    wer: bool = False
    reader: Reader = field(default_factory=RuleReader)


@dataclass(frozen=True)
class SystemScores:
    """A system with its scores; `explained` has its claims with verdicts, where there are cues.

    `attributes` are those of its answers, where some answer names one.
    """

    system: System
    scores: list[ScoreEstimate]
    explained: list[Explained] | None = None
    attributes: AttributePairs | None = None


@dataclass(frozen=True)
class ScoredRun:
    """A scored run; `ignored` counts the predictions that are not scored, by reason."""

    key: AnswerKey
    references: References
    scored: tuple[SystemScores, ...]
    rows: tuple[ScoreRow, ...]
    ignored: Mapping[str, int]
    warnings: tuple[str, ...]
    settings: Settings
    inputs: tuple[Path, ...]
    conflict: Conflict | None = None

    @property
    def systems(self) -> list[System]:
        return [one.system for one in self.scored]

    @property
    def unused_corpora(self) -> list[str]:
        """Corpora that were given but have no utterance in the chosen split."""
        used = {utterance.corpus for utterance in self.references.utterances}
        return sorted(set(self.key.corpora) - used)

    @property
    def notes(self) -> list[str]:
        """What a reader of the scores needs to know."""
        told = [*gender_notes(self.references)]
        if self.conflict is not None:
            told.append(self.conflict.note)
        n = int(self.references.subsets["all"].mask.sum())
        if not self.settings.draws or n >= _ENOUGH:
            return told
        cure = "" if self.settings.interval == "bca" else "Use --interval bca. "
        return [
            *told,
            f"an interval of {n:,} utterances holds the true score less often than 95 %: with "
            "rare classes, percentiles hold it in 80 % of the cases at n = 100, and in 90 % at "
            f'n = 300. {cure}See docs/scores.md, "Intervals".',
        ]


def score_run(
    references: Sequence[Path],
    predictions: Sequence[Path],
    settings: Settings | None = None,
    *,
    cues: Sequence[Path] = (),
    emotions: EmotionSources | None = None,
) -> ScoredRun:
    """Scores every system of the prediction files; writes nothing.

    Args: `cues`, files of measured cues, which the answers' claims are compared with; `emotions`,
        where the emotions of words and voice come from, which the answers may follow.

    Raises: `InputError` or `BadInput` as `read_systems` and `read_conflict`, and for a broken file
        of cues.
    """
    settings = settings or Settings()
    key, chosen, systems, ignored = read_systems(
        references,
        predictions,
        reader=settings.reader,
        split=settings.split,
        classes=settings.classes,
        secondary=settings.secondary,
        all_inclusive=settings.all_inclusive,
        entropy=settings.entropy,
    )
    heard = _read_cues(cues)
    conflict = read_conflict(emotions, chosen, settings.reader, systems) if emotions else None
    scored = [_scored(system, chosen, heard, conflict, settings) for system in systems]
    baseline = replace(
        _signature(chosen), rests_on=dict(_rests_on(scored, chosen, heard, conflict))
    )
    signature = replace(baseline, parser=settings.reader.version)
    rows = [
        *_rows_of_all(scored, chosen, signature),
        *_baseline_rows(chosen, conflict, baseline, settings),
    ]
    return ScoredRun(
        key,
        chosen,
        tuple(scored),
        tuple(rows),
        ignored,
        (
            *_warnings(scored, chosen),
            *unscaled_warnings(systems, chosen, key.corpora),
            *(conflict.warnings if conflict else ()),
            *(_cues_warnings(heard, chosen) if cues else ()),
        ),
        settings,
        (*references, *predictions, *cues, *(emotions.files if emotions else ())),
        conflict,
    )


def _claims_version() -> str:
    # The reader of claims is loaded only where there are cues.
    from whyser.evidence.lexicon import claims_version

    return claims_version()


def _read_cues(paths: Sequence[Path]) -> dict[str, Cues]:
    if not paths:
        return {}
    # Most runs need none, and they are slow to load.
    from whyser.evidence.cues import read_cues

    return {one.id: one for path in paths for one in read_cues(path)}


# Scores


def _scored(
    system: System,
    references: References,
    cues: Mapping[str, Cues],
    conflict: Conflict | None,
    settings: Settings,
) -> SystemScores:
    draws = 0 if system.name.control in REPEATED else settings.draws
    claims = explained(references.utterances, list(system.texts), cues) if cues else None
    items = system.items(references)
    cells = _cells(items, references, settings.unit)
    plans = [_by_unit(_plan(cells, references.classes), references, settings.unit)]
    if conflict is not None:
        plans.append(_conflict_plan(items, conflict, settings.unit))
    answers = AnswerMaterial.of(system, references, claims, with_transcripts=settings.wer)
    for more in answer_plans([answers], references.subsets):
        plans.append(_by_unit(more, references, settings.unit))
    scores = [
        score
        for plan in plans
        for score in bootstrap(plan, draws=draws, seed=settings.seed, interval=settings.interval)
    ]
    if draws:
        speakers = references.speakers if settings.unit == "speaker" else None
        scores += p_of_gender_gap(cells, speakers, seed=settings.seed)
    if claims is not None:
        agreed = compress(claims, references.subsets["all"].mask)
        scores += shuffled_metrics(list(agreed), cues, seed=settings.seed)
    return SystemScores(system, scores, claims, answers.attributes)


def _cells(items: Items, references: References, unit: Unit) -> Cells:
    """What is resampled: equal utterances together, or each by itself where speakers are drawn."""
    if unit == "speaker":
        return Cells(items, np.ones(len(items), dtype=np.int64), references.subsets)
    return collapse(items, references.subsets)


def _by_unit(plan: ResamplingPlan, references: References, unit: Unit) -> ResamplingPlan:
    return plan.by_cluster(references.speakers) if unit == "speaker" else plan


def _plan(cells: Cells, classes: Sequence[str]) -> ResamplingPlan:
    """Every metric of the classes, and on some subsets class by class."""
    subsets = {name: cells.subsets[name] for name in _BY_CLASS}
    each = ResamplingPlan.of(replace(cells, subsets=subsets), by_class(classes))
    return _class_plan(cells) | each


def _class_plan(cells: Cells) -> ResamplingPlan:
    """Every metric of the classes on every subset, and the gap between genders."""
    return with_gender_gap(ResamplingPlan.of(cells, metrics_of("classes")))


def _conflict_plan(items: Items, conflict: Conflict, unit: Unit) -> ResamplingPlan:
    cells = _cells(conflict.items(items.predictions), conflict.references, unit)
    return _by_unit(conflict_plan(cells), conflict.references, unit)


def _rows_of_all(
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


def _baseline_rows(
    references: References, conflict: Conflict | None, signature: Signature, settings: Settings
) -> Iterator[ScoreRow]:
    """Chance baselines that a system must beat: the most frequent class, and draws by prior.

    Where a system has probabilities, the prior's are the shares of the labels.
    """
    # The first declared of equally frequent classes.
    majority = references.classes[int(controls.class_counts(references).argmax())]
    items = references.items([majority] * len(references))
    plan = _plan(_cells(items, references, settings.unit), references.classes)
    plans = [_by_unit(plan, references, settings.unit)]
    guessed: list[tuple[Items, Callable[[Cells], ResamplingPlan]]] = [(items, _class_plan)]
    if conflict is not None:
        plans.append(_conflict_plan(items, conflict, settings.unit))
        guessed.append((conflict.items(items.predictions), conflict_plan))
    draws, seed = settings.draws, settings.seed
    drawn = partial(bootstrap, draws=draws, seed=seed, interval=settings.interval)
    constant = [drawn(one) for one in plans]
    prior = [controls.prior_estimates(references, *one, draws=draws, seed=seed) for one in guessed]
    if signature.rests_on.keys() & metrics_of("probabilities").keys():
        shares = AnswerMaterial.of_probabilities(controls.prior_shares(references), references)
        for more in answer_plans([shares], references.subsets):
            prior.append(drawn(_by_unit(more, references, settings.unit)))
    for name, scores in ((f"constant:{majority}", constant), ("prior", prior)):
        guess = SystemName(name, "any", "none")
        yield from _rows(guess, chain(*scores), signature, references, ())


def _signature(references: References) -> Signature:
    """The signature of a baseline, which reads no question."""
    return Signature(
        corpora=frozenset(corpus for corpus, _ in references.parts),
        splits=frozenset(split for _, split in references.parts),
        form="any",
        control="none",
        parser="none",
        references=references.hash,
        inclusive=references.hash_inclusive if "all_inclusive" in references.subsets else "",
        prompts=frozenset(),
        annotators="primary+secondary" if references.secondary else "primary",
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
    named = {name: one and RESTS_ON.get(one.material) for name, one in sorted(metrics.items())}
    found = {what: hashes[what]() for what in set(named.values()) if what}
    for name, what in named.items():
        if what:
            readers = {
                "cues": lambda: {"claims": _claims_version()},
                "attributes": lambda: {"values": VERSION},
            }
            yield name, {what: found[what], **readers.get(what, dict)()}


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


def _warnings(scored: Sequence[SystemScores], references: References) -> Iterator[str]:
    headlines = {
        one.system.name: next(
            score for score in one.scores if (score.subset, score.metric) == ("all", "f1_majority")
        )
        for one in scored
    }
    yield from controls.warnings(headlines)
    for one in scored:
        shares = one.system.distributions or []
        if missing := sum(not any(each.values()) for each in shares):
            yield (
                f"{missing:,} of {len(shares):,} answers of {one.system.name} give no label a "
                "probability. They count as uniform, which flatters kl, js and ece."
            )
    for name, count in zip(references.classes, controls.class_counts(references), strict=True):
        if not count:
            yield (
                f"no reference is {name}, so it counts as 0 in every average. If no utterance can "
                "have that class, declare the others with --classes."
            )


def _cues_warnings(cues: Mapping[str, Cues], references: References) -> Iterator[str]:
    missing = sum(one.id not in cues for one in references.utterances)
    if missing:
        yield (
            f"{missing:,} of {len(references):,} references have no measured cues, so no claim "
            "about them can be checked."
        )


# Files


def write_run(run: ScoredRun, audit: Mapping[str, Any], folder: Path) -> None:
    """Writes samples.jsonl, audit.json, scores.json and provenance.json, all or none.

    Where provenance.json is, all four are of one run.
    """
    record = provenance(run.inputs) | _facts(run)
    samples = (
        sample_lines(run.key, run.references, one.system, one.explained, one.attributes)
        for one in run.scored
    )
    last = folder / "provenance.json"
    with atomic_set(last) as files:
        write_jsonl(files(folder / "samples.jsonl"), chain.from_iterable(samples))
        write_json(files(folder / "audit.json"), audit)
        write_json(files(folder / "scores.json"), scores_json(run))
        write_json(files(last), record)


def scores_json(run: ScoredRun) -> list[dict[str, Any]]:
    return [asdict(row) for row in run.rows]


def _facts(run: ScoredRun) -> dict[str, Any]:
    return {
        "settings": {**vars(run.settings), "reader": run.settings.reader.version},
        "classes": list(run.references.classes),
        "parts": sorted(map("/".join, run.references.parts)),
        "n": {name: int(one.mask.sum()) for name, one in run.references.subsets.items()},
        "ignored": dict(run.ignored),
        "conflict": run.conflict.facts if run.conflict else None,
        "systems": [
            {
                **asdict(system.name),
                "stages": dict(Counter(reading.stage for reading in system.readings)),
                "unread": system.unread,
                "other": sum(
                    reading.label is not None and reading.label not in run.references.classes
                    for reading in system.readings
                ),
                "two_emotions": sum(reading.two_emotions for reading in system.readings),
                "probabilities": dict(system.sources),
            }
            for system in run.systems
        ],
        "warnings": list(run.warnings),
        "notes": run.notes,
    }
