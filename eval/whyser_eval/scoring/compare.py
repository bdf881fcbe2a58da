"""Systems compared with one of them on the same utterances, and tests of the differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import atomic_set, read_record, write_json
from whyser.records.provenance import provenance
from whyser_eval.metrics.classification import f1_majority
from whyser_eval.metrics.declaration import metrics_of
from whyser_eval.scoring.answer_metrics import AnswerMaterial, answer_plans
from whyser_eval.scoring.conflict import counted_in
from whyser_eval.scoring.score import ScoredRun
from whyser_eval.scoring.system_scores import SystemScores
from whyser_eval.statistics.bootstrap import Unit, clusters_of
from whyser_eval.statistics.clustering import clustering
from whyser_eval.statistics.significance import Pairing, differences, holm, pair, pair_plans

#: The metrics and subsets that the paper tests.
COMPARED = ("f1_majority", "f1_all_labels")
SUBSETS = ("all", "strict")


@dataclass(frozen=True)
class SystemComparison:
    """A line of `comparisons.json`: `system` less `against`, both with one form.

    The figures are those of `PairedDifference`; `p_holm` is `p` adjusted for all comparisons of the
    same family: the paper's metrics and subsets, or those of one other metric. So it does not
    depend on which metrics the options add. They are None on a subset without utterances.
    """

    system: str
    against: str
    form: str
    subset: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    p_bootstrap: float | None
    smallest: float | None
    n: int


def compare(
    run: ScoredRun,
    against: str,
    *,
    unit: Unit = "utterance",
    draws: int = 10_000,
    seed: int = 0,
) -> list[SystemComparison]:
    """Compares every system without a control with the named one, form by form.

    Every metric that both systems have is tested, but those of a single class and
    `groundedness_shuffled`: chance belongs to no utterance. The paper's metrics come first.

    Args: `unit`, what is resampled and swapped: utterances, or speakers with all of theirs.

    Raises: `InputError` for an unknown system, or if there is no other to compare with it.
    """
    speakers = _speakers(run) if unit == "speaker" else None
    found = [
        SystemComparison(
            first.system.name.model, against, first.system.name.form, p_holm=None, **vars(one)
        )
        for first, second in _pairs(run, against)
        for pairing in _pairings(run, first, second, speakers)
        for one in differences(pairing, draws=draws, seed=seed)
    ]
    families: dict[str, list[SystemComparison]] = {"paper": []}
    for one in found:
        is_papers = one.metric in COMPARED and one.subset in SUBSETS
        families.setdefault("paper" if is_papers else one.metric, []).append(one)
    return [one for family in families.values() for one in _adjusted(family)]


def clustering_warnings(run: ScoredRun, against: str) -> Iterator[str]:
    """A line for each pair of systems whose answers are alike within a speaker.

    There a test that draws utterances takes a difference for sure that is not.
    """
    speakers = clusters_of(_speakers(run))
    mask = run.references.subsets["all"].mask
    for first, second in _pairs(run, against):
        own, other = (
            f1_majority(one.system.items(run.references)).take(mask) for one in (first, second)
        )
        found = clustering(own, other, speakers[mask])
        if found.is_noteworthy:
            yield (
                f"answers are alike within a speaker: the standard error of {first.system.name} "
                f"less {against} is {found.ratio:.2f} times as large over the {found.speakers:,} "
                "speakers as over the utterances (f1_majority). Tests that draw utterances find a "
                f"difference at 0.05 in about {found.false_positives:.0%} of the cases without "
                "one. Give --resample-by speaker."
            )


def _speakers(run: ScoredRun) -> list[str | None]:
    return [one.speaker for one in run.references.utterances]


def _pairs(run: ScoredRun, against: str) -> list[tuple[SystemScores, SystemScores]]:
    """Each other system and the named one, for the same form of the question."""
    scored = [one for one in run.scored if one.system.name.control == "none"]
    names = dict.fromkeys(one.system.name.model for one in scored)
    if against not in names:
        raise InputError(f"no system {against!r}", cure=did_you_mean(against, names))
    found = []
    for base, other in product(scored, scored):
        first, second = other.system.name, base.system.name
        if second.model == against != first.model and first.form == second.form:
            found.append((other, base))
    if not found:
        raise InputError(
            f"nothing to compare with {against!r}",
            cure="Give another system's predictions for the same form of the question.",
        )
    return found


def _pairings(
    run: ScoredRun,
    first: SystemScores,
    second: SystemScores,
    speakers: Sequence[str | None] | None,
) -> Iterator[Pairing]:
    """The metrics of the classes, and those of what else both systems' answers hold."""
    references = run.references
    wanted = (*SUBSETS, "all_inclusive")
    subsets = {name: one for name, one in references.subsets.items() if name in wanted}
    own, other = (one.system.items(references) for one in (first, second))
    yield pair(own, other, subsets, metrics_of("classes"), speakers)
    if run.conflict is not None:
        own, other = (run.conflict.items(one.predictions) for one in (own, other))
        for name, metric in metrics_of("conflict").items():
            counted = counted_in(metric(own), subsets)
            yield pair(own, other, counted, {name: metric}, speakers)
    answers = [
        AnswerMaterial.of(one.system, references, one.explained, with_transcripts=run.settings.wer)
        for one in (first, second)
    ]
    if plans := answer_plans(answers, subsets):
        one, another = plans
        yield pair_plans(one, another, speakers)


def _adjusted(rows: Sequence[SystemComparison]) -> Iterator[SystemComparison]:
    adjusted = iter(holm([row.p for row in rows if row.p is not None]))
    for row in rows:
        yield row if row.p is None else replace(row, p_holm=next(adjusted))


def comparisons_json(rows: Sequence[SystemComparison]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def write_comparisons(
    rows: Sequence[SystemComparison],
    run: ScoredRun,
    path: Path,
    *,
    warnings: Sequence[str] = (),
    **settings: str | int,
) -> None:
    """Writes the rows and a file of their provenance, both or none."""
    settings |= {
        "classes": ",".join(run.references.classes),
        "secondary": run.settings.secondary,
        "reader": run.settings.reader.version,
    }
    record = provenance(run.inputs) | {"settings": settings, "warnings": list(warnings)}
    with atomic_set(path) as files:
        write_json(files(path.with_suffix(".provenance.json")), record)
        write_json(files(path), comparisons_json(rows))


_ROWS = TypeAdapter(list[SystemComparison])


def read_comparisons(path: Path) -> list[SystemComparison]:
    """The rows that `write_comparisons` wrote.

    Raises: `InputError` for a missing or a broken file.
    """
    return read_record(path, _ROWS, cure="Give a file that whyser-eval compare --output wrote.")
