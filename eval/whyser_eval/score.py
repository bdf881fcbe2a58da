"""References and predictions in; scores, samples and provenance out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from whyser.answer import parse_answer
from whyser.files import write_json, write_jsonl
from whyser.labels import EmotionClass
from whyser.utterance import Utterance
from whyser_eval import controls
from whyser_eval.metrics import METRICS, Items
from whyser_eval.provenance import provenance
from whyser_eval.readers import Reader, RuleReader
from whyser_eval.references import (
    AnswerKey,
    References,
    declared_classes,
    part_of,
    read_answer_key,
    select_references,
)
from whyser_eval.resampling import Estimate, bootstrap
from whyser_eval.signature import Signature
from whyser_eval.systems import System, SystemName, align, chosen_parts, read_groups


@dataclass(frozen=True)
class Settings:
    """What a person may choose about scoring; None leaves the choice to the data files."""

    split: str | None = None
    classes: tuple[EmotionClass, ...] | None = None
    secondary: bool = False
    draws: int = 1000
    seed: int = 0
    reader: Reader = field(default_factory=RuleReader)


@dataclass(frozen=True)
class ScoreRow:
    """A line of `scores.json` (design: "What flows")."""

    system: str
    form: str
    control: str
    subset: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    signature: str


@dataclass(frozen=True)
class Run:
    """A finished scoring; `ignored` counts predictions that no score looks at, by reason."""

    key: AnswerKey
    references: References
    systems: tuple[System, ...]
    rows: tuple[ScoreRow, ...]
    ignored: Mapping[str, int]
    warnings: tuple[str, ...]
    settings: Settings
    inputs: tuple[Path, ...]

    @property
    def unused_corpora(self) -> list[str]:
        """Corpora whose file was given, but which the chosen split scores nothing of."""
        used = {utterance.corpus for utterance in self.references.utterances}
        return sorted(set(self.key.corpora) - used)


def score_run(
    references: Sequence[Path], predictions: Sequence[Path], settings: Settings | None = None
) -> Run:
    """Scores every system of the prediction files; writes nothing.

    Raises: `InputError` or `BadInput` for broken or empty files, missing, extra or repeated ids,
    labels outside the declared classes, or no reference left.
    """
    settings = settings or Settings()
    key = read_answer_key(references)
    classes = settings.classes or declared_classes(references)
    found = read_groups(predictions)
    parts = chosen_parts(key, found, settings.split)
    chosen = select_references(key, parts, classes, secondary=settings.secondary)
    ignored: Counter[str] = Counter()
    systems = align(found, key, chosen, ignored, settings.reader)
    estimated = [
        (system, _bootstrapped(system.items(chosen), chosen, settings)) for system in systems
    ]
    rows = [
        row
        for system, scores in estimated
        for row in _system_rows(system, scores, chosen, settings.reader.version)
    ] + list(_baseline_rows(chosen, settings))
    return Run(
        key,
        chosen,
        tuple(systems),
        tuple(rows),
        ignored,
        tuple(_warnings(estimated)),
        settings,
        (*references, *predictions),
    )


# Scores


def _bootstrapped(items: Items, references: References, settings: Settings) -> list[Estimate]:
    return bootstrap(items, references.subsets, METRICS, draws=settings.draws, seed=settings.seed)


def _system_rows(
    system: System, scores: Iterable[Estimate], references: References, parser: str
) -> Iterator[ScoreRow]:
    signature = _signature(
        references, system.name.form, system.name.control, parser, system.prompts
    )
    unread = {
        subset: sum(
            reading.label is None
            for reading, inside in zip(system.readings, mask, strict=True)
            if inside
        )
        for subset, mask in references.subsets.items()
    }
    return _rows(system.name, scores, signature, unread)


def _baseline_rows(references: References, settings: Settings) -> Iterator[ScoreRow]:
    """A constant and a prior-sampling guesser: what a score must beat to mean anything."""
    majority = controls.majority_class(references)
    constant = references.items([majority] * len(references))
    signature = _signature(references, "any", "none", "none", frozenset())
    nothing_unread = dict.fromkeys(references.subsets, 0)
    for name, scores in (
        (f"constant:{majority}", _bootstrapped(constant, references, settings)),
        (
            "prior",
            controls.prior_estimates(references, METRICS, draws=settings.draws, seed=settings.seed),
        ),
    ):
        yield from _rows(SystemName(name, "any", "none"), scores, signature, nothing_unread)


def _signature(
    references: References, form: str, control: str, parser: str, prompts: frozenset[str]
) -> Signature:
    parts = [part_of(utterance) for utterance in references.utterances]
    return Signature(
        corpora=frozenset(corpus for corpus, _ in parts),
        splits=frozenset(split for _, split in parts),
        form=form,
        control=control,
        labels=len(references.classes),
        parser=parser,
        references=references.hash,
        prompts=prompts,
        annotators="primary+secondary" if references.secondary else "primary",
    )


def _rows(
    name: SystemName,
    scores: Iterable[Estimate],
    signature: Signature,
    unread: Mapping[str, int],
) -> Iterator[ScoreRow]:
    for score in scores:
        rendered = signature.render(
            score.metric, subset=score.subset, n=score.n, unread=unread[score.subset]
        )
        yield ScoreRow(
            name.model,
            name.form,
            name.control,
            **asdict(score),
            signature=rendered,
        )


def _warnings(estimated: Sequence[tuple[System, Sequence[Estimate]]]) -> list[str]:
    headline = [
        next(score for score in scores if (score.subset, score.metric) == ("all", "f1_majority"))
        for _, scores in estimated
    ]
    names = [system.name for system, _ in estimated]
    pairs = controls.paired([(name.model, name.form, name.control) for name in names])
    return controls.warnings(
        controls.Contest(str(names[own]), headline[own], headline[shuffled])
        for own, shuffled in pairs
    )


# Files


def write_run(run: Run, folder: Path) -> None:
    """Writes scores.json, samples.jsonl and provenance.json, each atomically."""
    record = provenance(run.inputs) | _facts(run)
    write_jsonl(folder / "samples.jsonl", _samples(run))
    write_json(folder / "provenance.json", record)
    write_json(folder / "scores.json", scores_json(run))


def scores_json(run: Run) -> list[dict[str, Any]]:
    return [asdict(row) for row in run.rows]


def _facts(run: Run) -> dict[str, Any]:
    return {
        "settings": {**vars(run.settings), "reader": run.settings.reader.version},
        "classes": list(run.references.classes),
        "parts": sorted({"/".join(part_of(found)) for found in run.references.utterances}),
        "n": {name: int(mask.sum()) for name, mask in run.references.subsets.items()},
        "ignored": dict(run.ignored),
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
            }
            for system in run.systems
        ],
        "warnings": list(run.warnings),
    }


def _samples(run: Run) -> Iterator[str]:
    """One line per system and utterance: all that a report or a second look needs."""
    references = run.references
    shared = [
        _shared_fields(run.key, utterance, sorted(chosen), bool(is_strict))
        for utterance, chosen, is_strict in zip(
            references.utterances, references.label_sets, references.subsets["strict"], strict=True
        )
    ]
    for system in run.systems:
        hits = system.items(references).hit
        for fields, answer, reading, hit in zip(
            shared, system.answers, system.readings, hits, strict=True
        ):
            blocks = parse_answer(answer.text)
            yield json.dumps(
                {
                    "id": answer.id,
                    "system": system.name.model,
                    "form": system.name.form,
                    "control": system.name.control,
                    **fields,
                    "prediction": reading.label,
                    "stage": reading.stage,
                    "word": reading.word,
                    "two_emotions": reading.two_emotions,
                    "is_hit": bool(hit),
                    "transcript": blocks.transcript,
                    "rationale": blocks.rationale,
                    "text": answer.text,
                },
                ensure_ascii=False,
            )


def _shared_fields(
    key: AnswerKey, utterance: Utterance, annotators: Sequence[str], is_strict: bool
) -> dict[str, Any]:
    audio = key.audio_path(utterance)
    return {
        "corpus": utterance.corpus,
        "split": utterance.split,
        "speaker": utterance.speaker,
        "gender": utterance.gender,
        "label": utterance.label,
        "annotators": annotators,
        "votes": dict(Counter(utterance.primaries).most_common()),
        "is_strict": is_strict,
        "audio": str(audio) if audio else None,
        "reference_transcript": utterance.transcript,
    }
